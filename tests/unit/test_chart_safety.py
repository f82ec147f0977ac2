"""What reaches out of its namespace is refused before it is applied, and what does not is let through."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.chart_safety import ALLOWED_KINDS, Policy, check_chart, explain, node_ports
from canaryproof.chart_safety.counts import MOST, MOST_OBJECTS, storage_bytes, whole
from canaryproof.chart_safety.kinds import CLUSTER_SCOPED
from canaryproof.chart_safety.refusals import Code
from canaryproof.chart_safety.wording import SENTENCES
from canaryproof.manifests import Manifest, parse

GROUPS = {each.kind: f"{each.group}/v1" if each.group else "v1" for each in ALLOWED_KINDS}


def deployment(spec: dict[str, Any] | None = None, container: dict[str, Any] | None = None, **own: Any) -> Manifest:
    """Return a Deployment with fields added to its own spec, to that of its pods, and to their container."""
    pod = {"containers": [{"name": "app", "image": "a", **(container or {})}], **(spec or {})}
    return thing("Deployment", spec={"template": {"spec": pod}, **own})


def thing(kind: str, namespace: str = "", name: str = "it", **body: Any) -> Manifest:
    """Return an object of a kind, as if from a template."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    api = GROUPS.get(kind, "v1")
    return Manifest({"apiVersion": api, "kind": kind, "metadata": metadata, **body}, "shop/templates/it.yaml")


def policy(*, namespaced: bool | None = True, shared: bool = False, nodes: int = 1) -> Policy:
    """Return what may be applied in the namespace ``sre-1`` of a course whose own is ``sre``."""
    return Policy(("sre-1", "sre"), lambda _: namespaced, shared_cluster=shared, nodes=nodes)


def refused(*manifests: Manifest, **policies: Any) -> str:
    """Return the sentence in which objects are refused; empty where they are not."""
    return explain(check_chart(manifests, policy(**policies)), "sre")


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
    "elsewhere": (thing("Service", "default"), "is for the namespace 'default'; leave metadata.namespace out, or use"),
    "kube-system": (thing("RoleBinding", "kube-system"), "is for the namespace 'kube-system'"),
    "smuggled": (thing("ConfigMap", items=[{"kind": "ClusterRole"}]), "has a list of items like a List"),
    "forged type": (thing("Secret", type="helm.sh/release.v1"), "has the type of Helm's own records"),
    "forged name": (thing("Secret", name="sh.helm.release.v1.shop.v1"), "has a name that Helm keeps"),
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
    """The refusal names the object, its template, and what is wrong with it."""
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
    """A right chart is never refused, and a wrong one is judged by what is wrong with it."""
    assert refused(manifest) == ""


@pytest.mark.parametrize("kind", sorted(CLUSTER_SCOPED))
def test_kinds_of_the_whole_cluster_are_known_without_one(kind: str) -> None:
    """A cluster that does not have the kind does not make it harmless."""
    assert "belongs to the whole cluster" in refused(thing(kind), namespaced=None)


def test_other_kinds_are_asked_of_the_cluster() -> None:
    """A kind that nobody knows here is refused when the cluster says that it has no namespace."""
    assert "belongs to the whole cluster" in refused(thing("Widget"), namespaced=False)
    assert refused(thing("Widget"), namespaced=None) == ""


def test_lists_hooks_and_subcharts_count() -> None:
    """Wherever an object comes from, it is looked at."""
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
    """A chart with a hundred faults is told of a few."""
    reason = refused(*[thing("ClusterRole", name=f"role-{number}") for number in range(50)])

    assert reason.count("belongs to the whole cluster") == 5
    assert reason.endswith("; and 45 more")


def test_too_many_objects_are_refused() -> None:
    """A chart of a thousand objects is not an assignment."""
    assert "objects; at most" in refused(*[thing("ConfigMap", name=f"c{n}") for n in range(MOST_OBJECTS + 1)])


def test_ports_of_the_node_are_found() -> None:
    """Only numbers that are asked for count; 0 leaves the choice to the cluster."""
    ports = [{"port": 1, "nodePort": 30003}, {"port": 2}, {"port": 3, "nodePort": 0}]

    assert node_ports([thing("Service", spec={"ports": ports}), deployment()]) == {30003}
