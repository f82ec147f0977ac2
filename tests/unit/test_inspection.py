"""The inspection of a release assigns a violation to the cluster or the submission by the time of its detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.inspection import Inspection, ViolationError
from canaryproof.experiment.tenancy import GUARD
from canaryproof.kube.client import KubeClient
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import BODIES, Manifest, ObjectKey
from canaryproof.model.refusals import Refusal
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi
from tests.unit.test_record_check import named, secret

SECRETS = "/api/v1/namespaces/sre/secrets"


@pytest.fixture
def api() -> FakeApi:
    """Prepare a fake API."""
    return FakeApi()


def inspected(api: FakeApi, *refusals: Refusal) -> tuple[Inspection, KubeClient]:
    """Return the inspection of a release whose rendering is refused for *refusals*."""
    client = KubeClient(api.kubeconfig, "lab", TimeLimits())
    return Inspection(client, "shop", "sre", lambda _: refusals), client


def holds(api: FakeApi, *secrets: bytes) -> None:
    """Put these Secrets into the namespace."""
    items = [BODIES.decode(each) for each in secrets]
    api.answers["GET", SECRETS] = (200, {"metadata": {"resourceVersion": "1"}, "items": items})


def test_a_record_too_many_after_the_install_is_the_clusters_fault(api: FakeApi, tmp_path: Path) -> None:
    """An extra record after the install is a fault of the cluster. Later it is a violation of the submission."""
    with api.serve(tmp_path):
        inspection, client = inspected(api)
        holds(api, bytes(secret(1)), bytes(named("later")))
        with pytest.raises(InfrastructureError, match="Secret/later"):
            inspection.after_stable(1)

        holds(api, bytes(secret(1)))
        inspection.after_stable(1)
        holds(api, bytes(secret(1)), bytes(secret(2)), bytes(named("later")))
        with pytest.raises(ViolationError, match="Secret/later"):
            inspection.after_upgrade(2, succeeded=True)
        client.close()


def test_the_records_of_the_upgrade_must_stay_until_the_rollback(api: FakeApi, tmp_path: Path) -> None:
    """The records of the upgrade must stay unchanged until the rollback."""
    info = {"status": "deployed", "description": "", "last_deployed": "2026-01-01T12:00:00Z"}
    with api.serve(tmp_path):
        inspection, client = inspected(api)
        holds(api, bytes(secret(1)))
        inspection.after_stable(1)
        second: dict[str, Any] = {
            "manifest": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
            "info": info,
            "hooks": [],
        }
        holds(api, bytes(secret(1)), bytes(secret(2, **second)))
        applied = inspection.after_upgrade(2, succeeded=True)
        inspection.before_rollback()

        holds(api, bytes(secret(1)), bytes(secret(2, **second, uid="another")))
        with pytest.raises(ViolationError, match=r"something changed .*v2"):
            inspection.before_rollback()
        client.close()

    assert applied is not None
    assert [str(each.key) for each in applied.manifests] == ["ConfigMap/a"]


def test_an_upgrade_without_a_record_applied_nothing(api: FakeApi, tmp_path: Path) -> None:
    """A failed upgrade without a record has applied nothing. A successful one without a record is a violation."""
    with api.serve(tmp_path):
        inspection, client = inspected(api)
        holds(api, bytes(secret(1)))
        inspection.after_stable(1)

        assert inspection.after_upgrade(2, succeeded=False) is None
        holds(api, bytes(secret(1)), bytes(secret(2)))  # the record has no time
        with pytest.raises(ViolationError, match="Helm did not write it"):
            inspection.after_upgrade(2, succeeded=True)
        holds(api, bytes(secret(1)))
        with pytest.raises(ViolationError, match=r"something deleted .*v2"):
            inspection.after_upgrade(2, succeeded=True)
        client.close()


@pytest.mark.parametrize(
    ("applied", "refusals", "told"),
    [
        (Rendering(error="a key comes twice"), (), "a key comes twice"),
        (Rendering(), (Refusal("privileged", key=ObjectKey("Pod", "a")),), "Pod/a is privileged"),
    ],
)
def test_what_was_applied_is_vetted(
    api: FakeApi, tmp_path: Path, applied: Rendering, refusals: tuple[Refusal, ...], told: str
) -> None:
    """The inspection checks the applied objects, and refuses unreadable ones."""
    with api.serve(tmp_path):
        inspection, client = inspected(api, *refusals)
        with pytest.raises(ViolationError) as raised:
            inspection.vet(applied)
        client.close()

    assert raised.value.violation.code == "unsafe-objects"
    assert told in str(raised.value)


def test_a_quota_of_the_chart_is_no_violation(api: FakeApi, tmp_path: Path) -> None:
    """A quota of the chart is no violation, only a changed quota of the harness."""
    with api.serve(tmp_path):
        inspection, client = inspected(api)
        inspection.require_room(["exceeded quota: small, requested: pods=1"])
        with pytest.raises(ViolationError, match="needs more objects"):
            inspection.require_room([f"exceeded quota: {GUARD}-pods, requested: pods=1"])
        client.close()


def test_finalizers_of_what_was_applied_are_dropped(api: FakeApi, tmp_path: Path) -> None:
    """The inspection drops the finalizers of applied objects and of records, so that the namespace can be deleted."""
    kind = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True}
    api.answers["GET", "/api/v1"] = (200, {"resources": [kind]})
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["example.com/hold"]}}
    forged = BODIES.decode(bytes(named("later")))
    forged["metadata"]["finalizers"] = ["example.com/hold"]
    with api.serve(tmp_path):
        inspection, client = inspected(api)
        api.answers["GET", SECRETS] = (200, {"metadata": {"resourceVersion": "1"}, "items": [forged]})
        inspection.let_go([Manifest(held)])
        client.close()

    patched = [path for verb, path in api.asked if verb == "PATCH"]
    assert patched == ["/api/v1/namespaces/sre/configmaps/a", f"{SECRETS}/later"]
