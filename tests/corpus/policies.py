"""Charts for each rule about permitted objects: some that it refuses, and some that it allows."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    Above,
    Add,
    Edit,
    Mutation,
    Replace,
    accepted,
    container,
    pod,
    rejected,
)
from tests.corpus.unsafe import RBAC, unsafe

RBAC_GROUP = RBAC.partition("/")[0]
IMAGE = "image: uonyeka/upcommerce:v3"
IDLE = f"{{name: idle, {IMAGE}, command: [/agnhost, pause]}}"
DONE = f"{{restartPolicy: Never, containers: [{{name: a, {IMAGE}, command: [/agnhost, entrypoint-tester]}}]}}"
SPEC = f"{{containers: [{{name: a, {IMAGE}}}]}}"


def extra(api: str, kind: str, body: str = "", *, name: str = "extra", metadata: str = "") -> Edit:
    """Return the edit that adds an object. *body* is YAML, and *metadata* holds the metadata besides the name."""
    more = f", {metadata}" if metadata else ""
    text = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}{more}}}\n{body}\n"
    return Add(f"templates/{name}-{kind.lower()}.yaml", text)


def unsafe_object(api: str, kind: str, body: str = "", **more: str) -> Mutation:
    """Return the reference with a forbidden object."""
    return unsafe(extra(api, kind, body, **more))


def allowed_object(api: str, kind: str, body: str = "", **more: str) -> Mutation:
    """Return the reference with a permitted object."""
    return accepted(extra(api, kind, body, **more))


def unsafe_volume(source: str) -> Mutation:
    """Return the reference with a forbidden volume."""
    return unsafe(pod(f"volumes: [{{name: data, {source}}}]"))


def workload(kind: str, spec: str, *, api: str = "apps/v1", name: str = "extra") -> Edit:
    """Return the edit that adds a workload whose pods only wait."""
    labels = f"{{app: {name}}}"
    template = f"template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{IDLE}]}}}}"
    return extra(api, kind, f"spec: {{selector: {{matchLabels: {labels}}}, {template}, {spec}}}", name=name)


def job(spec: str) -> Edit:
    """Return the edit that adds a Job whose pods end at once."""
    return extra("batch/v1", "Job", f"spec: {{{spec}, template: {{spec: {DONE}}}}}")


def role(resources: str, verbs: str, group: str = '""') -> Edit:
    """Return the edit that adds a Role with one rule."""
    rule = f"{{apiGroups: [{group}], resources: [{resources}], verbs: [{verbs}]}}"
    return extra(RBAC, "Role", f"rules: [{rule}]")


def bound(kind: str, name: str) -> Edit:
    """Return the edit that binds a role to the pods' default ServiceAccount."""
    subjects = "subjects: [{kind: ServiceAccount, name: default}]"
    return extra(RBAC, "RoleBinding", f"roleRef: {{apiGroup: {RBAC_GROUP}, kind: {kind}, name: {name}}}\n{subjects}")


MUTATIONS = {
    # --- kinds
    "endpoints-of-its-own": unsafe_object(
        "v1", "Endpoints", "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 443}]}]"
    ),
    "endpoint-slice-of-its-own": unsafe_object(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 443}]",
    ),
    "controller-revision-of-its-own": unsafe_object("apps/v1", "ControllerRevision", "revision: 1"),
    "event-of-its-own": unsafe_object("v1", "Event", "involvedObject: {kind: Pod, name: a}"),
    "asks-for-its-rights": unsafe_object(
        "authorization.k8s.io/v1", "LocalSubjectAccessReview", "spec: {user: a, resourceAttributes: {verb: get}}"
    ),
    "devices-as-an-object": unsafe_object(
        "resource.k8s.io/v1", "ResourceClaim", "spec: {devices: {requests: [{name: gpu}]}}"
    ),
    "pod-template": allowed_object("v1", "PodTemplate", f"template: {{spec: {SPEC}}}"),
    "lease": allowed_object("coordination.k8s.io/v1", "Lease", "spec: {holderIdentity: a}"),
    "claim-of-storage": allowed_object(
        "v1", "PersistentVolumeClaim", "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
    ),
    # --- pods of other kinds
    "privileged-pod-template": unsafe_object(
        "v1",
        "PodTemplate",
        f"template: {{spec: {{containers: [{{name: a, {IMAGE}, securityContext: {{privileged: true}}}}]}}}}",
    ),
    "host-processes-of-a-replication-controller": unsafe_object(
        "v1", "ReplicationController", f"spec: {{template: {{spec: {{hostPID: true, {SPEC[1:]}}}}}"
    ),
    "host-network-of-a-cron-job": unsafe_object(
        "batch/v1",
        "CronJob",
        'spec: {schedule: "* * * * *", jobTemplate:'
        f" {{spec: {{template: {{spec: {{hostNetwork: true, {DONE[1:]}}}}}}}}}",
    ),
    "host-port-of-a-native-sidecar": unsafe(
        pod("initContainers:", f"  - {IDLE[:-1]}, restartPolicy: Always, ports: [{{containerPort: 1, hostPort: 1}}]}}")
    ),
    "privileged-ephemeral-container": unsafe(
        pod(f"ephemeralContainers: [{{name: debug, {IMAGE}, securityContext: {{privileged: true}}}}]")
    ),
    # --- volumes
    "volume-of-nfs": unsafe_volume("nfs: {server: 10.0.0.1, path: /}"),
    "volume-of-csi": unsafe_volume("csi: {driver: csi.example.com}"),
    "volume-of-iscsi": unsafe_volume("iscsi: {targetPortal: 10.0.0.1, iqn: iqn.2026-01.com.example, lun: 0}"),
    "volume-of-git": unsafe_volume("gitRepo: {repository: https://git.invalid/a}"),
    "volume-of-a-plugin": unsafe_volume("flexVolume: {driver: example.com/mount}"),
    "trust-bundle-in-a-volume": unsafe_volume("projected: {sources: [{clusterTrustBundle: {name: a, path: a}}]}"),
    "token-for-somebody-else": unsafe_volume(
        "projected: {sources: [{serviceAccountToken: {audience: sts.example.com, path: token}}]}"
    ),
    "devices-claimed": unsafe(pod("resourceClaims: [{name: gpu, resourceClaimName: gpu}]")),
    "volumes-of-its-own": accepted(
        extra("v1", "ConfigMap", "data: {a: b}"),
        container("volumeMounts: [{name: all, mountPath: /all}, {name: pod, mountPath: /pod}]"),
        pod(
            "volumes:",
            "  - name: all",
            "    projected:",
            "      sources:",
            "        - {configMap: {name: extra}}",
            "        - {serviceAccountToken: {path: token, expirationSeconds: 3600}}",
            "        - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}",
            "  - {name: pod, emptyDir: {sizeLimit: 1Mi}}",
        ),
    ),
    # --- requests by the kubelet
    "host-in-a-liveness-probe": unsafe(container("livenessProbe: {httpGet: {host: 127.0.0.1, path: /, port: 10248}}")),
    "host-in-a-readiness-probe": unsafe(container("readinessProbe: {tcpSocket: {host: 10.0.0.1, port: 443}}")),
    "host-in-a-pre-stop-hook": unsafe(container("lifecycle: {preStop: {httpGet: {host: 169.254.169.254, port: 80}}}")),
    "host-in-a-probe-of-a-sidecar": unsafe(
        pod(
            "initContainers:",
            f"  - {IDLE[:-1]}, restartPolicy: Always, startupProbe: {{tcpSocket: {{host: 10.0.0.1, port: 443}}}}}}",
        )
    ),
    "host-header-in-a-probe": accepted(
        container(
            "livenessProbe:",
            "  httpGet: {port: 5003, httpHeaders: [{name: Host, value: shop.example.com}]}",
            "  initialDelaySeconds: 5",
        )
    ),
    # --- fields that affect only the pod
    "names-of-its-own": accepted(
        pod(
            "hostname: canary",
            "subdomain: upcommerce",
            "hostAliases: [{ip: 127.0.0.1, hostnames: [shop.example.com]}]",
            "tolerations:",
            "  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5}",
            "schedulerName: default-scheduler",
        )
    ),
    # --- Helm's records
    "record-of-helm-by-its-labels": unsafe_object(
        "v1",
        "Secret",
        "type: Opaque\nstringData: {release: nothing}",
        metadata='labels: {owner: helm, name: upcommerce, version: "50", status: deployed}',
    ),
    "record-of-a-later-helm": unsafe_object("v1", "Secret", "type: helm.sh/release.v2"),
    "secret-of-a-team": allowed_object(
        "v1",
        "Secret",
        "stringData: {token: none}",
        metadata="labels: {owner: team-a, name: upcommerce, app.kubernetes.io/managed-by: Helm}",
    ),
    "config-map-labelled-helm": allowed_object("v1", "ConfigMap", "data: {a: b}", metadata="labels: {owner: helm}"),
    # --- rights
    "role-with-all-rights": unsafe(role("'*'", "'*'", "'*'")),
    "role-that-escalates": unsafe(role("roles", "escalate, get", RBAC_GROUP)),
    "role-that-impersonates": unsafe(role("serviceaccounts", "impersonate")),
    "role-for-its-namespace": unsafe(role("namespaces", "get, patch")),
    "role-for-tokens": unsafe(role("serviceaccounts/token", "create")),
    "cluster-admin-of-its-namespace": unsafe(bound("ClusterRole", "cluster-admin")),
    "admin-of-its-namespace": unsafe(bound("ClusterRole", "admin")),
    "role-of-its-own": accepted(role("configmaps, pods", "get, list, watch"), bound("Role", "extra")),
    # --- amounts
    "negative-replicas-beside-hundreds": unsafe(
        workload("StatefulSet", "replicas: 300, serviceName: a", name="many"),
        workload("Deployment", "replicas: -300", name="less"),
    ),
    "hundreds-of-completions": unsafe(job("completions: 300, parallelism: 1")),
    "hundreds-in-another-notation": unsafe(job("parallelism: 1e3")),
    "hundreds-of-replicas": unsafe(workload("ReplicaSet", "replicas: 300")),
    "hundreds-by-an-autoscaler": unsafe_object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: upcommerce-app}, minReplicas: 300,"
        " maxReplicas: 300}",
    ),
    "hundreds-of-services": unsafe(
        Add(
            "templates/many.yaml",
            "{{ range until 90 }}---\napiVersion: v1\nkind: Service\nmetadata: {name: many-{{ . }}}\n"
            "spec: {type: NodePort, ports: [{port: 1}]}\n{{ end }}",
        )
    ),
    "dozens-of-containers": unsafe(
        pod(
            "initContainers:",
            *(f"  - {{name: c{n}, {IMAGE}, command: [/agnhost, entrypoint-tester]}}" for n in range(12)),
        )
    ),
    "a-terabyte-of-storage": unsafe_object(
        "v1", "PersistentVolumeClaim", "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Ti}}}"
    ),
    "megabytes-of-objects": unsafe(
        Add(
            "templates/many.yaml",
            "{{ range until 20 }}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: many-{{ . }}}\n"
            'data: {a: {{ repeat 200000 "a" }}}\n{{ end }}',
        )
    ),
    "job-with-three-pods": accepted(job("completions: 3, parallelism: 2")),
    # --- YAML that readers interpret differently
    "host-network-by-a-merge": rejected(
        "chart-renders", pod("hostNetwork: false", "<<: {hostNetwork: true}"), outcome="broken-chart"
    ),
    "host-network-by-a-binary-key": rejected(
        "chart-renders", pod("!!binary aG9zdE5ldHdvcms=: true"), outcome="broken-chart"
    ),
    "privileged-in-a-yaml-set": rejected(
        "chart-renders", container("securityContext: !!set {privileged: true}"), outcome="broken-chart"
    ),
    "merges-of-yaml": accepted(
        Replace(
            DEPLOYMENT, "    metadata:\n      labels:", "    metadata:\n      <<: {annotations: {a: b}}\n      labels:"
        ),
        Above(SERVICE, "ports:", "<<: {sessionAffinity: None}"),
    ),
}
"""The mutations by name."""
