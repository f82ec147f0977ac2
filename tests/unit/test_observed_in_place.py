"""A release by hand that changed a workload in place: its pods are told from those of stable without having watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from canaryproof.helm.releases import Record
from canaryproof.model.evidence import Revision
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.observe.event_rules import events_of
from canaryproof.observe.revisions import Revisions, find_revisions
from canaryproof.scenario.terms import Expectation, Scenario, WorkloadName
from tests.unit.stories import COURSE, STABLE, rendering

KEY = ObjectKey("Deployment", "upcommerce-app")
CHANGED = STABLE.replace("upcommerce:v3", "upcommerce:broken")
NAMED = Expectation(("crash-loop",), workload=WorkloadName("Deployment", KEY.name))
ASKED = replace(COURSE, expect=NAMED, submits_charts=False)


def handled(*manifests: str, asked: Scenario = ASKED, rolled_back: bool = True) -> Revisions:
    """Return the revisions of a release with these objects; the last one is a rollback to revision 1, or an upgrade."""
    began, last = datetime(2026, 1, 1, 10, tzinfo=UTC), len(manifests)
    told = ["Upgrade complete"] * (last - 1) + ["Rollback to 1" if rolled_back else "Upgrade complete"]
    records = [
        Record(Revision(number, "superseded", said), began + timedelta(seconds=30 * number), rendering(text))
        for number, (said, text) in enumerate(zip(told, manifests, strict=True), 1)
    ]
    return find_revisions(records, rendering(STABLE), asked)


def replica_set(revision: str, image: str) -> Body:
    """Return a ReplicaSet of the Deployment, with the defaults of the API server."""
    container = {"name": "main", "image": image, "ports": [{"containerPort": 5000, "name": "http", "protocol": "TCP"}]}
    template = {"metadata": {"labels": {"app": KEY.name}}, "spec": {"containers": [container], "dnsPolicy": "x"}}
    metadata = {
        "name": f"{KEY.name}-{revision}",
        "uid": revision,
        "labels": {"pod-template-hash": revision},
        "ownerReferences": [{"kind": "Deployment", "name": KEY.name, "uid": "d"}],
    }
    return {"kind": "ReplicaSet", "metadata": metadata, "spec": {"template": template}}


def event(pod: str) -> Body:
    """Return an event about a pod."""
    about = {"kind": "Pod", "name": pod, "uid": pod}
    return {"kind": "Event", "metadata": {"name": pod, "uid": pod}, "involvedObject": about, "reason": "Started"}


def timeline(*bodies: Body) -> Timeline:
    """Return a timeline of *bodies*."""
    return Timeline(tuple(Observation(1, "ADDED", Manifest(each)) for each in bodies))


@pytest.mark.parametrize("expect", [NAMED, Expectation(("crash-loop",))], ids=["named", "found"])
def test_a_revision_with_the_stable_pod_template_is_no_canary(expect: Expectation) -> None:
    """The workload is in every revision; the canary is where its pod template is another one."""
    found = handled(STABLE, CHANGED, STABLE, asked=replace(ASKED, expect=expect))

    assert (found.stable, found.submitted.revision, found.has_canary_again) == (1, 2, False)
    assert found.rollback
    assert found.rollback.revision == 3


def test_a_rollback_to_another_canary_in_place_is_none_to_stable() -> None:
    """Revision 1 may be a canary itself."""
    found = handled(CHANGED, CHANGED.replace("broken", "other"), CHANGED)

    assert found.has_canary_again


def test_a_release_that_was_never_upgraded_has_no_canary() -> None:
    """A named workload alone is no canary."""
    assert handled(STABLE, rolled_back=False).finding.canary is None


def test_a_configuration_alone_is_the_change_where_that_is_expected() -> None:
    """A scenario may expect that the pods are not replaced."""
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    expect = Expectation(("not-rolled-out",), workload=NAMED.workload)

    assert handled(STABLE, STABLE + config, STABLE, asked=replace(ASKED, expect=expect)).submitted.revision == 2


def test_events_of_stable_pods_are_not_the_canarys() -> None:
    """The rollback starts pods of the former ReplicaSet, whose pod template is that of stable."""
    found = handled(STABLE, CHANGED, STABLE)
    sets = (replica_set("aaa", "uonyeka/upcommerce:v3"), replica_set("bbb", "uonyeka/upcommerce:broken"))
    seen = timeline(*sets, event(f"{KEY.name}-aaa-x2k9z"), event(f"{KEY.name}-bbb-x2k9z"))
    canary = found.canary(seen)

    assert canary
    assert canary.former == ("aaa",)
    assert [each.object.name for each in events_of(seen, KEY, former=canary.former)] == [f"{KEY.name}-bbb-x2k9z"]
