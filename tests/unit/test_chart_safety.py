"""The chart check refuses objects that reach out of their namespace before they are applied, and allows all others."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Code
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.wording.refusal_sentences import SENTENCES, describe_refusals
from canaryproof.submissions.chart_safety import ALLOWED_KINDS, Policy, check_chart, node_ports
from canaryproof.submissions.chart_safety.counts import MOST, MOST_OBJECTS, quantity, whole
from canaryproof.submissions.chart_safety.kinds import CLUSTER_SCOPED

GROUPS = {each.kind: f"{each.group}/v1" if each.group else "v1" for each in ALLOWED_KINDS}


def deployment(spec: dict[str, Any] | None = None, container: dict[str, Any] | None = None, **own: Any) -> Manifest:
    """Return a Deployment with fields added to its own spec, its pod spec and its container."""
    pod = {"containers": [{"name": "app", "image": "a", **(container or {})}], **(spec or {})}
    return thing("Deployment", spec={"template": {"spec": pod}, **own})


def thing(kind: str, namespace: str = "", name: str = "it", **body: Any) -> Manifest:
    """Return an object of this kind, as if a template had rendered it."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    api = GROUPS.get(kind, "v1")
    return Manifest({"apiVersion": api, "kind": kind, "metadata": metadata, **body}, "shop/templates/it.yaml")


def policy(*, namespaced: bool | None = True, shared: bool = False, nodes: int = 1) -> Policy:
    """Return the policy for the namespace ``sre-1`` in a course whose own namespace is ``sre``."""
    return Policy(("sre-1", "sre"), lambda _: namespaced, shared_cluster=shared, nodes=nodes)


def refused(*manifests: Manifest, **policies: Any) -> str:
    """Return the sentence that refuses the objects, or an empty string."""
    return describe_refusals(check_chart(manifests, policy(**policies)))


def codes(*manifests: Manifest, **policies: Any) -> list[Code]:
    """Return the codes of all refusals."""
    return [each.code for each in check_chart(manifests, policy(**policies))]


SECURITY = "securityContext"
REFUSED = {
    "namespace": (thing("Namespace"), "Namespace/it (templates/it.yaml) belongs to the whole cluster"),
    "namespace made anew": (
        thing("Namespace", metadata={"name": "sre", "annotations": {"helm.sh/hook": "pre-upgrade"}}),
        "Namespace/sre (templates/it.yaml) belongs to the whole cluster",
    ),
    "cluster role": (thing("ClusterRole"), "ClusterRole/it (templates/it.yaml) belongs to the whole cluster"),
    "definition": (thing("CustomResourceDefinition"), "belongs to the whole cluster"),
    "elsewhere": (thing("Service", "default"), "is for the namespace 'default'; leave metadata.namespace out"),
    "kube-system": (thing("RoleBinding", "kube-system"), "is for the namespace 'kube-system'"),
    "smuggled": (thing("ConfigMap", items=[{"kind": "ClusterRole"}]), "has a list of items like a List"),
    "forged type": (thing("Secret", type="helm.sh/release.v1"), "has the type of Helm's own records"),
    "forged name": (thing("Secret", name="sh.helm.release.v1.shop.v1"), "has a name that Helm keeps"),
    "hook over a guard": (
        thing("LimitRange", metadata={"name": "canaryproof-guard", "annotations": {"helm.sh/hook": "pre-upgrade"}}),
        "has a name that canaryproof keeps for the limits",
    ),
    "huge": (thing("ConfigMap", data={"a": "x" * 300_000}), "is 293 KiB large; at most 256 KiB are tried"),
    "external address": (thing("Service", spec={"externalIPs": ["1.2.3.4"]}), "has externalIPs"),
    "host network": (deployment({"hostNetwork": True}), "has hostNetwork"),
    "host processes": (deployment({"hostPID": True}), "has hostPID"),
    "host memory": (deployment({"hostIPC": True}), "has hostIPC"),
    "host path": (deployment({"volumes": [{"hostPath": {"path": "/etc"}}]}), "mounts the folder '/etc' of the node"),
    "empty host path": (deployment({"volumes": [{"hostPath": {}}]}), "mounts the folder '?' of the node"),
    "priority": (deployment({"priorityClassName": "system-node-critical"}), "has a system priority class"),
    "sysctl": (deployment({SECURITY: {"sysctls": [{"name": "kernel.msgmax"}]}}), "sets the sysctl 'kernel.msgmax'"),
    "no seccomp": (deployment({SECURITY: {"seccompProfile": {"type": "Unconfined"}}}), "turns seccomp off"),
    "no apparmor": (deployment({}, {SECURITY: {"appArmorProfile": {"type": "Unconfined"}}}), "app: turns AppArmor off"),
    "host process": (deployment({SECURITY: {"windowsOptions": {"hostProcess": True}}}), "runs as a process of the"),
    "selinux": (deployment({}, {SECURITY: {"seLinuxOptions": {"type": "spc_t"}}}), "changes its SELinux type"),
    "privileged": (deployment({}, {SECURITY: {"privileged": True}}), "container app: is privileged"),
    "capability": (deployment({}, {SECURITY: {"capabilities": {"add": ["SYS_ADMIN"]}}}), "the capability 'SYS_ADMIN'"),
    "all capabilities": (deployment({}, {SECURITY: {"capabilities": {"add": ["ALL"]}}}), "the capability 'ALL'"),
    "proc": (deployment({}, {SECURITY: {"procMount": "Unmasked"}}), "unmasks /proc"),
    "host port": (deployment({}, {"ports": [{"hostPort": 80}]}), "container app: takes port 80 of the node"),
    "init container": (
        deployment({"initContainers": [{"name": "first", SECURITY: {"privileged": True}}]}),
        "container first: is privileged",
    ),
    "hundreds": (deployment(replicas=500), "the chart asks for 500 pods; at most 20 are tried"),
    "jobs": (thing("Job", spec={"parallelism": 300}), "the chart asks for 300 pods"),
    "autoscaled": (thing("HorizontalPodAutoscaler", spec={"minReplicas": 200}), "the chart asks for 200 pods"),
    "pod": (thing("Pod", spec={"hostNetwork": True}), "Pod/it (templates/it.yaml) has hostNetwork"),
    "cron job": (
        thing("CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": {"hostPID": True}}}}}),
        "has hostPID",
    ),
    "controller": (
        thing("ReplicationController", spec={"template": {"spec": {"hostPID": True}}}),
        "has hostPID",
    ),
    "template": (thing("PodTemplate", template={"spec": {"hostPID": True}}), "has hostPID"),
    "annotation": (
        thing(
            "Pod",
            spec={},
            metadata={"name": "it", "annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
        ),
        "turns AppArmor off",
    ),
}


@pytest.mark.parametrize(("manifest", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_reaches_out_is_refused(manifest: Manifest, reason: str) -> None:
    """The check refuses an object that reaches out of its namespace.

    The message names the object, its template and the fault.
    """
    assert reason in refused(manifest)


ALLOWED = {
    "plain": deployment(),
    "own namespace": thing("Service", "sre-1"),
    "course's namespace": thing("Service", "sre"),
    "course's namespace itself": thing("Namespace", name="sre"),
    "account": thing("ServiceAccount"),
    "node port": thing("Service", spec={"type": "NodePort", "ports": [{"port": 5003, "nodePort": 30003}]}),
    "load balancer": thing("Service", spec={"type": "LoadBalancer"}),
    "quota": thing("ResourceQuota"),
    "volumes": deployment({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "c"}}]}),
    "not privileged": deployment(
        {}, {SECURITY: {"privileged": False, "runAsUser": 0, "capabilities": {"drop": ["A"]}}}
    ),
    "default capability": deployment({}, {SECURITY: {"capabilities": {"add": ["NET_BIND_SERVICE", "cap_chown"]}}}),
    "host namespaces off": deployment({"hostNetwork": False, "hostPID": False, "hostIPC": False}),
    "host port zero": deployment({}, {"ports": [{"containerPort": 5003, "hostPort": 0}]}),
    "three replicas": deployment(replicas=3),
    "safe sysctl": deployment({SECURITY: {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}}),
    "seccomp": deployment({SECURITY: {"seccompProfile": {"type": "RuntimeDefault"}}}),
    "nonsense": deployment({"volumes": "none", SECURITY: 7}, {SECURITY: [], "ports": {}}),
}


@pytest.mark.parametrize("manifest", ALLOWED.values(), ids=ALLOWED)
def test_what_stays_inside_is_allowed(manifest: Manifest) -> None:
    """The check allows an object that stays in its namespace, even if its fields are invalid."""
    assert refused(manifest) == ""


@pytest.mark.parametrize("kind", sorted(CLUSTER_SCOPED))
def test_kinds_of_the_whole_cluster_are_known_without_one(kind: str) -> None:
    """The check refuses a known cluster-scoped kind even if the cluster does not have it."""
    assert "belongs to the whole cluster" in refused(thing(kind), namespaced=None)


def test_other_kinds_are_asked_of_the_cluster() -> None:
    """The check refuses an unknown kind if the cluster reports it as cluster-scoped."""
    assert "belongs to the whole cluster" in refused(thing("Widget"), namespaced=False)
    assert refused(thing("Widget"), namespaced=None) == ""


def test_lists_hooks_and_subcharts_count() -> None:
    """The check covers the items of Lists, the objects of subcharts, and hooks."""
    rendered = parse(
        """---
# Source: shop/templates/list.yaml
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: listed}}]}
---
# Source: shop/charts/sub/templates/role.yaml
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: subbed}}
---
# Source: shop/templates/hook.yaml
apiVersion: v1
kind: PersistentVolume
metadata: {name: hooked, annotations: {helm.sh/hook: pre-upgrade}}
"""
    )

    reason = refused(*rendered)

    assert all(name in reason for name in ("Namespace/listed", "ClusterRole/subbed", "PersistentVolume/hooked"))


def test_a_message_can_be_read() -> None:
    """A message lists at most five faults and counts the rest."""
    reason = refused(*[thing("ClusterRole", name=f"role-{number}") for number in range(50)])

    assert reason.count("belongs to the whole cluster") == 5
    assert reason.endswith("; and 45 more")


def test_too_many_objects_are_refused() -> None:
    """The check refuses a chart with too many objects."""
    assert "objects; at most" in refused(*[thing("ConfigMap", name=f"c{n}") for n in range(MOST_OBJECTS + 1)])


def volume(**source: Any) -> Manifest:
    """Return a Deployment with one volume."""
    return deployment({"volumes": [{"name": "data", **source}]})


def projected(**source: Any) -> Manifest:
    """Return a Deployment with a projected volume of one source."""
    return volume(projected={"sources": [source]})


def role(verbs: list[str], resources: list[str], *groups: str) -> Manifest:
    """Return a Role with one rule."""
    return thing("Role", rules=[{"apiGroups": [*groups] or [""], "resources": resources, "verbs": verbs}])


def binding(kind: str, name: str, subject: str = "ServiceAccount/default") -> Manifest:
    """Return a RoleBinding that refers to this role."""
    group, (whose, _, who) = "rbac.authorization.k8s.io", subject.partition("/")
    reference = {"apiGroup": group, "kind": kind, "name": name}
    return thing("RoleBinding", roleRef=reference, subjects=[{"kind": whose, "name": who}])


def claim(**spec: Any) -> Manifest:
    """Return a PersistentVolumeClaim."""
    return thing("PersistentVolumeClaim", spec=spec)


def stored(size: object) -> dict[str, Any]:
    """Return the spec of a claim for storage of this size."""
    return {"resources": {"requests": {"storage": size}}}


def secret(labels: dict[str, str] | None = None, name: str = "it", **body: Any) -> Manifest:
    """Return a Secret with these labels."""
    return thing("Secret", metadata={"name": name, "labels": labels or {}}, **body)


def of(api_version: str, kind: str, name: str = "it") -> Manifest:
    """Return an object of any API version and kind."""
    return Manifest({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})


def noted(kind: str, field: str, key: str) -> Manifest:
    """Return an object with one annotation or label."""
    return thing(kind, metadata={"name": "it", field: {key: "x"}})


def handler(path: str, way: str, *, group: str = "containers", host: str = "10.0.0.1") -> Manifest:
    """Return a Deployment with a probe or a lifecycle handler that names a host."""
    outer, _, inner = path.partition(".")
    action: dict[str, Any] = {way: {"host": host, "port": 80}}
    container = {"name": "app", "image": "a", outer: {inner: action} if inner else action}
    return deployment({group: [container]})


EVERYWHERE: dict[str, tuple[Manifest, Code]] = {
    "flux": (of("kustomize.toolkit.fluxcd.io/v1", "Kustomization"), "kind"),
    "argo": (of("argoproj.io/v1alpha1", "Application"), "kind"),
    "secret from elsewhere": (of("external-secrets.io/v1", "ExternalSecret"), "kind"),
    "endpoints": (of("v1", "Endpoints"), "kind"),
    "endpoint slice": (of("discovery.k8s.io/v1", "EndpointSlice"), "kind"),
    "binding": (of("v1", "Binding"), "kind"),
    "event": (of("v1", "Event"), "kind"),
    "controller revision": (of("apps/v1", "ControllerRevision"), "kind"),
    "review": (of("authorization.k8s.io/v1", "LocalSubjectAccessReview"), "kind"),
    "device claim of its own": (of("resource.k8s.io/v1", "ResourceClaim"), "kind"),
    "gateway": (of("gateway.networking.k8s.io/v1", "HTTPRoute"), "kind"),
    "kind of a controller, named like a built-in one": (of("networking.istio.io/v1", "Service"), "kind"),
    "knative service": (of("serving.knative.dev/v1", "Service"), "kind"),
    "another Namespace": (of("example.com/v1", "Namespace", "sre"), "cluster-scoped"),
    "nfs": (volume(nfs={"server": "10.0.0.1", "path": "/"}), "volume-type"),
    "csi": (volume(csi={"driver": "secrets-store.csi.k8s.io"}), "volume-type"),
    "iscsi": (volume(iscsi={}), "volume-type"),
    "git": (volume(gitRepo={"repository": "file:///etc"}), "volume-type"),
    "flex": (volume(flexVolume={"driver": "a/b"}), "volume-type"),
    "volume of a later version": (volume(hostDevice={"path": "/dev/sda"}), "volume-type"),
    "two sources": (volume(emptyDir={}, nfs={"server": "a"}), "volume-type"),
    "trust bundle": (projected(clusterTrustBundle={"name": "a"}), "projected-source"),
    "certificate": (projected(podCertificate={"signerName": "a/b"}), "projected-source"),
    "foreign token": (projected(serviceAccountToken={"audience": "sts.amazonaws.com"}), "projected-audience"),
    "odd audience": (projected(serviceAccountToken={"audience": ["a"]}), "projected-audience"),
    "devices": (deployment({"resourceClaims": [{"name": "gpu"}]}), "device-claim"),
    "ephemeral container": (
        deployment({"ephemeralContainers": [{"name": "e", SECURITY: {"privileged": True}}]}),
        "privileged",
    ),
    "native sidecar": (
        deployment({"initContainers": [{"name": "s", "restartPolicy": "Always", "ports": [{"hostPort": 1}]}]}),
        "host-port",
    ),
    "unknown seccomp profile": (deployment({SECURITY: {"seccompProfile": {"type": "None"}}}), "seccomp"),
    "pods of a job": (thing("Job", spec={"template": {"spec": {"volumes": [{"nfs": {}}]}}}), "volume-type"),
    "Opaque record of Helm": (secret({"owner": "helm"}, type="Opaque"), "helm-record-label"),
    "record of Helm without a type": (secret({"owner": "helm", "name": "shop", "version": "50"}), "helm-record-label"),
    "record of the next Helm": (secret(type="helm.sh/release.v2"), "helm-record-type"),
    "record of the first Helm": (secret(type="helm.sh/release"), "helm-record-type"),
    "name of the next Helm": (secret(name="sh.helm.release.v2.shop.v1"), "helm-record-name"),
    "all rights": (role(["*"], ["*"], "*"), "role-verb"),
    "all resources": (role(["get"], ["*"]), "role-resource"),
    "quotas are changed": (role(["get", "patch"], ["resourcequotas"]), "role-resource"),
    "network policies are changed": (role(["delete"], ["networkpolicies"], "networking.k8s.io"), "role-resource"),
    "edit": (binding("ClusterRole", "edit"), "cluster-role-binding"),
    "events are written": (role(["create"], ["events"], "", "events.k8s.io"), "role-resource"),
    "commands in pods": (role(["create"], ["pods/exec"]), "role-resource"),
    "whole collections": (role(["deletecollection"], ["pods"]), "role-verb"),
    "all groups": (role(["get"], ["pods"], "*"), "role-resource"),
    "escalation": (role(["escalate"], ["roles"], "rbac.authorization.k8s.io"), "role-verb"),
    "bind": (role(["bind"], ["roles"], "rbac.authorization.k8s.io"), "role-verb"),
    "impersonation": (role(["impersonate"], ["serviceaccounts"]), "role-verb"),
    "namespaces": (role(["patch"], ["namespaces"]), "role-resource"),
    "nodes": (role(["get"], ["nodes"]), "role-resource"),
    "tokens": (role(["create"], ["serviceaccounts/token"]), "role-resource"),
    "endpoints by a role": (role(["update"], ["endpoints"]), "role-resource"),
    "custom resources by a role": (role(["create"], ["applications"], "argoproj.io"), "role-resource"),
    "resource of another group": (role(["get"], ["pods"], "metrics.k8s.io"), "role-resource"),
    "admin": (binding("ClusterRole", "admin"), "cluster-role-binding"),
    "cluster-admin": (binding("ClusterRole", "cluster-admin"), "cluster-role-binding"),
    "a system role": (binding("ClusterRole", "system:node"), "cluster-role-binding"),
    "containers": (deployment({"containers": [{"name": f"c{n}"} for n in range(11)]}), "too-many-containers"),
    "storage": (claim(**stored("51Gi")), "too-much-storage"),
    "storage for each pod": (
        thing("StatefulSet", spec={"replicas": 6, "volumeClaimTemplates": [{"spec": stored("9Gi")}]}),
        "too-much-storage",
    ),
    "ephemeral storage": (volume(ephemeral={"volumeClaimTemplate": {"spec": stored("1Ti")}}), "too-much-storage"),
}
EVERYWHERE |= {
    f"host of {path} by {way} in {group}": (handler(path, way, group=group), "host-in-handler")
    for path in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
    for way in ("httpGet", "tcpSocket")
    for group in ("containers", "initContainers")
}


@pytest.mark.parametrize(("manifest", "code"), EVERYWHERE.values(), ids=EVERYWHERE)
def test_a_rule_of_all_clusters_holds_on_each(manifest: Manifest, code: Code) -> None:
    """The check applies a general rule on every cluster.

    A refusal has the rule's code, and the object's key if there is one.
    """
    for shared in (False, True):
        found = check_chart([manifest], policy(shared=shared))
        assert code in [each.code for each in found]
        assert all(each.key in {manifest.key, None} for each in found)


SHARED_ONLY: dict[str, tuple[Manifest, Code]] = {
    "load balancer": (thing("Service", spec={"type": "LoadBalancer"}), "load-balancer"),
    "class of load balancers": (thing("Service", spec={"loadBalancerClass": "a/b"}), "load-balancer"),
    "ingress": (thing("Ingress", spec={"rules": [{"host": "shop.example.com"}]}), "ingress"),
    "node": (deployment({"nodeName": "control-plane"}), "node-name"),
    "all taints": (deployment({"tolerations": [{"operator": "Exists"}]}), "toleration"),
    "all taints of an effect": (
        deployment({"tolerations": [{"key": "", "operator": "Exists", "effect": "NoSchedule"}]}),
        "toleration",
    ),
    "control plane": (deployment({"tolerations": [{"key": "node-role.kubernetes.io/control-plane"}]}), "toleration"),
    "somebody's nodes": (deployment({"tolerations": [{"key": "dedicated", "value": "gpu"}]}), "toleration"),
    "priority": (deployment({"priorityClassName": "high"}), "priority-class"),
    "runtime": (deployment({"runtimeClassName": "kata"}), "runtime-class"),
    "scheduler": (deployment({"schedulerName": "volcano"}), "scheduler"),
    "gpu": (deployment({}, {"resources": {"limits": {"nvidia.com/gpu": 1}}}), "extended-resource"),
    "cores": (deployment({}, {"resources": {"requests": {"cpu": "8"}}}, replicas=6), "too-much-cpu"),
    "memory by limits": (deployment({}, {"resources": {"limits": {"memory": "200Gi"}}}), "too-much-memory"),
    "memory of an init container": (
        deployment({"initContainers": [{"name": "i", "resources": {"requests": {"memory": "200Gi"}}}]}),
        "too-much-memory",
    ),
    "memory of the whole pod": (deployment({"resources": {"requests": {"memory": "1Ti"}}}), "too-much-memory"),
    "devices by the runtime": (noted("Pod", "annotations", "io.kubernetes.cri-o.Devices"), "annotation"),
    "DNS name": (noted("Service", "annotations", "external-dns.alpha.kubernetes.io/hostname"), "annotation"),
    "certificate": (noted("Secret", "annotations", "cert-manager.io/issuer"), "annotation"),
    "network": (
        thing(
            "Deployment",
            spec={"template": {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "host"}}, "spec": {}}},
        ),
        "annotation",
    ),
    "identity": (noted("ServiceAccount", "annotations", "eks.amazonaws.com/role-arn"), "annotation"),
    "identity by a label": (noted("Pod", "labels", "azure.workload.identity/use"), "annotation"),
    "volume by name": (claim(volumeName="pv-of-somebody"), "claim-source"),
    "volume by label": (claim(selector={"matchLabels": {"a": "b"}}), "claim-source"),
    "snapshot": (claim(dataSource={"kind": "VolumeSnapshot", "name": "a"}), "claim-source"),
    "claim of another namespace": (
        claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "a", "namespace": "b"}),
        "claim-source",
    ),
    "volume by name, in an ephemeral volume": (
        volume(ephemeral={"volumeClaimTemplate": {"spec": {"volumeName": "pv"}}}),
        "claim-source",
    ),
    "autoscaler that may go far": (
        thing("HorizontalPodAutoscaler", spec={"minReplicas": 1, "maxReplicas": 100}),
        "too-many-pods",
    ),
}


@pytest.mark.parametrize(("manifest", "code"), SHARED_ONLY.values(), ids=SHARED_ONLY)
def test_a_cluster_of_others_has_further_rules(manifest: Manifest, code: Code) -> None:
    """The check refuses objects that use others' resources on a shared cluster, and allows them on a run's own."""
    assert set(codes(manifest, shared=True)) == {code}
    assert codes(manifest) == []


ALLOWED_EVERYWHERE = {
    **{f"a {each.kind}": thing(each.kind) for each in ALLOWED_KINDS if each.kind != "Ingress"},
    "label of a team": secret({"owner": "team-a", "name": "upcommerce"}),
    "managed by Helm": secret({"app.kubernetes.io/managed-by": "Helm", "owner": "Helm"}),
    "config map of Helm's": thing("ConfigMap", metadata={"name": "it", "labels": {"owner": "helm"}}),
    "token": secret(type="kubernetes.io/service-account-token"),
    "external name": thing("Service", spec={"type": "ExternalName", "externalName": "example.org"}),
    "volumes": deployment(
        {
            "volumes": [
                {"name": "a", "secret": {"secretName": "a"}, "hostPath": None},
                {"name": "b", "downwardAPI": {}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "a"}},
                {"name": "d", "ephemeral": {"volumeClaimTemplate": {"spec": stored("1Gi")}}},
                {"name": "e", "image": {"reference": "a"}},
                {"name": "f", "projected": {"sources": [{"configMap": {}}, {"secret": {}}, {"downwardAPI": {}}]}},
                {"name": "g"},
            ]
        }
    ),
    "own token": projected(serviceAccountToken={"path": "token", "expirationSeconds": 600}),
    "own token for the API server": projected(serviceAccountToken={"audience": "https://kubernetes.default.svc"}),
    "fields of the pod alone": deployment(
        {
            "hostUsers": False,
            "hostname": "a",
            "hostnameOverride": "a",
            "subdomain": "b",
            "setHostnameAsFQDN": True,
            "shareProcessNamespace": True,
            "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["a"]}],
            "schedulerName": "default-scheduler",
            "dnsPolicy": "Default",
            "nodeSelector": {"disktype": "ssd"},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 5}],
        }
    ),
    "probe of the pod": handler("livenessProbe", "httpGet", host=""),
    "what the course asks for, in twenty pods": deployment(
        {}, {"resources": {"limits": {"cpu": "1", "memory": "4Gi"}}}, replicas=20
    ),
    "hugepages": deployment({}, {"resources": {"limits": {"cpu": 1, "hugepages-2Mi": "4Mi"}}}),
    "role": role(["get", "list", "watch", "update"], ["configmaps", "pods"]),
    "logs": role(["get", "list"], ["pods", "pods/log"]),
    "leader election": role(["get", "create", "update"], ["leases"], "coordination.k8s.io"),
    "events are read": role(["get", "list", "watch"], ["events"], "", "events.k8s.io"),
    "scaling": role(["get", "patch"], ["deployments/scale"], "apps"),
    "quotas are read": role(["get", "list", "watch"], ["resourcequotas", "limitranges"]),
    "endpoints are read": role(["get", "list", "watch"], ["endpoints"]),
    "role of its own is bound": binding("Role", "own"),
    "view": binding("ClusterRole", "view"),
    "bound to a group": binding("Role", "own", "Group/system:authenticated"),
    "claim": claim(storageClassName="standard", **stored("50Gi")),
    "copy of a claim": claim(dataSource={"kind": "PersistentVolumeClaim", "name": "a"}),
    "monitoring": noted("Pod", "annotations", "prometheus.io/scrape"),
    "applied by kubectl": noted("Service", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
    "owned": thing("ConfigMap", metadata={"name": "it", "ownerReferences": [{"kind": "Node", "name": "a"}]}),
    "kept": noted("ConfigMap", "annotations", "helm.sh/resource-policy"),
}


@pytest.mark.parametrize("manifest", ALLOWED_EVERYWHERE.values(), ids=ALLOWED_EVERYWHERE)
def test_an_honest_object_is_allowed_on_each_cluster(manifest: Manifest) -> None:
    """The check allows an object that stays in its namespace on every cluster."""
    assert codes(manifest, shared=True) == []
    assert codes(manifest) == []


def test_a_kind_that_the_cluster_does_not_know_is_left_to_helm() -> None:
    """The check leaves a kind that the cluster does not know to Helm, whose error explains it best."""
    assert codes(of("argoproj.io/v1alpha1", "Rollout"), namespaced=None) == []


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (-300, 0),
        (True, 0),
        (1.5, 2),
        (float("nan"), 0),
        (float("inf"), MOST),
        (10**400, MOST),
        ("1e3", 1000),
        (".5e3", 500),
        ("0o17", 15),
        ("1_000", 1000),
        ("0x", 0),
        ("0o9", 0),
        ("-5", 0),
        ("many", 0),
        ("inf", 0),
        (None, 0),
        ([7], 0),
    ],
)
def test_a_number_counts_as_the_most_that_the_cluster_could_make_of_it(value: object, number: int) -> None:
    """The check reads a number as the largest non-negative integer that the cluster could read, up to a maximum."""
    assert whole(value) == number


@pytest.mark.parametrize(
    ("written", "size"),
    [("1Gi", 2**30), (" 1.5k", 1500), (1024, 1024), ("9e999", 2**63), ("-5Gi", 0), ("much", 0), (True, 0), (None, 0)],
)
def test_what_is_no_quantity_counts_as_nothing(written: object, size: int) -> None:
    """The check reads an invalid or negative quantity as zero and leaves it to the API server."""
    assert quantity(written) == size


def autoscaler(least: object, most: object = 5, name: str = "it") -> Manifest:
    """Return a HorizontalPodAutoscaler of a Deployment."""
    target = {"kind": "Deployment", "name": name}
    return thing("HorizontalPodAutoscaler", spec={"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most})


COUNTED = {
    "negative replicas offset nothing": ([deployment(replicas=-300), thing("StatefulSet", spec={"replicas": 21})], 21),
    "completions": ([thing("Job", spec={"parallelism": 1, "completions": 300})], 300),
    "paused job": ([thing("Job", spec={"parallelism": 0, "completions": 50})], 50),
    "cron job": ([thing("CronJob", spec={"jobTemplate": {"spec": {"completions": 300}}})], 300),
    "number that only Helm reads": ([thing("Job", spec={"parallelism": "1e3"})], 1000),
    "replica set": ([thing("ReplicaSet", spec={"replicas": 30})], 30),
    "replication controller": ([thing("ReplicationController", spec={"replicas": 30})], 30),
    "bare pods": ([thing("Pod", name=f"p{n}") for n in range(21)], 21),
    "autoscaler raises its Deployment": ([deployment(replicas=15), autoscaler(25)], 25),
    "two autoscalers": ([deployment(), autoscaler(15), autoscaler(15, name="other")], 30),
}


@pytest.mark.parametrize(("manifests", "pods"), COUNTED.values(), ids=COUNTED)
def test_all_pods_of_a_chart_are_counted(manifests: list[Manifest], pods: int) -> None:
    """The check counts each object with the largest number of pods that it may have."""
    assert f"the chart asks for {pods} pods; at most 20 are tried" in refused(*manifests)


def test_a_daemon_set_has_a_pod_on_each_node() -> None:
    """The check counts a DaemonSet once per node, or once if the number of nodes is unknown."""
    assert codes(thing("DaemonSet"), nodes=21) == ["too-many-pods"]
    assert codes(thing("DaemonSet"), nodes=20) == codes(thing("DaemonSet"), nodes=0) == []


def test_an_autoscaler_does_not_count_what_its_deployment_has_already() -> None:
    """The check does not count a Deployment's pods again for its autoscaler, and counts no pods for a PodTemplate."""
    assert codes(deployment(replicas=20), autoscaler(20)) == []
    assert codes(deployment(replicas=0), *[thing("PodTemplate", name=f"t{n}") for n in range(30)]) == []


def test_services_and_ports_of_the_nodes_are_counted() -> None:
    """The check limits the number of Services, because each takes a cluster IP.

    It also limits the number of node ports, because the whole cluster shares 2768 of them.
    """
    service = thing("Service", spec={"type": "NodePort", "ports": [{"port": n} for n in range(21)]})
    assert codes(service) == ["too-many-node-ports"]
    assert codes(*[thing("Service", name=f"s{n}") for n in range(21)]) == ["too-many-services"]
    assert codes(*[thing("Service", name=f"s{n}") for n in range(20)]) == []


def test_the_size_of_all_objects_is_limited() -> None:
    """The check limits the total size of all objects, because they share one database."""
    large = [thing("ConfigMap", name=f"c{n}", data={"a": "x" * 250_000}) for n in range(9)]
    assert codes(*large) == ["too-many-bytes"]
    assert codes(*large[:8]) == []


def test_each_code_has_a_sentence() -> None:
    """Every refusal code has a sentence."""
    assert set(SENTENCES) == set(get_args(Code))


def test_each_code_is_tried() -> None:
    """The tests provoke every refusal code."""
    objects = [each for each, _ in (*REFUSED.values(), *EVERYWHERE.values(), *SHARED_ONLY.values())]
    many = [thing("Service", name=f"s{n}", spec={"type": "NodePort", "ports": [{"port": 1}]}) for n in range(101)]
    large = [thing("ConfigMap", name=f"c{n}", data={"a": "x" * 250_000}) for n in range(9)]

    tried = {code for each in objects for code in codes(each, shared=True)} | {*codes(*many, *large)}

    assert tried == set(get_args(Code))


@pytest.mark.parametrize("value", ["", 7, [], ["x"], {}, {"a": []}, [[]], True, None])
def test_no_shape_of_a_body_breaks_a_rule(value: object) -> None:
    """The check raises no exception for fields of the wrong type."""
    for each in ALLOWED_KINDS:
        for shared in (False, True):
            check_chart([thing(each.kind, spec=value, rules=value, roleRef=value)], policy(shared=shared))
    names = ("volumes", "tolerations", "initContainers", "securityContext", "schedulerName", "nodeName")
    codes(deployment(dict.fromkeys(names, value), dict.fromkeys(("livenessProbe", "resources", "ports"), value)))
    for name in names:
        codes(deployment({name: [value]}, {"lifecycle": {"preStop": {"httpGet": value}}}), shared=True)
    codes(claim(dataSource=value, selector=value), binding("ClusterRole", "view"), shared=True)
    codes(projected(serviceAccountToken=value), volume(ephemeral=value), shared=True)


def test_ports_of_the_node_are_found() -> None:
    """The check finds only the node ports that the chart sets. Port 0 leaves the choice to the cluster."""
    ports = [{"port": 1, "nodePort": 30003}, {"port": 2}, {"port": 3, "nodePort": 0}]

    assert node_ports([thing("Service", spec={"ports": ports}), deployment()]) == {30003}
