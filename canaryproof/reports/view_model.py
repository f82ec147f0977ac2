"""Prepares the evidence that a submission's page shows beside the result.  This module is pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from canaryproof.checks.results import SubmissionResult
from canaryproof.model.evidence import Evidence
from canaryproof.reports.chronology import Moment, Picture, picture
from canaryproof.reports.diff import Difference, difference
from canaryproof.reports.tables import EventRow, before_rollback, event_rows, history_table, objects_table, pods_table
from canaryproof.system.plain_text import printable_lines

EVENTS = 60
"""Events that are shown of one submission; one that came again counts once."""
LOG_LINES = 200
"""Lines of logs that are shown of one submission, the last ones of each container."""
NEAR = 0.045
"""Part of the picture's width within which two pins would cover each other on a phone."""


@dataclass(frozen=True)
class Pin:
    """A moment in the picture; those near each other stand in rows of their own."""

    moment: Moment
    row: int

    @property
    def at(self) -> float:
        """Return when it was."""
        return self.moment.at


@dataclass(frozen=True)
class Pins:
    """All moments of a picture, in order."""

    placed: tuple[Pin, ...]

    @property
    def rows(self) -> int:
        """Return how many rows they take."""
        return 1 + max((pin.row for pin in self.placed), default=0)


@dataclass(frozen=True)
class Said:
    """An event as first reported, and the number of its reports."""

    event: EventRow
    count: int


@dataclass(frozen=True)
class Log:
    """The last words of a container."""

    container: str
    pod: str
    previous: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """The evidence that a submission's page shows beside the result."""

    statuses: Mapping[str, str]
    """The status of each check, by its id."""
    picture: Picture | None = None
    pins: Pins = Pins(())
    difference: Difference = field(default_factory=Difference)
    compared: bool = False
    logs: tuple[Log, ...] = ()
    proof: tuple[str, ...] = ()
    events: tuple[Said, ...] = ()
    tables: tuple[tuple[str, tuple[str, ...]], ...] = ()


def view(result: SubmissionResult, evidence: Evidence | None) -> View:
    """Return the view of a submission. It is almost empty without evidence."""
    statuses = {each.check.id: each.status for each in result.checks if each.was_run}
    if evidence is None:
        return View(statuses)
    drawn = picture(evidence)
    return View(
        statuses=statuses,
        picture=drawn,
        pins=_pins(drawn) if drawn else Pins(()),
        difference=difference(evidence),
        compared=bool(evidence.baseline.manifests and evidence.chart.manifests),
        logs=_logs(evidence),
        proof=evidence.decision.proof,
        events=_events(evidence),
        tables=tuple(_tables(evidence)),
    )


def _pins(drawn: Picture) -> Pins:
    """Put each moment into the first row where the one before it is far enough."""
    last: list[float] = []
    placed = []
    for moment in drawn.moments:
        row = next((row for row, at in enumerate(last) if moment.at - at >= NEAR * drawn.seconds), len(last))
        last[row : row + 1] = [moment.at]
        placed.append(Pin(moment, row))
    return Pins(tuple(placed))


def _logs(evidence: Evidence) -> tuple[Log, ...]:
    """Return the logs, those of runs that ended before those that had just begun."""
    logs = sorted(evidence.logs, key=lambda log: not log.previous)
    each = LOG_LINES // max(1, len(logs))
    return tuple(Log(it.container, it.pod, it.previous, printable_lines(it.text)[-each:]) for it in logs)


def _events(evidence: Evidence) -> tuple[Said, ...]:
    rows = event_rows(evidence.timeline)
    counts = Counter(row[1:] for row in rows)
    first = {row[1:]: row for row in reversed(rows)}
    return tuple(Said(first[said], count) for said, count in counts.items())[:EVENTS]


def _tables(evidence: Evidence) -> Iterable[tuple[str, tuple[str, ...]]]:
    objects = before_rollback(evidence).live()
    if objects:
        yield "Pods just before the rollback", printable_lines(pods_table(objects))
        yield "Other objects just before the rollback", printable_lines(objects_table(objects))
    if evidence.history:
        yield "History of the release", printable_lines(history_table(evidence))
