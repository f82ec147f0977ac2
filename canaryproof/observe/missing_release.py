"""Describes a release without a record of Helm by the events that still exist.  This module is pure."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.model.causes import Cause
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Timeline
from canaryproof.observe.event_rules import cause_in, events_of


def missing_release(timeline: Timeline, release: str, place: str, others: tuple[str, ...] = ()) -> Cause:
    """Return the cause of a missing *release* in *place*, its namespace and context.

    Events of Deployments show that something ran there and was deleted, as ``helm uninstall`` does. *others* are the
    releases that the namespace has instead.
    """
    events = timeline.events
    seen = dict.fromkeys(each.object.name for each in events if each.object.kind == "Deployment")
    mine = tuple(name for name in seen if name.startswith(release))
    if not mine:
        return Cause(code="release-missing", object=release, found=place, names=others)
    fates = ((name, cause_in(tuple(events_of(timeline, ObjectKey("Deployment", name))))) for name in mine)
    parts = tuple(replace(cause, deployment=name) for name, cause in fates if cause)
    return Cause(code="release-deleted", object=release, found=place, names=mine, parts=parts)
