"""The correct canary with other names and labels, with more in its pods, and with more objects beside it."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE,
    STABLE_SERVICE,
    Above,
    Add,
    Append,
    Below,
    Replace,
    accepted,
    canary,
    command,
    container,
    pod,
)

PAUSE = "{name: idle, image: uonyeka/upcommerce:v3, command: [/agnhost, pause]}"
MAIN = "- name: canary"
CANARY = (DEPLOYMENT, SERVICE)
TARGET = "      targetPort: 5003"

MUTATIONS = {
    # --- names and labels
    "named-upcommerce-canary": accepted(*canary("upcommerce-canary", "{app: upcommerce-canary}")),
    "named-with-its-version": accepted(*canary("upcommerce-0-1-0-canary", "{name: upcommerce-canary}")),
    "named-app-canary": accepted(*canary("upcommerce-app-canary", "{app: upcommerce-app-canary}")),
    "recommended-labels": accepted(
        *canary("{{ .Release.Name }}-canary", "{app.kubernetes.io/name: canary, app.kubernetes.io/instance: shop}")
    ),
    "two-labels-selected": accepted(*canary("canary", "{app: upcommerce, track: canary}")),
    "more-labels-than-selected": accepted(
        *canary("canary", "{app: canary, track: canary, version: v4}", selector="{app: canary}")
    ),
    "service-named-like-the-deployment": accepted(
        Replace(SERVICE, "{{ .Release.Name }}-canary-service", "{{ .Release.Name }}-canary-app")
    ),
    "labels-on-the-objects": accepted(
        *(Below(file, "metadata:", "  labels: {track: canary}\n  annotations: {owner: sre}") for file in CANARY)
    ),
    # --- ports
    "named-port": accepted(
        Replace(DEPLOYMENT, "- containerPort: 5003", "- containerPort: 5003\n              name: canary-http"),
        Replace(SERVICE, "targetPort: 5003", "targetPort: canary-http"),
    ),
    "target-port-left-out": accepted(Replace(SERVICE, TARGET, "      name: http")),
    "more-ports": accepted(
        Replace(DEPLOYMENT, "- containerPort: 5003", "- containerPort: 9090\n            - containerPort: 5003"),
        Replace(SERVICE, TARGET, f"{TARGET}\n      name: http\n    - {{port: 9090, name: metrics}}"),
    ),
    "node-port": accepted(Below(SERVICE, "spec:", "  type: NodePort")),
    "load-balancer": accepted(Below(SERVICE, "spec:", "  type: LoadBalancer")),
    "headless": accepted(Below(SERVICE, "spec:", "  clusterIP: None")),
    "two-services": accepted(
        Append(
            SERVICE,
            """
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: canary-from-outside}
            spec:
              type: NodePort
              selector: {app: upcommerce-canary-app}
              ports: [{port: 5003}]
            """,
        )
    ),
    # --- its pods
    "sidecar": accepted(Below(DEPLOYMENT, "containers:", f"  - {PAUSE}")),
    "sidecar-after-it": accepted(Append(DEPLOYMENT, f"        - {PAUSE}")),
    "init-container": accepted(
        pod(
            "initContainers:",
            "  - {name: setup, image: uonyeka/upcommerce:v3, command: [/agnhost, entrypoint-tester]}",
        )
    ),
    "native-sidecar": accepted(pod("initContainers:", f"  - {PAUSE[:-1]}, restartPolicy: Always}}")),
    "readiness-probe": accepted(container("readinessProbe: {tcpSocket: {port: 5003}, periodSeconds: 1}")),
    "liveness-probe": accepted(container("livenessProbe: {httpGet: {path: /, port: 5003}, initialDelaySeconds: 5}")),
    "restart-policy-written-out": accepted(pod("restartPolicy: Always", "terminationGracePeriodSeconds: 5")),
    "environment": accepted(container('env: [{name: PORT, value: "5003"}]')),
    "locked-down": accepted(
        container(
            "securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, runAsUser: 1000,"
            " runAsNonRoot: true, capabilities: {drop: [ALL]}}"
        )
    ),
    "scratch-volume": accepted(
        container("volumeMounts: [{name: scratch, mountPath: /scratch}]"),
        pod("volumes: [{name: scratch, emptyDir: {}}]"),
    ),
    "recreate": accepted(Above(DEPLOYMENT, "replicas: {{ .Values.replicaCount }}", "strategy: {type: Recreate}")),
    "rollout-settings": accepted(
        Above(
            DEPLOYMENT,
            "replicas: {{ .Values.replicaCount }}",
            "minReadySeconds: 10\nprogressDeadlineSeconds: 15\nrevisionHistoryLimit: 1\n"
            "strategy: {rollingUpdate: {maxUnavailable: 100%}}",
        )
    ),
    # --- it fails late
    "crashes-after-5-s": accepted(command("/agnhost", "connect", "--protocol=udp", "--timeout=5s", "224.0.0.1:5003")),
    "crashes-after-15-s": accepted(command("/agnhost", "connect", "--protocol=udp", "--timeout=15s", "224.0.0.1:5003")),
    # --- beside it
    "config-map": accepted(
        Add(
            "templates/canary-config.yaml",
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: canary-config}
            data: {GREETING: hello}
            """,
        ),
        container("envFrom: [{configMapRef: {name: canary-config}}]"),
    ),
    "secret": accepted(
        Add(
            "templates/canary-secret.yaml",
            """
            apiVersion: v1
            kind: Secret
            metadata: {name: canary-secret}
            stringData: {TOKEN: none}
            """,
        ),
        container("envFrom: [{secretRef: {name: canary-secret}}]"),
    ),
    "service-account": accepted(
        Add("templates/account.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: canary}"),
        pod("serviceAccountName: canary"),
    ),
    "disruption-budget": accepted(
        Add(
            "templates/budget.yaml",
            """
            apiVersion: policy/v1
            kind: PodDisruptionBudget
            metadata: {name: canary}
            spec:
              minAvailable: 1
              selector: {matchLabels: {app: upcommerce-canary-app}}
            """,
        )
    ),
    "autoscaler": accepted(
        Add(
            "templates/autoscaler.yaml",
            """
            apiVersion: autoscaling/v2
            kind: HorizontalPodAutoscaler
            metadata: {name: canary}
            spec:
              scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: upcommerce-canary-app}
              minReplicas: 1
              maxReplicas: 1
              metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
            """,
        )
    ),
    "network-policy": accepted(
        Add(
            "templates/policy.yaml",
            """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: canary}
            spec:
              podSelector: {matchLabels: {app: upcommerce-canary-app}}
              ingress: [{ports: [{port: 5003}]}]
            """,
        )
    ),
    "ingress": accepted(
        Add(
            "templates/ingress.yaml",
            """
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: canary}
            spec:
              defaultBackend: {service: {name: upcommerce-canary-service, port: {number: 5003}}}
            """,
        )
    ),
    "helm-test": accepted(
        Add(
            "templates/tests/answers.yaml",
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: upcommerce-test, annotations: {helm.sh/hook: test}}
            spec:
              restartPolicy: Never
              containers: [{name: test, image: uonyeka/upcommerce:v3, command: [/agnhost, entrypoint-tester]}]
            """,
        )
    ),
    "stable-labelled": accepted(
        *(
            Below(file, "metadata:", "  labels: {track: stable}\n  annotations: {owner: sre}")
            for file in (STABLE, STABLE_SERVICE)
        ),
        Replace(
            STABLE,
            "      labels:\n        app: {{ .Release.Name }}-app",
            "      labels:\n        track: stable\n        app: {{ .Release.Name }}-app",
        ),
    ),
}
"""The mutations by name."""
