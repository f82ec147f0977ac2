"""Correct charts whose canary has another outcome than a crash loop."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    VALUES,
    Add,
    Mutation,
    Replace,
    command,
    container,
    fate,
    pod,
    rejected,
)

IMAGE = "uonyeka/canary:linux-amd64"
CPU = "cpu: {{ .Values.cpuLimit }}"
MEMORY = "memory: {{ .Values.memoryLimit }}"
SERVES = command("/agnhost", "netexec", "--http-port=5003", "--delay-shutdown=0")
BROKEN_PROBE = "{tcpSocket: {port: 9}, periodSeconds: 1, failureThreshold: 1}"


def image(reference: str) -> Mutation:
    """Return the reference with an image that cannot be pulled."""
    return fate("image-pull", Replace(VALUES, IMAGE, reference))


def init(*words: str) -> tuple[str, str]:
    """Return an init container, as fields of the pod."""
    listed = ", ".join(f'"{word}"' for word in words)
    return "initContainers:", f"  - {{name: setup, image: uonyeka/upcommerce:v3, command: [{listed}]}}"


MUTATIONS = {
    # --- it stays alive
    "stays-healthy": fate("healthy", Replace(VALUES, IMAGE, "uonyeka/upcommerce:v3")),
    "answers-on-5003": fate("healthy", SERVES),
    "never-ready": fate("not-ready", SERVES, container(f"readinessProbe: {BROKEN_PROBE}")),
    # --- it never starts: the image
    "mistyped-tag": image("uonyeka/canary:linux-amd-64"),
    "no-tag": image("uonyeka/canary"),
    "mistyped-name": image("uonyeka/cannary:linux-amd64"),
    "no-user": image("canary:linux-amd64"),
    "upper-case-image": image("Uonyeka/canary:linux-amd64"),
    "unknown-host": image("images.invalid/uonyeka/canary:linux-amd64"),
    "never-pulled": fate(
        "image-pull",
        Replace(VALUES, IMAGE, "uonyeka/canary:v9"),
        Replace(DEPLOYMENT, "{{ .Values.imagePullPolicy }}", "Never"),
    ),
    # --- it never starts: missing resources
    "no-such-config-map": fate("config-error", container("envFrom: [{configMapRef: {name: canary-config}}]")),
    "no-such-secret": fate(
        "config-error",
        container("env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: canary-secret, key: token}}}]"),
    ),
    "no-such-key": fate(
        "config-error",
        Add("templates/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: canary-config}\ndata: {a: b}"),
        container("env: [{name: TOKEN, valueFrom: {configMapKeyRef: {name: canary-config, key: c}}}]"),
    ),
    "no-such-volume-source": fate(
        "config-error",
        container("volumeMounts: [{name: settings, mountPath: /settings}]"),
        pod("volumes: [{name: settings, configMap: {name: canary-config}}]"),
    ),
    "must-not-be-root": fate("config-error", pod("securityContext: {runAsNonRoot: true}")),
    "no-such-command": fate("start-error", command("/bin/sh", "-c", "exit 1")),
    # --- it ends without an error of its own
    "exits-cleanly": fate("exits-cleanly", command("/agnhost", "entrypoint-tester")),
    "out-of-memory": fate(
        "oom-killed",
        command("/agnhost", "mounttest", "--file_content=/dev/zero"),
        Replace(DEPLOYMENT, MEMORY, "memory: 64Mi"),
    ),
    "killed-by-its-liveness-probe": fate("probe-killed", SERVES, container(f"livenessProbe: {BROKEN_PROBE}")),
    "killed-by-its-startup-probe": fate("probe-killed", SERVES, container(f"startupProbe: {BROKEN_PROBE}")),
    "init-container-fails": fate("init-crash-loop", pod(*init("/agnhost", "netexec", "--http-port=none"))),
    "init-container-never-ends": fate("not-ready", pod(*init("/agnhost", "pause"))),
    # --- it is not scheduled
    "too-much-cpu": fate("unschedulable", Replace(DEPLOYMENT, CPU, "cpu: 500")),
    "too-much-memory": fate("unschedulable", Replace(DEPLOYMENT, MEMORY, "memory: 4Ti")),
    "no-such-node": fate("unschedulable", pod("nodeSelector: {disktype: ssd}")),
    # --- the cluster refuses its pods
    "quota": fate(
        "refused",
        Add(
            "templates/quota.yaml",
            "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small}\nspec: {hard: {limits.memory: 1Gi}}",
        ),
        Replace(VALUES, 'cpuLimit: "0.5"', 'cpuLimit: "1"'),
        Replace(VALUES, 'memoryLimit: "2Gi"', 'memoryLimit: "4Gi"'),
    ),
    "limit-range": fate(
        "refused",
        Add(
            "templates/limits.yaml",
            """
            apiVersion: v1
            kind: LimitRange
            metadata: {name: small}
            spec: {limits: [{type: Container, max: {memory: 1Gi}}]}
            """,
        ),
        Replace(VALUES, 'cpuLimit: "0.5"', 'cpuLimit: "1"'),
        Replace(VALUES, 'memoryLimit: "2Gi"', 'memoryLimit: "4Gi"'),
    ),
    "no-such-service-account": fate("refused", pod("serviceAccountName: canary")),
    "no-such-priority": fate("refused", pod("priorityClassName: very-important")),
    # --- the API server refuses the chart
    "port-out-of-range": rejected(
        "upgrade-applied",
        Replace(DEPLOYMENT, "containerPort: 5003", "containerPort: 70000"),
        outcome="refused",
        follows="canary-port",
    ),
    "selector-and-labels-differ": rejected(
        "upgrade-applied",
        Replace(
            DEPLOYMENT,
            "      labels:\n        app: {{ .Release.Name }}-canary-app",
            "      labels:\n        app: {{ .Release.Name }}-canary",
        ),
        outcome="refused",
        follows="canary-service",
    ),
    "upper-case-name": rejected(
        "upgrade-applied",
        Replace(DEPLOYMENT, "  name: {{ .Release.Name }}-canary-app", "  name: upcommerce-Canary"),
        outcome="refused",
    ),
    "unknown-kind-of-object": rejected(
        "upgrade-applied",
        Add("templates/extra.yaml", "apiVersion: example.com/v1\nkind: Canary\nmetadata: {name: canary}"),
        outcome="refused",
    ),
    "old-api-version": rejected(
        "upgrade-applied",
        Replace(DEPLOYMENT, "apiVersion: apps/v1", "apiVersion: extensions/v1beta1"),
        outcome="refused",
    ),
    "unknown-pull-policy": rejected(
        "upgrade-applied", Replace(DEPLOYMENT, "{{ .Values.imagePullPolicy }}", "Sometimes"), outcome="refused"
    ),
}
"""The mutations by name."""
