"""Compares the rendered submission with the rendered stable chart, object by object.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice

import yaml

from canaryproof.model.evidence import Evidence
from canaryproof.model.objects import Manifest
from canaryproof.system.plain_text import printable

MANY = 300
"""Lines of a difference that are shown, of all objects together."""
Names = tuple[str, str]
"""Kind and name: the same object, whatever namespace a chart writes into it."""
CONTEXT = 3
"""Equal lines around a change, as ``diff -u`` shows them."""


@dataclass(frozen=True)
class Change:
    """One object that differs: *what* is done to it, and its lines, each with the sign of a unified diff."""

    object: str
    """``Deployment/upcommerce-app``."""
    what: str
    """``added``, ``removed`` or ``changed``."""
    source: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """All differences. *hidden* is the number of lines that are not shown because there are too many."""

    changes: tuple[Change, ...] = ()
    hidden: int = 0


def difference(evidence: Evidence, most: int = MANY) -> Difference:
    """Return how the rendered charts differ, in the order of the submission's objects, what it removes last."""
    before = {(each.kind, each.name): each for each in evidence.baseline.manifests}
    after = {(each.kind, each.name): each for each in evidence.chart.manifests}
    if not before:
        return Difference()  # the experiment did not get that far: nothing to compare with
    changes, shown, hidden = [], 0, 0
    for change in _changes(before, after):
        lines = change.lines[: max(0, most - shown)]
        shown, hidden = shown + len(lines), hidden + len(change.lines) - len(lines)
        changes.append(Change(change.object, change.what, change.source, lines))
    return Difference(tuple(changes), hidden)


def _changes(before: Mapping[Names, Manifest], after: Mapping[Names, Manifest]) -> Iterator[Change]:
    for key in (*after, *(key for key in before if key not in after)):
        old, new = before.get(key), after.get(key)
        if lines := tuple(_compared(old, new)):
            what = "changed" if old and new else "added" if new else "removed"
            yield Change("/".join(key), what, (new or old or Manifest({})).template, lines)


def _compared(old: Manifest | None, new: Manifest | None) -> Iterator[str]:
    """Yield a unified diff without the lines that name files, or the place of all there is."""
    lines = unified_diff(_text(old), _text(new), n=CONTEXT, lineterm="")
    return (printable(line) for line in islice(lines, 2 if old and new else 3, None))


def _text(manifest: Manifest | None) -> list[str]:
    if manifest is None:
        return []
    text: str = yaml.dump(manifest.body, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return text.splitlines()
