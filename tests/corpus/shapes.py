"""Charts without a canary, with two canaries, or with another object in its place."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE,
    Add,
    Append,
    Below,
    Delete,
    Mutation,
    Replace,
    rejected,
)

KIND = "apiVersion: apps/v1\nkind: Deployment"
NAME = "  name: {{ .Release.Name }}-canary-app\n"
REPLICAS = "  replicas: {{ .Values.replicaCount }}\n"


def instead(kind: str, spec: str) -> Mutation:
    """Return the reference with a canary of another kind."""
    body = f"apiVersion: {kind.partition(' ')[0]}\nkind: {kind.partition(' ')[2]}\nmetadata: {{name: canary}}\n"
    return rejected("canary-present", Delete(DEPLOYMENT), Add(DEPLOYMENT, f"{body}spec: {spec}"), outcome="no-canary")


MAIN = "{name: canary, image: uonyeka/canary:linux-amd64, ports: [{containerPort: 5003}]}"
CONTAINERS = f"containers: [{MAIN}]"
TEMPLATE = f"template: {{metadata: {{labels: {{app: upcommerce-canary-app}}}}, spec: {{{CONTAINERS}}}}}"
JOB = f"template: {{spec: {{restartPolicy: Never, {CONTAINERS}}}}}"
SELECTOR = "selector: {matchLabels: {app: upcommerce-canary-app}}"

MUTATIONS = {
    "no-canary": rejected("canary-present", Delete(DEPLOYMENT), Delete(SERVICE), outcome="no-canary"),
    "service-alone": rejected("canary-present", Delete(DEPLOYMENT), outcome="no-canary"),
    "canary-switched-off": rejected(
        "canary-present",
        Replace(DEPLOYMENT, KIND, "{{- if .Values.canary.enabled }}\n" + KIND),
        Append(DEPLOYMENT, "{{- end }}"),
        outcome="no-canary",
    ),
    "stateful-set": rejected(
        "canary-present",
        Replace(DEPLOYMENT, "kind: Deployment", "kind: StatefulSet"),
        Replace(DEPLOYMENT, REPLICAS, REPLICAS + "  serviceName: upcommerce-canary-service\n"),
        outcome="no-canary",
    ),
    "daemon-set": rejected(
        "canary-present",
        Replace(DEPLOYMENT, "kind: Deployment", "kind: DaemonSet"),
        Replace(DEPLOYMENT, REPLICAS, ""),
        outcome="no-canary",
    ),
    "replica-set": rejected(
        "canary-present", Replace(DEPLOYMENT, "kind: Deployment", "kind: ReplicaSet"), outcome="no-canary"
    ),
    "job": instead("batch/v1 Job", f"{{{JOB}}}"),
    "cron-job": instead("batch/v1 CronJob", f'{{schedule: "* * * * *", jobTemplate: {{spec: {{{JOB}}}}}}}'),
    "bare-pod": instead("v1 Pod", f"{{{CONTAINERS}}}"),
    "deployment-as-a-hook": rejected(
        "canary-present",
        Replace(DEPLOYMENT, NAME, NAME + "  annotations: {helm.sh/hook: post-upgrade}\n"),
        outcome="no-canary",
        follows="canary-gone",
    ),
    "container-in-stable": rejected(
        "canary-present",
        Delete(DEPLOYMENT),
        Below(STABLE, "containers:", f"  - {MAIN}"),
        outcome="no-canary",
        follows="stable-untouched",
    ),
    "stable-turned-into-the-canary": rejected(
        "canary-present stable-untouched",
        Delete(DEPLOYMENT),
        # This pod is never Ready. Otherwise it would replace the serving pod between two crashes.
        Replace(
            STABLE,
            "{{ .Values.upcommerce.image }}",
            "{{ .Values.canary.image }}\n          readinessProbe: {tcpSocket: {port: 5000}}",
        ),
        outcome="no-canary",
    ),
    "two-deployments": rejected(
        "canary-present",
        Add(
            "templates/second.yaml",
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: second}}\nspec: {{{SELECTOR}, {TEMPLATE}}}",
        ),
        outcome="ambiguous",
    ),
    "canary-outside-the-templates": rejected(
        "canary-present",
        Delete(DEPLOYMENT),
        Add("canary-deployment.yml", "outside: templates"),
        outcome="no-canary",
    ),
}
"""The mutations by name."""
