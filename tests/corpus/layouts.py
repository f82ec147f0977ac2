"""Correct charts with other files, formats, templates and values."""

from __future__ import annotations

from tests.corpus.mutation import (
    CHART,
    DEPLOYMENT,
    SERVICE,
    STABLE,
    STABLE_SERVICE,
    VALUES,
    Above,
    Add,
    Append,
    Below,
    Bytes,
    Delete,
    Everywhere,
    Join,
    Move,
    Nest,
    Replace,
    accepted,
    container,
)

IMAGE = "image: {{ .Values.canary.image }}"
REPLICAS = "replicas: {{ .Values.replicaCount }}"
SWITCH = "{{- if .Values.canary.enabled }}"
DOCUMENT = "apiVersion: apps/v1\nkind: Deployment"

MUTATIONS = {
    "reference": accepted(),
    # --- files
    "yaml-instead-of-yml": accepted(
        Move(DEPLOYMENT, "templates/canary-deployment.yaml"), Move(SERVICE, "templates/canary-service.yaml")
    ),
    "one-file-for-the-canary": accepted(Join("templates/canary.yaml", (DEPLOYMENT, SERVICE))),
    "one-file-for-everything": accepted(
        Join("templates/all.yaml", (STABLE, STABLE_SERVICE, DEPLOYMENT, SERVICE)),
    ),
    "canary-below-stable": accepted(Join("templates/deployments.yaml", (STABLE, DEPLOYMENT))),
    "sub-folder": accepted(
        Move(DEPLOYMENT, "templates/canary/deployment.yaml"), Move(SERVICE, "templates/canary/service.yaml")
    ),
    "in-a-repository": accepted(
        Nest("week-4/upcommerce"), Add("README.md", "# My solution"), Add(".gitignore", "*.tgz")
    ),
    "crlf": accepted(*(Bytes(file, newline="\r\n") for file in (VALUES, DEPLOYMENT, SERVICE))),
    "byte-order-mark": accepted(*(Bytes(file, mark=True) for file in (VALUES, DEPLOYMENT, SERVICE))),
    "comments": accepted(
        Below(DEPLOYMENT, "kind: Deployment", "# port: 5000\n# --- not a separator ---\n{{- /* replicas: 2 */}}"),
        Append(VALUES, "# canary:\n#   image: none"),
    ),
    "empty-documents": accepted(
        Replace(DEPLOYMENT, DOCUMENT, f"---\n---\n# nothing\n---\n{DOCUMENT}"), Append(SERVICE, "---\n\n---")
    ),
    "blank-template": accepted(Add("templates/extra.yaml", "{{- if .Values.extra }}\nkind: Nothing\n{{- end }}")),
    "helmignore-and-readme": accepted(
        Add(".helmignore", "*.bak\n.git/"), Add("README.md", "# upcommerce"), Add("values.yaml.bak", "canary: {{")
    ),
    # --- the chart
    "chart-api-v2": accepted(
        Replace(CHART, "apiVersion: v1", "apiVersion: v2"), Append(CHART, 'type: application\nappVersion: "3"')
    ),
    "next-version": accepted(Replace(CHART, "version: 0.1.0", "version: 0.2.0")),
    "notes": accepted(Add("templates/NOTES.txt", "The canary listens on 5003: {{ .Values.canary.image }}")),
    "values-schema": accepted(
        Add(
            "values.schema.json",
            """
            {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["canary"],
             "properties": {"replicaCount": {"type": "integer", "minimum": 1},
                            "canary": {"type": "object", "required": ["image"]}}}
            """,
        )
    ),
    "vendored-sub-chart": accepted(
        Add("charts/canary/Chart.yaml", "apiVersion: v2\nname: canary\nversion: 0.1.0"),
        Add("charts/canary/values.yaml", "image: none\nreplicas: 2"),
        Move(DEPLOYMENT, "charts/canary/templates/deployment.yaml"),
        Move(SERVICE, "charts/canary/templates/service.yaml"),
        Everywhere("charts/canary/templates/deployment.yaml", ".Values.canary.image", ".Values.image"),
        Everywhere("charts/canary/templates/deployment.yaml", ".Values.replicaCount", ".Values.replicas"),
        Everywhere("charts/canary/templates/deployment.yaml", ".Values.imagePullPolicy", '"Always"'),
        Everywhere("charts/canary/templates/deployment.yaml", ".Values.cpuLimit", '"0.5"'),
        Everywhere("charts/canary/templates/deployment.yaml", ".Values.memoryLimit", '"2Gi"'),
        Append(VALUES, "  replicas: 1"),
    ),
    # --- templates
    "helper-templates": accepted(
        Add("templates/_helpers.tpl", '{{- define "canary.labels" }}\napp: {{ .Release.Name }}-canary-app\n{{- end }}'),
        Replace(
            DEPLOYMENT,
            "      labels:\n        app: {{ .Release.Name }}-canary-app",
            '      labels: {{- include "canary.labels" . | nindent 8 }}',
        ),
        Replace(
            SERVICE,
            "  selector:\n    app: {{ .Release.Name }}-canary-app",
            '  selector: {{- include "canary.labels" . | nindent 4 }}',
        ),
    ),
    "behind-a-switch": accepted(
        Above(DEPLOYMENT, "apiVersion: apps/v1", SWITCH),
        Append(DEPLOYMENT, "{{- end }}"),
        Above(SERVICE, "apiVersion: v1", SWITCH),
        Append(SERVICE, "{{- end }}"),
        Append(VALUES, "  enabled: true"),
    ),
    "kind-list": accepted(
        Delete(SERVICE),
        Add(
            SERVICE,
            """
            apiVersion: v1
            kind: List
            items:
              - apiVersion: v1
                kind: Service
                metadata: {name: upcommerce-canary-service}
                spec:
                  selector: {app: upcommerce-canary-app}
                  ports: [{port: 5003, targetPort: 5003}]
            """,
        ),
    ),
    "capabilities": accepted(
        Replace(
            DEPLOYMENT,
            "apiVersion: apps/v1",
            'apiVersion: {{ if .Capabilities.APIVersions.Has "apps/v1" }}apps/v1{{ else }}extensions/v1beta1{{ end }}',
        )
    ),
    "anchors": accepted(
        Replace(
            DEPLOYMENT,
            "    matchLabels:\n      app: {{ .Release.Name }}-canary-app",
            "    matchLabels: &labels\n      app: {{ .Release.Name }}-canary-app",
        ),
        Replace(DEPLOYMENT, "      labels:\n        app: {{ .Release.Name }}-canary-app", "      labels: *labels"),
    ),
    "release-namespace": accepted(
        *(
            Below(file, "metadata:", "  namespace: {{ .Release.Namespace }}")
            for file in (DEPLOYMENT, SERVICE, STABLE, STABLE_SERVICE)
        )
    ),
    "the-courses-namespace": accepted(
        *(Below(file, "metadata:", "  namespace: sre") for file in (DEPLOYMENT, SERVICE))
    ),
    # --- values
    "values-under-another-key": accepted(
        Replace(VALUES, "canary:\n  image: ", "canaryImage: "),
        Replace(DEPLOYMENT, IMAGE, "image: {{ .Values.canaryImage }}"),
    ),
    "image-and-tag": accepted(
        Replace(VALUES, "  image: uonyeka/canary:linux-amd64", "  repository: uonyeka/canary\n  tag: linux-amd64"),
        Replace(DEPLOYMENT, IMAGE, 'image: "{{ .Values.canary.repository }}:{{ .Values.canary.tag }}"'),
    ),
    "everything-hard-coded": accepted(
        Replace(DEPLOYMENT, IMAGE, 'image: "uonyeka/canary:linux-amd64"'),
        Replace(DEPLOYMENT, REPLICAS, "replicas: 1"),
        Replace(DEPLOYMENT, "imagePullPolicy: {{ .Values.imagePullPolicy }}", "imagePullPolicy: Always"),
        Replace(DEPLOYMENT, "cpu: {{ .Values.cpuLimit }}", "cpu: 500m"),
        Replace(DEPLOYMENT, "memory: {{ .Values.memoryLimit }}", "memory: 2Gi"),
        Everywhere(DEPLOYMENT, "{{ .Release.Name }}", "upcommerce"),
        Everywhere(SERVICE, "{{ .Release.Name }}", "upcommerce"),
    ),
    "values-for-everything": accepted(
        Append(VALUES, "  name: canary-app\n  replicas: 1\n  port: 5003"),
        Replace(DEPLOYMENT, REPLICAS, "replicas: {{ .Values.canary.replicas | default 1 }}"),
        Replace(DEPLOYMENT, "containerPort: 5003", "containerPort: {{ .Values.canary.port }}"),
        Everywhere(SERVICE, "5003", "{{ .Values.canary.port }}"),
        Everywhere(DEPLOYMENT, "-canary-app", "-{{ .Values.canary.name }}"),
    ),
    "quoted-and-bare": accepted(
        Replace(VALUES, 'cpuLimit: "0.5"', "cpuLimit: 0.5"),
        Replace(VALUES, 'memoryLimit: "2Gi"', "memoryLimit: 2Gi"),
        Replace(DEPLOYMENT, IMAGE, "image: {{ .Values.canary.image | quote }}"),
        Replace(DEPLOYMENT, "cpu: {{ .Values.cpuLimit }}", 'cpu: "{{ .Values.cpuLimit }}"'),
    ),
    "replicas-left-out": accepted(Replace(DEPLOYMENT, f"  {REPLICAS}\n", "")),
    "stable-limits-kept": accepted(
        Replace(VALUES, 'cpuLimit: "0.5"', 'cpuLimit: "1"'), Replace(VALUES, 'memoryLimit: "2Gi"', 'memoryLimit: "4Gi"')
    ),
    "limits-of-its-own": accepted(
        Replace(VALUES, 'cpuLimit: "0.5"', 'cpuLimit: "1"'),
        Replace(VALUES, 'memoryLimit: "2Gi"', 'memoryLimit: "4Gi"'),
        Replace(DEPLOYMENT, "cpu: {{ .Values.cpuLimit }}", "cpu: 250m"),
        Replace(DEPLOYMENT, "memory: {{ .Values.memoryLimit }}", "memory: 512Mi"),
    ),
    "requests-written-out": accepted(
        Above(DEPLOYMENT, "limits:", "requests: {cpu: 100m, memory: 64Mi}"),
    ),
    "pull-if-not-present": accepted(Replace(VALUES, "imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")),
    "image-with-its-host": accepted(
        Replace(VALUES, "image: uonyeka/canary:linux-amd64", "image: docker.io/uonyeka/canary:linux-amd64")
    ),
    "crashes-on-its-arguments": accepted(container('args: ["--no-such-flag"]')),
}
"""The mutations by name."""
