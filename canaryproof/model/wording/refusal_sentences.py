"""Defines the sentence for each refusal.  This module is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from canaryproof.model.refusals import VOLUME_TYPES, Code, Refusal
from canaryproof.system.plain_text import escaped

SHOWN = 5
"""The maximum number of refusals in a message."""
LONGEST = 60
"""The maximum number of characters of a value in a message."""

CORE = "core"
"""The name of the API group ``""`` in the Kubernetes documentation."""
OF_OTHERS = "on a cluster that belongs to others"

ADVICE = "take it out: no submission may have it"
"""The advice for every refusal."""

SENTENCES: Mapping[Code, str] = {
    "added-capability": "adds the capability {value}",
    "annotation": f"has {{value}} in its {{field}}, on which a controller acts with its own rights {OF_OTHERS}",
    "apparmor": "turns AppArmor off ({field}: {value})",
    "claim-source": f"has {{field}}: a claim may not pick storage that exists already {OF_OTHERS}",
    "cluster-role-binding": "gives the rights of the ClusterRole {value}; bind a Role, or a ClusterRole of: {field}",
    "cluster-scoped": "belongs to the whole cluster, not to a namespace; a chart may only have what lives in its"
    " namespace",
    "device-claim": "has resourceClaims: its pods would claim devices of the node",
    "extended-resource": f"asks for {{value}}; a container may ask for cpu and memory alone {OF_OTHERS}",
    "external-ips": "has externalIPs, which would take over traffic of the whole cluster",
    "foreign-namespace": "is for the namespace {value}; leave metadata.namespace out",
    "guard-name": "has a name that canaryproof keeps for the limits of the namespace; choose one that begins otherwise",
    "helm-record-label": "has the label owner: helm, by which Helm finds its own records; choose another value",
    "helm-record-name": "has a name that Helm keeps for its own records",
    "helm-record-type": "has the type of Helm's own records, {value}",
    "host-in-handler": "names the host {value} in {field}: the kubelet would ask it from the node; leave host out",
    "host-namespace": "has {field}: its pods would share that with the node",
    "host-path": "mounts the folder {value} of the node (hostPath)",
    "host-port": "takes port {value} of the node (hostPort)",
    "host-process": "runs as a process of the node (hostProcess)",
    "ingress": f"is an Ingress, which would publish the chart to the outside {OF_OTHERS}",
    "kind": "is of a kind that a chart may not have ({field} of the API group {value}); it may have built-in kinds"
    " that stay in the namespace",
    "list-in-object": "has a list of items like a List, which kubectl and Helm would apply each for itself",
    "load-balancer": f"has {{field}}, which would take an address of the outside {OF_OTHERS}",
    "node-name": f"has nodeName: {{value}}; the scheduler chooses the node {OF_OTHERS}",
    "priority-class": f"has the priority class {{value}}; its pods could push out others {OF_OTHERS}",
    "privileged": "is privileged: it would be root on the node",
    "proc-mount": "unmasks /proc (procMount)",
    "projected-audience": "projects a token for {value}; a pod may only have tokens for the API server",
    "projected-source": "has the source {field} in the projected volume {value}; a chart may use configMap,"
    " downwardAPI, secret and serviceAccountToken",
    "role-resource": "gives rights on {value} of the API group {field} that no chart may give; a Role is for the"
    " kinds that a chart may have, and what else may be read",
    "role-verb": "gives the verb {value}; name the verbs that are needed: get, list, watch, create, update, patch,"
    " delete",
    "runtime-class": f"has the runtime class {{value}}; pods have the default one {OF_OTHERS}",
    "scheduler": f"has the scheduler {{value}}; pods have the default one {OF_OTHERS}",
    "seccomp": "turns seccomp off (seccompProfile: {value})",
    "selinux": "changes its SELinux type, user or role (seLinuxOptions)",
    "size": "is {count} large; at most {limit} are tried",
    "sysctl": "sets the sysctl {value} of the node",
    "system-priority-class": "has a system priority class, {value}: its pods would push out those of others",
    "toleration": f"tolerates the taint {{value}}; pods run on nodes that take any pod {OF_OTHERS}",
    "too-many-bytes": "the objects of the chart are {count} large together; at most {limit} are tried",
    "too-many-containers": "has {count} containers in a pod; at most {limit} are tried",
    "too-many-node-ports": "the chart asks for {count} ports of the nodes; at most {limit} are tried",
    "too-many-objects": "the chart has {count} objects; at most {limit} are tried",
    "too-many-pods": "the chart asks for {count} pods; at most {limit} are tried",
    "too-many-services": "the chart has {count} Services; at most {limit} are tried",
    "too-much-cpu": f"the pods of the chart request {{count}} CPUs; at most {{limit}} are tried {OF_OTHERS}",
    "too-much-memory": f"the pods of the chart request {{count}} of memory; at most {{limit}} are tried {OF_OTHERS}",
    "too-much-storage": "the chart asks for {count} of storage; at most {limit} are tried",
    "volume-type": "has the volume {value} of the type {field}; a chart may use " + ", ".join(VOLUME_TYPES),
}
"""The sentence for each code. Its subject is the object or the chart."""

_SIZES: Mapping[Code, tuple[str, int]] = {
    "size": ("KiB", 2**10),
    "too-many-bytes": ("KiB", 2**10),
    "too-much-memory": ("GiB", 2**30),
    "too-much-storage": ("GiB", 2**30),
}
_NUMBERS = frozenset({"host-port"})
"""Codes whose value is a number."""


def sentence(refusal: Refusal) -> str:
    """Return the sentence of *refusal*."""
    unit, divisor = _SIZES.get(refusal.code, ("", 1))
    count, limit = (f"{number / divisor:.0f} {unit}".rstrip() for number in (refusal.count, refusal.limit))
    value = _quoted(refusal)
    text = SENTENCES[refusal.code].format(value=value, field=_short(refusal.field) or CORE, count=count, limit=limit)
    container = f"container {_short(refusal.container)}: " if refusal.container else ""
    template = f" ({refusal.template})" if refusal.template else ""
    return f"{refusal.key}{template} {container}{text}" if refusal.key else text


def describe_refusals(refusals: Sequence[Refusal]) -> str:
    """Return *refusals* in one line, or an empty string if there are none. At most `SHOWN` are listed."""
    found = list(dict.fromkeys(map(sentence, refusals)))
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join(found[:SHOWN] + more)


def _quoted(refusal: Refusal) -> str:
    if refusal.code == "kind" and not refusal.value:
        return CORE
    return _short(refusal.value) if refusal.code in _NUMBERS else f"'{_short(refusal.value)}'"


def _short(text: str) -> str:
    return escaped(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
