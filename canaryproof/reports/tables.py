"""What was seen, as tables: events, and what kubectl and helm would have shown just before the rollback; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from canaryproof.model.evidence import Evidence
from canaryproof.model.objects import Body
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
    return tuple(
        EventRow(
            f"{each.at:.1f}s",
            str(body.get("type", "")),
            str(body.get("reason", "")),
            _involved(body),
            str(body.get("message", "")),
        )
        for each in timeline.observations
        if (body := each.object.body).get("kind") == "Event" and each.change != "DELETED"
    )


def pods_table(objects: Iterable[Body]) -> str:
    """Return the pods as ``kubectl get pods`` shows them."""
    return table(POD_HEADER, [_pod_row(body) for body in objects if body["kind"] == "Pod"])


def objects_table(objects: Iterable[Body]) -> str:
    """Return all objects but events and pods, sorted by kind and name, with what matters of their state."""
    rows = [
        (body["kind"], body["metadata"]["name"], _state(body))
        for body in objects
        if body["kind"] not in {"Event", "Pod"}
    ]
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


def _involved(event: Body) -> str:
    involved = _map(event.get("involvedObject") or event.get("regarding"))
    return f"{involved.get('kind', '?')}/{involved.get('name', '?')}"


def _pod_row(pod: Body) -> tuple[str, ...]:
    status = _map(pod.get("status"))
    containers = [_map(each) for each in status.get("containerStatuses") or ()]
    ready = sum(bool(each.get("ready")) for each in containers)
    wanted = pod["spec"]["containers"]
    return (
        pod["metadata"]["name"],
        f"{ready}/{len(wanted)}",
        _pod_status(pod, status),
        str(sum(each.get("restartCount", 0) for each in containers)),
        ",".join(str(each.get("image", "")) for each in wanted),
    )


def _pod_status(pod: Body, status: Mapping[str, Any]) -> str:
    """Return the word of ``kubectl get pods``: the reason of a container that does not run, else the phase."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for field, prefix in (("initContainerStatuses", "Init:"), ("containerStatuses", "")):
        for each in status.get(field) or ():
            if reason := _not_running(_map(_map(each).get("state"))):
                return prefix + reason
    return str(status.get("phase", "Unknown"))


def _not_running(state: Mapping[str, Any]) -> str:
    waiting, terminated = _map(state.get("waiting")), _map(state.get("terminated"))
    if terminated.get("exitCode") == 0:
        return ""
    return str(waiting.get("reason") or terminated.get("reason") or "")


def _state(body: Body) -> str:
    """Return the few fields that a reader looks for first."""
    spec, status = _map(body.get("spec")), _map(body.get("status"))
    match body["kind"]:
        case "Deployment" | "ReplicaSet":
            return f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)} ready"
        case "Service":
            ports = ",".join(f"{each.get('port')}->{each.get('targetPort')}" for each in spec.get("ports") or ())
            selector = ",".join(f"{name}={value}" for name, value in _map(spec.get("selector")).items())
            return f"{ports} {selector}"
        case "EndpointSlice":
            addresses = [address for each in body.get("endpoints") or () for address in each.get("addresses", ())]
            return f"{len(addresses)} endpoints {','.join(addresses)}"
    return ""


def _map(value: Any) -> Mapping[str, Any]:
    """Return *value* where it is a map: the API may leave out, or null, whatever is empty."""
    return value if isinstance(value, dict) else {}
