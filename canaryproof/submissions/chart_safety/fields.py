"""Vets the fields of objects other than their pods; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at, value_at
from canaryproof.model.refusals import Policy, Refusal
from canaryproof.submissions.chart_safety.pods import pod_template
from canaryproof.submissions.chart_safety.shared_cluster import (
    check_shared_claim,
    check_shared_metadata,
    check_shared_object,
)

MOST_BYTES = 256 * 2**10
"""Of one object, as JSON: etcd takes 1.5 MiB, and the release with all of them must fit into one Secret of 1 MiB."""

RECORD_TYPE, RECORD_NAME, RECORD_OWNER = "helm.sh/release", "sh.helm.release.", "helm"
"""How Helm marks the Secrets in which it keeps its records; it finds them by the label ``owner`` alone.

Source: Helm 4.3.1, pkg/storage/driver/secrets.go.
"""

GUARDS = frozenset({"LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding"})
GUARD_NAME = "canaryproof"
"""How the names of the harness' own objects of these kinds begin, by which a release stays in its namespace.

Helm deletes an object with the name of a hook before it makes the hook (Helm, "Chart Hooks", ``before-hook-creation``).
"""


def check_object(manifest: Manifest, policy: Policy) -> Iterator[Refusal]:
    """Yield what an object may not have, apart from its kind and its pods."""
    if isinstance(manifest.body.get("items"), list):
        yield Refusal("list-in-object")
    yield from _check_record(manifest)
    if manifest.kind in GUARDS and manifest.name.startswith(GUARD_NAME):
        yield Refusal("guard-name")
    if (size := size_of(manifest)) > MOST_BYTES:
        yield Refusal("size", count=size, limit=MOST_BYTES)
    if manifest.kind == "Service" and value_at(manifest.body, "spec", "externalIPs"):
        yield Refusal("external-ips")
    if policy.shared_cluster:
        yield from check_shared_object(manifest)
        yield from check_shared_metadata(mapping_at(manifest.body, "metadata"))
        for claim in claims_of(manifest):
            yield from check_shared_claim(mapping_at(claim, "spec"))
            yield from check_shared_metadata(mapping_at(claim, "metadata")) if claim is not manifest.body else ()


def _check_record(manifest: Manifest) -> Iterator[Refusal]:
    """Yield how an object passes for a record of Helm, which a rollback would follow."""
    if manifest.kind == "Secret" and (kind := text_at(manifest.body, "type")).startswith(RECORD_TYPE):
        yield Refusal("helm-record-type", value=kind)
    if manifest.kind == "Secret" and manifest.labels.get("owner") == RECORD_OWNER:
        yield Refusal("helm-record-label")
    if manifest.name.startswith(RECORD_NAME):
        yield Refusal("helm-record-name")


def size_of(manifest: Manifest) -> int:
    """Return the bytes of an object as JSON."""
    return len(json.dumps(manifest.body, default=str))


def claims_of(manifest: Manifest) -> tuple[Body, ...]:
    """Return the claims of storage that an object is, or leads to: of a StatefulSet, and of ephemeral volumes."""
    if manifest.kind == "PersistentVolumeClaim":
        return (manifest.body,)
    own = maps_at(manifest.body, "spec", "volumeClaimTemplates") if manifest.kind == "StatefulSet" else ()
    volumes = maps_at(pod_template(manifest), "spec", "volumes")
    return (*own, *(mapping_at(each, "ephemeral", "volumeClaimTemplate") for each in volumes if each.get("ephemeral")))
