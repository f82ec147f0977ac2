"""A mutation of the reference chart: some edits and the expected result."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from canaryproof.checks.registry import BY_ID, CHECKS, Check
from canaryproof.model.evidence import OutcomeName

REFERENCE = Path(__file__).parents[2] / "upcommerce"

CHART = "Chart.yaml"
VALUES = "values.yaml"
STABLE = "templates/deployment.yaml"
STABLE_SERVICE = "templates/service.yaml"
DEPLOYMENT = "templates/canary-deployment.yml"
SERVICE = "templates/canary-service.yml"


def _needed(check: Check) -> frozenset[str]:
    """Return the ids of the checks that *check* needs, directly or through others."""
    return frozenset(check.needs).union(*(_needed(BY_ID[need]) for need in check.needs))


CONSEQUENCES: Mapping[str, tuple[str, ...]] = {
    check.id: tuple(each.id for each in CHECKS if check.id in _needed(each)) for check in CHECKS
}
"""The checks that are skipped once a check has failed, by its id."""


class Edit(Protocol):
    """One change to the files of a chart. An edit that changes nothing raises an error."""

    @property
    def touches(self) -> frozenset[str]:
        """Return the files that the edit adds, changes or removes."""
        ...

    def apply(self, chart: Path) -> None:
        """Change the chart in the folder *chart*."""
        ...


@dataclass(frozen=True)
class Mutation:
    """The reference with some edits, and its expected result."""

    edits: tuple[Edit, ...]
    outcome: OutcomeName
    failed: frozenset[str]
    follows: frozenset[str] = frozenset()
    """The checks that follow from the same mistake and are therefore skipped."""
    unjudged: bool = False
    """True if the cluster lacks something that others have, so that the submission gets no verdict."""

    @property
    def skipped(self) -> frozenset[str]:
        """Return the checks that are skipped: those that need a failed one, and did not fail themselves."""
        consequences = (CONSEQUENCES.get(check, ()) for check in self.failed)
        return (self.follows | {check for checks in consequences for check in checks}) - self.failed

    @property
    def verdict(self) -> str:
        """Return the expected verdict."""
        if self.unjudged:
            return "error"
        return "rejected" if self.failed else "accepted"

    @property
    def touches(self) -> frozenset[str]:
        """Return the files that differ from the reference."""
        return frozenset(file for edit in self.edits for file in edit.touches)

    def write(self, folder: Path) -> None:
        """Write the chart to *folder*, which must not exist."""
        shutil.copytree(REFERENCE, folder)
        for edit in self.edits:
            edit.apply(folder)


def accepted(*edits: Edit) -> Mutation:
    """Return a variant that is as correct as the reference."""
    return Mutation(edits, "crash-loop", frozenset())


def rejected(failed: str, *edits: Edit, outcome: OutcomeName = "crash-loop", follows: str = "") -> Mutation:
    """Return a variant that fails exactly these checks, given as one string. Others follow from the same mistake."""
    return Mutation(edits, outcome, frozenset(failed.split()), frozenset(follows.split()))


def fate(outcome: OutcomeName, *edits: Edit) -> Mutation:
    """Return a variant that is correct except for the outcome of its canary."""
    return rejected("canary-outcome", *edits, outcome=outcome)


def unjudged(outcome: OutcomeName, *edits: Edit) -> Mutation:
    """Return a variant that the cluster cannot judge, because it lacks something that others have."""
    return Mutation(edits, outcome, frozenset(), unjudged=True)


@dataclass(frozen=True)
class _InFile:
    """An edit of one file."""

    file: str

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.file})


@dataclass(frozen=True)
class Replace(_InFile):
    """Replaces *old*, which must occur once, by *new*."""

    old: str
    new: str

    def apply(self, chart: Path) -> None:
        text = _read(chart / self.file)
        assert text.count(self.old) == 1, f"{self.file} should contain {self.old!r} once"
        _write(chart / self.file, text.replace(self.old, self.new))


@dataclass(frozen=True)
class Everywhere(_InFile):
    """Replaces every *old* by *new*."""

    old: str
    new: str

    def apply(self, chart: Path) -> None:
        text = _read(chart / self.file)
        assert self.old in text, f"{self.file} should contain {self.old!r}"
        _write(chart / self.file, text.replace(self.old, self.new))


@dataclass(frozen=True)
class Below(_InFile):
    """Inserts *text* below the line *anchor*, with its indentation. A line without indentation is preferred."""

    anchor: str
    text: str

    def apply(self, chart: Path) -> None:
        _insert(chart / self.file, self.anchor, self.text, offset=1)


@dataclass(frozen=True)
class Above(_InFile):
    """Inserts *text* above the line *anchor*, with its indentation."""

    anchor: str
    text: str

    def apply(self, chart: Path) -> None:
        _insert(chart / self.file, self.anchor, self.text, offset=0)


@dataclass(frozen=True)
class Append(_InFile):
    """Appends *text* to a file."""

    text: str

    def apply(self, chart: Path) -> None:
        _write(chart / self.file, _read(chart / self.file) + _plain(self.text))


@dataclass(frozen=True)
class Add(_InFile):
    """Writes a new file."""

    text: str

    def apply(self, chart: Path) -> None:
        file = chart / self.file
        assert not file.exists(), f"{self.file} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, _plain(self.text))


@dataclass(frozen=True)
class Delete(_InFile):
    """Removes a file."""

    def apply(self, chart: Path) -> None:
        (chart / self.file).unlink()


@dataclass(frozen=True)
class Move(_InFile):
    """Moves a file to another name or folder."""

    to: str

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.file, self.to})

    def apply(self, chart: Path) -> None:
        target = chart / self.to
        assert not target.exists(), f"{self.to} is there already"
        target.parent.mkdir(parents=True, exist_ok=True)
        (chart / self.file).rename(target)


@dataclass(frozen=True)
class Join:
    """Joins *files* into the file *to*, as several documents."""

    to: str
    files: tuple[str, ...]

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.to, *self.files})

    def apply(self, chart: Path) -> None:
        texts = [_read(chart / file) for file in self.files]
        for file in self.files:
            (chart / file).unlink()
        _write(chart / self.to, "---\n".join(f"{text.rstrip()}\n" for text in texts))


@dataclass(frozen=True)
class Bytes(_InFile):
    """Writes a file with other line ends or a byte order mark."""

    newline: str = "\n"
    mark: bool = False

    def apply(self, chart: Path) -> None:
        before = (chart / self.file).read_bytes()
        after = before.replace(b"\n", self.newline.encode())
        after = after.decode().encode("utf-8-sig" if self.mark else "utf-8")
        assert after != before, f"{self.file} stays as it is"
        (chart / self.file).write_bytes(after)


@dataclass(frozen=True)
class Nest:
    """Moves the whole chart into the folder *to*, as in a repository."""

    to: str

    @property
    def touches(self) -> frozenset[str]:
        files = [str(file.relative_to(REFERENCE)) for file in REFERENCE.rglob("*") if file.is_file()]
        return frozenset({*files, *(f"{self.to}/{file}" for file in files)})

    def apply(self, chart: Path) -> None:
        inside = list(chart.iterdir())
        (chart / self.to).mkdir(parents=True)
        for each in inside:
            each.rename(chart / self.to / each.name)


def canary(name: str, labels: str, *, selector: str = "") -> tuple[Edit, ...]:
    """Return the edits that give canary and Service another *name*, and the pods other *labels*, a YAML flow mapping.

    *selector* is the selector of the Deployment and the Service, if it is not equal to the labels.
    """
    by = selector or labels
    old = "{{ .Release.Name }}-canary-app"
    return (
        Replace(DEPLOYMENT, f"  name: {old}", f"  name: {name}"),
        Replace(DEPLOYMENT, f"    matchLabels:\n      app: {old}", f"    matchLabels: {by}"),
        Replace(DEPLOYMENT, f"      labels:\n        app: {old}", f"      labels: {labels}"),
        Replace(SERVICE, f"  selector:\n    app: {old}", f"  selector: {by}"),
    )


def container(*fields: str) -> Edit:
    """Return the edit that adds fields to the canary's container."""
    return Below(DEPLOYMENT, "image: {{ .Values.canary.image }}", "\n".join(fields))


def command(*words: str) -> Edit:
    """Return the edit that makes the canary's container run another command. Both stand-in images contain agnhost."""
    return container(f"command: {json.dumps(words)}")


def pod(*fields: str) -> Edit:
    """Return the edit that adds fields to the spec of the canary's pods."""
    return Above(DEPLOYMENT, "containers:", "\n".join(fields))


def _insert(file: Path, anchor: str, text: str, *, offset: int) -> None:
    lines = _read(file).splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.rstrip() == anchor]
    places = places or [number for number, line in enumerate(lines) if line.strip() == anchor]
    assert len(places) == 1, f"{file.name} should have the line {anchor!r} once, and has it {len(places)} times"
    line = lines[places[0]]
    indentation = line[: len(line) - len(line.lstrip())]
    lines.insert(places[0] + offset, textwrap.indent(_plain(text), indentation))
    _write(file, "".join(lines))


def _plain(text: str) -> str:
    """Return *text* with one line end. A triple-quoted block that begins on its own line loses its indentation."""
    return (textwrap.dedent(text) if text.startswith("\n") else text).strip("\n") + "\n"


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
