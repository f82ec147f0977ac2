"""The tables have the format of kubectl and helm."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.model.evidence import Evidence, Revision, Step
from canaryproof.model.objects import Manifest
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.reports.tables import table
from canaryproof.reports.writer import evidence_files


def seen(at: float, kind: str, name: str, change: Change = "ADDED", **body: Any) -> Observation:
    """Return one observed change of an object."""
    return Observation(at, change, Manifest({"kind": kind, "metadata": {"name": name}, **body}))


def pod(at: float, state: dict[str, Any], *, restarts: int, ready: bool = False) -> Observation:
    """Return an observed pod with one container."""
    status = {"phase": "Running", "containerStatuses": [{"state": state, "restartCount": restarts, "ready": ready}]}
    return seen(at, "Pod", "canary-1", spec={"containers": [{"image": "shop:canary"}]}, status=status)


CRASHED = pod(3, {"waiting": {"reason": "CrashLoopBackOff"}}, restarts=2)
EVIDENCE = Evidence(
    "shop",
    "shop",
    timeline=Timeline(
        (
            seen(1, "Deployment", "canary", spec={"replicas": 1}, status={}),
            seen(
                2,
                "Service",
                "canary",
                spec={"ports": [{"port": 5003, "targetPort": "http"}], "selector": {"app": "canary"}},
            ),
            CRASHED,
            seen(
                3.1,
                "Event",
                "e1",
                type="Warning",
                reason="BackOff",
                message="restarting\nfailed",
                involvedObject={"kind": "Pod", "name": "canary-1"},
            ),
            seen(5, "Pod", "canary-1", "DELETED", spec={"containers": []}),
        )
    ),
    rollback=Step("helm rollback shop 1", 4, 4.5),
    history=(Revision(1, "superseded", "Install complete", "shop-0.1.0"), Revision(2, "deployed", "Rollback to 1")),
)


def text(name: str) -> str:
    """Return the content of one of the files."""
    return evidence_files(EVIDENCE)[name]


def test_tables_show_the_moment_before_the_rollback() -> None:
    """The tables show the objects just before the rollback, as kubectl would show them."""
    assert text("pods.txt").splitlines() == [
        "NAME       READY   STATUS             RESTARTS   IMAGES",
        "canary-1   0/1     CrashLoopBackOff   2          shop:canary",
    ]
    assert text("objects.txt").splitlines() == [
        "KIND         NAME     STATE",
        "Deployment   canary   0/1 ready",
        "Service      canary   5003->http app=canary",
    ]


def test_events_and_history_are_tables_too() -> None:
    """The tables of events and of the history have one line per entry, whatever the messages contain."""
    assert text("events.txt").splitlines() == [
        "AT     TYPE      REASON    OBJECT         MESSAGE",
        "3.1s   Warning   BackOff   Pod/canary-1   restarting failed",
    ]
    assert text("history.txt").splitlines()[1:] == [
        "1          superseded   shop-0.1.0   Install complete",
        "2          deployed                  Rollback to 1",
    ]


@pytest.mark.parametrize(
    ("state", "ready", "status"),
    [
        ({"running": {}}, True, "Running"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, False, "ImagePullBackOff"),
        ({"terminated": {"reason": "Error", "exitCode": 1}}, False, "Error"),
        ({"terminated": {"reason": "Completed", "exitCode": 0}}, False, "Running"),
        ({}, False, "Running"),
    ],
)
def test_a_pod_has_the_status_that_kubectl_shows(state: dict[str, Any], ready: bool, status: str) -> None:  # noqa: FBT001 - a case's value
    """The status of a pod is the reason of a container that does not run, or else the pod's phase."""
    evidence = Evidence("shop", "", timeline=Timeline((pod(1, state, restarts=0, ready=ready),)))

    row = evidence_files(evidence)["pods.txt"].splitlines()[1].split()

    assert row[1:3] == [f"{int(ready)}/1", status]


def test_an_empty_table_is_its_header() -> None:
    """An empty table has its header."""
    assert table(("NAME", "STATE"), ()) == "NAME   STATE\n"
