"""Charts that reach out of their namespace, and are refused by the harness or by the cluster."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE_SERVICE,
    Add,
    Append,
    Below,
    Edit,
    Mutation,
    Replace,
    accepted,
    container,
    pod,
    rejected,
)


def unsafe(*edits: Edit) -> Mutation:
    """Return the reference with an object that must not reach the cluster."""
    return rejected("chart-renders", *edits, outcome="unsafe-chart")


def cluster_wide(kind: str, api: str = "v1", *, file: str = "templates/wide.yaml", more: str = "") -> Edit:
    """Return the edit that adds a cluster-scoped object."""
    return Add(file, f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: wide}}\n{more}")


def node_port(port: int, file: str = SERVICE) -> Edit:
    """Return the edit that sets a node port of a Service."""
    target = "targetPort: 5003" if file == SERVICE else "targetPort: 5000"
    return Below(file, target, f"nodePort: {port}")


RBAC = "rbac.authorization.k8s.io/v1"
ON_NODES = Below(SERVICE, "spec:", "  type: NodePort")
CRD = """
spec:
  group: example.com
  names: {kind: Canary, plural: canaries}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
IN_THE_CLUSTER = '{{ if lookup "v1" "ServiceAccount" .Release.Namespace "default" }}'

MUTATIONS = {
    # --- the node
    "privileged": unsafe(container("securityContext: {privileged: true}")),
    "capability-added": unsafe(container("securityContext: {capabilities: {add: [SYS_ADMIN]}}")),
    "host-path": unsafe(pod("volumes: [{name: host, hostPath: {path: /}}]")),
    "host-network": unsafe(pod("hostNetwork: true")),
    "host-processes": unsafe(pod("hostPID: true")),
    "host-memory": unsafe(pod("hostIPC: true")),
    "host-port": unsafe(
        Replace(DEPLOYMENT, "containerPort: 5003", "containerPort: 5003\n              hostPort: 5003")
    ),
    "sysctl-of-the-node": unsafe(pod('securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}')),
    "pushes-others-out": unsafe(pod("priorityClassName: system-node-critical")),
    # --- the cluster
    "cluster-role": unsafe(cluster_wide("ClusterRole", RBAC, more="rules: []")),
    "cluster-role-binding": unsafe(
        cluster_wide(
            "ClusterRoleBinding", RBAC, more=f"roleRef: {{apiGroup: {RBAC[:-3]}, kind: ClusterRole, name: view}}"
        )
    ),
    "namespace-of-its-own": unsafe(cluster_wide("Namespace")),
    "namespace-of-the-course": rejected(
        "upgrade-applied",
        Add("templates/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: sre}"),
        outcome="refused",
    ),
    "namespace-of-the-course-as-a-hook": unsafe(
        Add(
            "templates/namespace.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: sre, annotations: {helm.sh/hook: pre-upgrade}}",
        )
    ),
    "definition": unsafe(cluster_wide("CustomResourceDefinition", "apiextensions.k8s.io/v1", more=CRD)),
    "definition-in-crds": unsafe(
        cluster_wide("CustomResourceDefinition", "apiextensions.k8s.io/v1", file="crds/canary.yaml", more=CRD)
    ),
    "storage-of-the-cluster": unsafe(cluster_wide("PersistentVolume", more="spec: {capacity: {storage: 1Gi}}")),
    "webhook": unsafe(cluster_wide("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1")),
    "another-namespace": unsafe(Below(DEPLOYMENT, "metadata:", "  namespace: default")),
    "account-elsewhere": unsafe(
        Add("templates/a.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: kube-system}")
    ),
    "in-a-list": unsafe(
        Add(
            "templates/list.yaml",
            f"apiVersion: v1\nkind: List\nitems: [{{apiVersion: {RBAC}, kind: ClusterRole, metadata: {{name: a}}}}]",
        )
    ),
    "as-a-hook": unsafe(
        Add(
            "templates/hook.yaml",
            f"apiVersion: {RBAC}\nkind: ClusterRole\nmetadata: {{name: a, annotations: {{helm.sh/hook: pre-upgrade}}}}",
        )
    ),
    "as-a-hook-for-tests-and-upgrades": unsafe(
        Add(
            "templates/hook.yaml",
            f"apiVersion: {RBAC}\nkind: ClusterRole\n"
            'metadata: {name: a, annotations: {helm.sh/hook: "test, pre-upgrade"}}',
        )
    ),
    "traffic-of-the-cluster": unsafe(Below(SERVICE, "spec:", "  externalIPs: [10.0.0.1]")),
    # --- the limits of the namespace
    **{
        f"hook-that-replaces-a-{kind.lower()}-of-the-harness": unsafe(
            Add(
                "templates/guard.yaml",
                f"apiVersion: {api}\nkind: {kind}\n"
                f"metadata: {{name: {name}, annotations: {{helm.sh/hook: pre-upgrade}}}}\n{more}",
            )
        )
        for kind, api, name, more in (
            ("ResourceQuota", "v1", "canaryproof-guard", "spec: {hard: {pods: 1000}}"),
            ("LimitRange", "v1", "canaryproof-guard", "spec: {limits: []}"),
            ("Role", RBAC, "canaryproof", "rules: []"),
        )
    },
    # --- Helm's records
    "record-of-helm-overwritten": unsafe(
        Add(
            "templates/record.yaml",
            """
            apiVersion: v1
            kind: Secret
            type: helm.sh/release.v1
            metadata:
              name: sh.helm.release.v1.upcommerce.v1
              annotations: {helm.sh/hook: pre-upgrade}
              labels: {owner: helm, name: upcommerce, version: "1", status: superseded}
            stringData: {release: nothing}
            """,
        )
    ),
    # --- endless content
    "hundreds-of-pods": unsafe(
        Add(
            "templates/many.yaml",
            """
            apiVersion: batch/v1
            kind: Job
            metadata: {name: many}
            spec:
              parallelism: 500
              template:
                spec: {restartPolicy: Never, containers: [{name: a, image: uonyeka/upcommerce:v3}]}
            """,
        )
    ),
    "hundreds-of-objects": unsafe(
        Add(
            "templates/many.yaml",
            "{{ range until 300 }}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: many-{{ . }}}\n{{ end }}",
        )
    ),
    "prints-without-end": unsafe(Add("templates/a.yaml", '# {{ repeat 3000000 "a" }}')),
    "schema-from-elsewhere": unsafe(Add("values.schema.json", '{"$ref": "http://127.0.0.1:1/schema.json"}')),
    # --- charts that differ in the cluster: they are tried, and the cluster refuses them
    "looks-at-secrets": rejected(
        "upgrade-applied",
        Add(
            "templates/seen.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\n"
            'data: {seen: {{ lookup "v1" "Secret" "kube-system" "" | toJson | quote }}}',
        ),
        outcome="refused",
    ),
    "cluster-role-in-the-cluster-alone": rejected(
        "upgrade-applied",
        Add(
            "templates/a.yaml",
            f"{IN_THE_CLUSTER}\napiVersion: {RBAC}\nkind: ClusterRole\nmetadata: {{name: a}}\n{{{{ end }}}}",
        ),
        outcome="refused",
    ),
    "privileged-in-the-cluster-alone": unsafe(
        container(f"{IN_THE_CLUSTER}", "securityContext: {privileged: true}", "{{ end }}"),
    ),
    "looks-at-its-own": accepted(
        Append(SERVICE, '# {{ lookup "v1" "Secret" .Release.Namespace "none" | toJson }}'),
    ),
    # --- node ports, which others may request at the same time
    "fixed-node-port": accepted(ON_NODES, node_port(30503)),
    "the-same-fixed-node-port": accepted(ON_NODES, node_port(30503), Below(SERVICE, "metadata:", "  labels: {a: b}")),
    "stable-on-a-fixed-node-port": accepted(node_port(30500, STABLE_SERVICE)),
    "node-port-out-of-range": rejected("upgrade-applied", ON_NODES, node_port(5003), outcome="refused"),
    "one-node-port-for-two": rejected(
        "upgrade-applied", ON_NODES, node_port(30504), node_port(30504, STABLE_SERVICE), outcome="refused"
    ),
}
"""The mutations by name."""
