"""Finds what to try in what the user named: charts, repositories, archives of either, and folders of these.

Archives are not opened here, and nothing is read but the ``Chart.yaml`` of charts that have to be told apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from canaryproof.errors import SubmissionError, UnsafeError, UsageError
from canaryproof.submissions.archives import in_folder, read_file
from canaryproof.submissions.limits import (
    ARCHIVES,
    CHART_FILE,
    OTHER_ARCHIVES,
    SHOWN,
    choose,
    is_archive,
    is_ignored,
    name_in,
    outermost,
    shown,
    stem,
    vetted,
)
from canaryproof.system.plain_text import escaped

KINDS = "a Helm chart's folder, a repository with one in it, a .zip, .tar.gz or .tgz of either, or a folder of these"


@dataclass(frozen=True)
class Submission:
    """One chart to try: *name* is unique in a run, *source* is where it was found."""

    name: str
    source: str
    chart: Path
    """The chart's folder, or the archive that has it somewhere."""
    problem: str = ""
    """Why there is no chart to try, in a class where others have one; empty when there is."""
    advice: str = ""
    """What to do about it."""
    unsafe: bool = False
    """Whether that is because something was refused."""


@dataclass
class _Contents:
    """What is in a folder that may be a submission."""

    charts: list[PurePosixPath] = field(default_factory=list)
    archives: list[PurePosixPath] = field(default_factory=list)
    others: list[PurePosixPath] = field(default_factory=list)
    """Archives of kinds that nobody opens."""
    refusal: str = ""
    """Why nobody looks any further."""
    trouble: str = ""
    """Why nobody can."""
    advice: str = ""
    """What to do about either."""
    packed: bool = False
    """Whether it is no folder itself, but an archive."""

    @property
    def holds_something(self) -> bool:
        """Report whether somebody has handed in something here."""
        return bool(self.charts or self.archives or self.refusal)


def find_submissions(paths: Sequence[Path], *, chart_name: str = "") -> tuple[Submission, ...]:
    """Return the submissions of each path: charts, repositories, archives, and what is in folders of these.

    Where a repository holds several charts, the one that its ``Chart.yaml`` calls *chart_name* is meant.

    Raises UsageError when a path is missing, holds no chart, or several that could be meant.
    """
    found = [submission for path in paths for submission in _submissions(path, chart_name)]
    if not found:
        raise UsageError("no submissions: expected the path of a chart at least, saw none; name one")
    return _with_unique_names(found)


def _submissions(path: Path, chart_name: str) -> Iterator[Submission]:
    if path.is_file() and is_archive(path.name):
        yield Submission(escaped(stem(path.name)), escaped(path), path.resolve())
        return
    if not path.is_dir():
        seen = "it is something else" if path.exists() else "there is no such path"
        raise UsageError(f"submissions {path}: expected {KINDS}; but {seen}; correct the path")
    place = path.resolve()  # once: what somebody replaces by a link later is refused when it is opened
    try:
        members = _members_of_class(place)
    except OSError as error:
        raise UsageError(f"submissions {path}: {error.strerror}; look at the rights of the folder") from error
    if members:
        for name, contents in members.items():
            title = stem(name) if contents.packed else name
            yield _submission(Submission(escaped(title), escaped(path / name), place / name), contents, chart_name)
        return
    submission = _submission(Submission(escaped(place.name), escaped(path), place), _look(place), chart_name)
    if submission.problem and not submission.unsafe:
        raise UsageError(f"submissions {path}: {submission.problem}", submission.advice)
    yield submission


def _members_of_class(path: Path) -> Mapping[str, _Contents]:
    """Return what is in a folder of submissions, by the names of its entries; nothing where it is no such folder.

    It is one when several of its entries hold something, or an archive lies in it; a chart or a repository is none.

    Raises OSError when it cannot be read.
    """
    if any((path / name).exists() for name in (".git", CHART_FILE)):
        return {}
    found = {name: _member(path / name) for name in sorted(each.name for each in path.iterdir())}
    members = {name: contents for name, contents in found.items() if contents and not _is_package(name, found)}
    holding = [contents for contents in members.values() if contents.holds_something]
    return members if len(holding) > 1 or any(contents.packed for contents in holding) else {}


def _member(path: Path) -> _Contents | None:
    """Return what an entry of a class has; None where it is nobody's submission."""
    packed = not path.is_dir()
    if is_ignored(path.name, folder=not packed):
        return None
    if packed and not path.name.lower().endswith((*ARCHIVES, *OTHER_ARCHIVES)):
        return None
    if path.is_symlink():
        return _Contents(refusal=f"it is a link, to {shown(path.readlink())}; put what is meant in its place")
    if not packed:
        return _look(path)
    if not path.is_file():
        return _Contents(refusal="it is neither a file nor a folder but a device or a pipe; leave it out", packed=True)
    here = [PurePosixPath()] if is_archive(path.name) else []
    return _Contents(archives=here, others=[PurePosixPath(path.name)], packed=True)


def _is_package(name: str, members: Mapping[str, _Contents | None]) -> bool:
    """Report whether an archive is what ``helm package`` made of the chart in a folder beside it."""
    found = re.fullmatch(r"(.+?)-v?\d+\.\d+\.\d+.*\.tgz", name)
    chart = members.get(found[1]) if found else None
    return chart is not None and PurePosixPath() in chart.charts


def _look(folder: Path) -> _Contents:
    contents = _Contents()
    charts = []
    try:
        for member in vetted(in_folder(folder)):
            name = member.path.name
            if member.folder:
                continue
            if name == CHART_FILE:
                charts.append(member.path.parent)
            elif is_archive(name):
                contents.archives.append(member.path)
            elif name.lower().endswith(OTHER_ARCHIVES):
                contents.others.append(member.path)
    except UnsafeError as error:
        contents.refusal, contents.advice = error.message, error.hint
    except OSError as error:
        contents.trouble = f"it cannot be read: {error.strerror}"
        contents.advice = "look at the rights of its files"
    contents.charts = outermost(charts)
    return contents


def _submission(submission: Submission, contents: _Contents, chart_name: str) -> Submission:
    """Return the submission of one person, whose chart is its folder so far, with what is wrong with it."""
    path = submission.chart
    if contents.refusal:
        return replace(submission, problem=contents.refusal, advice=contents.advice, unsafe=True)
    try:
        chart = choose(contents.charts, chart_name, lambda it: _name_of(path / it))
    except SubmissionError as error:
        return replace(submission, problem=error.message, advice=error.hint)
    if chart is None and len(contents.archives) == 1:
        chart = contents.archives[0]
    if chart is None:
        if contents.trouble:
            return replace(submission, problem=contents.trouble, advice=contents.advice)
        problem, advice = _missing(contents)
        return replace(submission, problem=problem, advice=advice)
    return replace(submission, chart=path / chart)


def _missing(contents: _Contents) -> tuple[str, str]:
    """Return what there is instead of a chart, and what to do."""
    if contents.archives:
        seen = ", ".join(map(shown, contents.archives[:SHOWN]))
        return f"expected one Helm chart, saw {len(contents.archives)} archives: {seen}", "keep one"
    if contents.others:
        seen = shown(contents.others[0])
        return f"expected a Helm chart, saw {seen}, which is not opened", "pack it as .zip or .tar.gz"
    return f"expected a Helm chart, saw no {CHART_FILE} in the folder or below it", "add the chart"


def _name_of(chart: Path) -> str:
    try:
        return name_in(read_file(chart / CHART_FILE))
    except OSError:
        return ""  # Helm says later, and better, what is wrong with it


def _with_unique_names(found: Sequence[Submission]) -> tuple[Submission, ...]:
    """Number the names that occur more than once: ``chart``, ``chart-2``."""
    taken: Counter[str] = Counter()
    names = {each.name for each in found}
    unique = []
    for each in found:
        taken[each.name] += 1
        name = each.name
        while taken[each.name] > 1 and (name := f"{each.name}-{taken[each.name]}") in names:
            taken[each.name] += 1
        names.add(name)
        unique.append(replace(each, name=name))
    return tuple(unique)
