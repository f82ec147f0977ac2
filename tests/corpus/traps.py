"""The mistakes of the handout that students copy, and charts that do not render."""

from __future__ import annotations

from tests.corpus.mutation import (
    CHART,
    DEPLOYMENT,
    SERVICE,
    VALUES,
    Add,
    Append,
    Edit,
    Move,
    Mutation,
    Replace,
    accepted,
    rejected,
)


def broken(*edits: Edit) -> Mutation:
    """Return the reference with a fault that Helm cannot render."""
    return rejected("chart-renders", *edits, outcome="broken-chart")


CANARY_VALUES = "canary:\n  image: uonyeka/canary:linux-amd64"
CANARY_IN_YML = Add("values.yml", CANARY_VALUES)

MUTATIONS = {
    # --- mistakes of the handout
    "stray-backtick-after-memory-limit": rejected(
        "upgrade-applied",
        Replace(DEPLOYMENT, "{{ .Values.memoryLimit }}", "{{ .Values.memoryLimit }}`"),
        outcome="refused",
    ),
    "stray-backtick-after-target-port": rejected(
        "upgrade-applied",
        Replace(SERVICE, "targetPort: 5003", "targetPort: 5003`"),
        outcome="refused",
        follows="canary-service",
    ),
    "canary-image-not-indented": broken(Replace(VALUES, "  image: uonyeka/canary", "image: uonyeka/canary")),
    "canary-as-yml-and-yaml": broken(
        Add("templates/canary-deployment.yaml", '{{ tpl (.Files.Get "copy.yml") . }}'),
        Move(DEPLOYMENT, "copy.yml"),
        Add(DEPLOYMENT, '{{ tpl (.Files.Get "copy.yml") . }}'),
    ),
    "values-yml-instead-of-yaml": broken(Move(VALUES, "values.yml")),
    "canary-values-in-yml": broken(Replace(VALUES, f"{CANARY_VALUES}\n", ""), CANARY_IN_YML),
    "canary-values-forgotten": broken(Replace(VALUES, f"{CANARY_VALUES}\n", "")),
    # --- other mistakes
    "tab-in-a-template": broken(Replace(DEPLOYMENT, "  replicas:", "\treplicas:")),
    "tab-in-values": broken(Replace(VALUES, "  image: uonyeka/canary", "\timage: uonyeka/canary")),
    "brace-missing": broken(Replace(DEPLOYMENT, "{{ .Values.canary.image }}", "{{ .Values.canary.image }")),
    "space-in-the-image": broken(
        Replace(DEPLOYMENT, "image: {{ .Values.canary.image }}", "image: uonyeka/canary: linux-amd64")
    ),
    "helper-missing": broken(Append(DEPLOYMENT, '{{ include "canary.labels" . }}')),
    "indentation-lost": broken(Replace(DEPLOYMENT, "          image: {{", "       image: {{")),
    "replicas-as-text": broken(Replace(DEPLOYMENT, "replicas: {{ .Values.replicaCount }}", 'replicas: "1"')),
    "port-as-text": broken(Replace(DEPLOYMENT, "containerPort: 5003", 'containerPort: "5003"')),
    "kind-missing": broken(Replace(SERVICE, "kind: Service\n", "")),
    "name-missing": broken(Replace(SERVICE, "  name: {{ .Release.Name }}-canary-service", "  labels: {}")),
    "key-twice": accepted(Append(VALUES, "canary:\n  image: uonyeka/canary:linux-amd64")),
    "schema-not-met": broken(Add("values.schema.json", '{"properties": {"canary": {"required": ["image", "tag"]}}}')),
    "dependency-not-vendored": broken(
        Replace(CHART, "apiVersion: v1", "apiVersion: v2"),
        Append(CHART, "dependencies: [{name: canary, version: 0.1.0, repository: 'https://charts.invalid'}]"),
    ),
    "chart-without-a-version": broken(Replace(CHART, "version: 0.1.0\n", "")),
    "name-of-stable": broken(
        Replace(DEPLOYMENT, "  name: {{ .Release.Name }}-canary-app", "  name: {{ .Release.Name }}-app")
    ),
}
"""The mutations by name."""
