"""Vets the fields of objects, except those of their pods.  This module is pure."""

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
"""The maximum size of one object as JSON.

etcd accepts 1.5 MiB, and the release with all objects must fit into one Secret of 1 MiB.
"""

RECORD_TYPE, RECORD_NAME, RECORD_OWNER = "helm.sh/release", "sh.helm.release.", "helm"
"""The type, the name prefix and the label ``owner`` of the Secrets in which Helm stores its records.

Helm finds the Secrets by the label alone. Source: Helm 4.3.1, pkg/storage/driver/secrets.go.
"""

GUARDS = frozenset({"LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding"})
GUARD_NAME = "canaryproof"
"""The name prefix of canaryproof's own objects of the kinds in `GUARDS`, which confine a release to its namespace.

A submission must not use this prefix. Before Helm creates a hook, it deletes an object of the same name (Helm, "Chart
Hooks", ``before-hook-creation``).
"""


def check_object(manifest: Manifest, policy: Policy) -> Iterator[Refusal]:
    """Yield the refusals of an object, except those that concern its kind or its pods."""
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
    """Yield a refusal for each property by which an object could pass as a Helm record, which a rollback would use."""
    if manifest.kind == "Secret" and (kind := text_at(manifest.body, "type")).startswith(RECORD_TYPE):
        yield Refusal("helm-record-type", value=kind)
    if manifest.kind == "Secret" and manifest.labels.get("owner") == RECORD_OWNER:
        yield Refusal("helm-record-label")
    if manifest.name.startswith(RECORD_NAME):
        yield Refusal("helm-record-name")


def size_of(manifest: Manifest) -> int:
    """Return the size of an object as JSON, in bytes."""
    return len(json.dumps(manifest.body, default=str))


def claims_of(manifest: Manifest) -> tuple[Body, ...]:
    """Return the PersistentVolumeClaims of an object.

    These are the object itself, the claim templates of a StatefulSet, and those of ephemeral volumes.
    """
    if manifest.kind == "PersistentVolumeClaim":
        return (manifest.body,)
    own = maps_at(manifest.body, "spec", "volumeClaimTemplates") if manifest.kind == "StatefulSet" else ()
    volumes = maps_at(pod_template(manifest), "spec", "volumes")
    return (*own, *(mapping_at(each, "ephemeral", "volumeClaimTemplate") for each in volumes if each.get("ephemeral")))
