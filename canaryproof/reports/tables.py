"""Renders tables of the events, and the output of kubectl and helm just before the rollback.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from canaryproof.model.evidence import Evidence
from canaryproof.model.objects import Body, Manifest, integer_at, mapping_at, maps_at, text_at, value_at, values_at
from canaryproof.model.timeline import Timeline
from canaryproof.system.progress import one_line

EVENT_HEADER = ("AT", "TYPE", "REASON", "OBJECT", "MESSAGE")
POD_HEADER = ("NAME", "READY", "STATUS", "RESTARTS", "IMAGES")
OBJECT_HEADER = ("KIND", "NAME", "STATE")
HISTORY_HEADER = ("REVISION", "STATUS", "CHART", "DESCRIPTION")


class EventRow(NamedTuple):
    """One event, as it was told once."""

    at: str
    type: str
    reason: str
    object: str
    message: str


def before_rollback(evidence: Evidence) -> Timeline:
    """Return the timeline up to the rollback; all of it where there was none."""
    return evidence.timeline.until(evidence.rollback.began) if evidence.rollback else evidence.timeline


def events_table(timeline: Timeline) -> str:
    """Return the events of the namespace in the order they came, as ``kubectl get events`` shows them."""
    return table(EVENT_HEADER, event_rows(timeline))


def event_rows(timeline: Timeline) -> tuple[EventRow, ...]:
    """Return the events of the namespace in the order they came."""
    told = (each for each in timeline.observations if each.object.kind == "Event" and each.change != "DELETED")
    return tuple(
        EventRow(
            f"{each.at:.1f}s",
            text_at(each.object.body, "type"),
            text_at(each.object.body, "reason"),
            _involved(each.object),
            text_at(each.object.body, "message"),
        )
        for each in told
    )


def pods_table(objects: Iterable[Manifest]) -> str:
    """Return the pods as ``kubectl get pods`` shows them."""
    return table(POD_HEADER, [_pod_row(each) for each in objects if each.kind == "Pod"])


def objects_table(objects: Iterable[Manifest]) -> str:
    """Return all objects but events and pods, sorted by kind and name, with what matters of their state."""
    rows = [(each.kind, each.name, _state(each)) for each in objects if each.kind not in {"Event", "Pod"}]
    return table(OBJECT_HEADER, sorted(rows))


def history_table(evidence: Evidence) -> str:
    """Return the revisions as ``helm history`` shows them."""
    rows = [(str(it.revision), it.status, it.chart, it.description) for it in evidence.history]
    return table(HISTORY_HEADER, rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns as wide as what is in them; a header alone where nothing is."""
    lines = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _involved(event: Manifest) -> str:
    involved = mapping_at(event.body, "involvedObject") or mapping_at(event.body, "regarding")
    return f"{involved.get('kind', '?')}/{involved.get('name', '?')}"


def _pod_row(pod: Manifest) -> tuple[str, ...]:
    statuses = maps_at(pod.body, "status", "containerStatuses")
    wanted = maps_at(pod.body, "spec", "containers")
    return (
        pod.name,
        f"{sum(bool(each.get('ready')) for each in statuses)}/{len(wanted)}",
        _pod_status(pod),
        str(sum(integer_at(each, "restartCount") for each in statuses)),
        ",".join(text_at(each, "image") for each in wanted),
    )


def _pod_status(pod: Manifest) -> str:
    """Return the word of ``kubectl get pods``: the reason of a container that does not run, else the phase."""
    if pod.is_going:
        return "Terminating"
    for field, prefix in (("initContainerStatuses", "Init:"), ("containerStatuses", "")):
        for each in maps_at(pod.body, "status", field):
            if reason := _not_running(mapping_at(each, "state")):
                return prefix + reason
    return text_at(pod.body, "status", "phase") or "Unknown"


def _not_running(state: Body) -> str:
    if value_at(state, "terminated", "exitCode") == 0:
        return ""
    return text_at(state, "waiting", "reason") or text_at(state, "terminated", "reason")


def _state(manifest: Manifest) -> str:
    """Return the few fields that a reader looks for first."""
    body = manifest.body
    match manifest.kind:
        case "Deployment" | "ReplicaSet":
            return f"{integer_at(body, 'status', 'readyReplicas')}/{manifest.replicas} ready"
        case "Service":
            ports = (f"{each.get('port')}->{each.get('targetPort')}" for each in maps_at(body, "spec", "ports"))
            selector = ",".join(f"{name}={value}" for name, value in mapping_at(body, "spec", "selector").items())
            return f"{','.join(ports)} {selector}"
        case "EndpointSlice":
            endpoints = maps_at(body, "endpoints")
            addresses = [str(address) for each in endpoints for address in values_at(each, "addresses")]
            return f"{len(addresses)} endpoints {','.join(addresses)}"
    return ""
