"""Charts that students submitted in unexpected forms. Each was once judged wrongly."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE,
    STABLE_SERVICE,
    Above,
    Add,
    Below,
    Delete,
    Edit,
    Everywhere,
    Move,
    Mutation,
    Replace,
    accepted,
    canary,
    fate,
    rejected,
)

STABLE_IMAGE = "image: {{ .Values.upcommerce.image }}"
KIND = "apiVersion: apps/v1\nkind: Deployment"
OLD_LABEL, NEW_LABEL = "app: {{ .Release.Name }}-app", "app.kubernetes.io/name: {{ .Release.Name }}"


def nowhere(*edits: Edit) -> Mutation:
    """Return the reference with a canary that is not rendered."""
    return rejected("canary-present", *edits, outcome="no-canary")


def of_kind(version_and_kind: str) -> Mutation:
    """Return the reference with a canary of a kind that the cluster does not know."""
    unknown = Replace(DEPLOYMENT, KIND, version_and_kind)
    return rejected("canary-present", unknown, outcome="no-canary", follows="upgrade-applied")


MEMORY = "memory: {{ .Values.memoryLimit }}"
RANDOM = "{{ .Release.Name }}-canary-{{ randAlphaNum 5 | lower }}"
BY_REVISION = "{{ .Release.Name }}-canary-{{ .Release.Revision }}"
CHECKED = """
{{- if ne .Release.Namespace "sre" }}{{ fail "install it into sre" }}{{ end }}
{{- if ne .Release.Name "upcommerce" }}{{ fail "call it upcommerce" }}{{ end }}
"""

MUTATIONS = {
    # --- charts that render differently elsewhere or later
    "named-by-its-revision": accepted(
        *canary(BY_REVISION, '{app: canary, revision: "{{ .Release.Revision }}"}'),
        Replace(SERVICE, "{{ .Release.Name }}-canary-service", BY_REVISION),
    ),
    "named-at-random": accepted(Replace(DEPLOYMENT, "  name: {{ .Release.Name }}-canary-app", f"  name: {RANDOM}")),
    "insists-on-the-namespace": accepted(Add("templates/checks.yaml", CHECKED)),
    "looks-at-the-cluster": accepted(
        Add(
            "templates/addresses.yaml",
            """
            {{- if lookup "v1" "Service" .Release.Namespace "upcommerce-service" }}
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: addresses}
            {{- end }}
            """,
        )
    ),
    # --- an unchanged stable app in another form
    # The Service uses the port number: by a name that revision 1's pods lack, it would lead nowhere for a while.
    "stable-port-gets-a-name": accepted(
        Replace(STABLE, "- containerPort: 5000", "- containerPort: 5000\n              name: web"),
    ),
    "stable-container-renamed": accepted(Replace(STABLE, "- name: upcommerce", "- name: app")),
    "stable-gets-probes": accepted(
        Below(
            STABLE,
            STABLE_IMAGE,
            "readinessProbe: {tcpSocket: {port: 5000}}\nlivenessProbe: {httpGet: {path: /, port: 5000}}",
        )
    ),
    # --- a changed stable app, and the consequences
    "stable-gets-a-probe-of-the-canary": rejected(
        "stable-untouched",
        Below(STABLE, STABLE_IMAGE, "readinessProbe: {tcpSocket: {port: 5003}, periodSeconds: 1}"),
    ),
    "stable-selector-modernised": rejected(
        "stable-untouched",
        Everywhere(STABLE, OLD_LABEL, NEW_LABEL),
        Replace(STABLE_SERVICE, OLD_LABEL, NEW_LABEL),
        outcome="refused",
        follows="upgrade-applied canary-outcome stable-serves-during-canary stable-never-down",
    ),
    # --- a canary that never starts
    "never-pulled-though-a-neighbour-did": fate(
        "image-pull", Replace(DEPLOYMENT, "{{ .Values.imagePullPolicy }}", "Never")
    ),
    "paused": fate("not-ready", Above(DEPLOYMENT, "replicas: {{ .Values.replicaCount }}", "paused: true")),
    "memory-in-the-wrong-unit": fate("oom-killed", Replace(DEPLOYMENT, MEMORY, "memory: 2Mi")),
    "sidecar-that-only-others-have": accepted(
        Below(DEPLOYMENT, "containers:", "  - {name: proxy, image: envoyproxy/envoy:v1.31}")
    ),
    "labels-one-level-too-far-left": rejected(
        "upgrade-applied",
        Replace(DEPLOYMENT, "      labels:\n        app: {{", "      app: {{"),
        outcome="refused",
        follows="canary-service",
    ),
    # --- the canary's Service and its number of replicas
    "service-is-an-external-name": rejected(
        "canary-service", Below(SERVICE, "spec:", "  type: ExternalName\n  externalName: canary.example.org")
    ),
    "autoscaler-asks-for-two": rejected(
        "canary-replicas",
        Add(
            "templates/autoscaler.yaml",
            """
            apiVersion: autoscaling/v2
            kind: HorizontalPodAutoscaler
            metadata: {name: canary}
            spec:
              scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: upcommerce-canary-app}
              minReplicas: 2
              maxReplicas: 5
              metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
            """,
        ),
    ),
    # --- a canary in a file that Helm does not render
    "name-begins-with-an-underscore": nowhere(Move(DEPLOYMENT, "templates/_canary.yml"), Delete(SERVICE)),
    "ignored": nowhere(Add(".helmignore", "canary-*.yml")),
    # --- a misspelt Deployment
    "kind-misspelt": of_kind("apiVersion: apps/v1\nkind: Deploymnet"),
    "kind-in-small-letters": of_kind("apiVersion: apps/v1\nkind: deployment"),
    "argo-rollout": of_kind("apiVersion: argoproj.io/v1alpha1\nkind: Rollout"),
}
"""The mutations by name."""
