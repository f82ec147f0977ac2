"""Finds submissions in the paths that the user gives: charts, repositories, archives of either, and folders of these.

This module opens no archives. It reads only the ``Chart.yaml`` of charts, and only to choose between several charts.
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


GIT = ".git"
"""The folder of a git repository, or the file of a submodule or a worktree."""


@dataclass(frozen=True)
class Submission:
    """A chart to check. *name* is unique in a run, and *source* is the path at which it was found."""

    name: str
    source: str
    chart: Path
    """The chart's folder, or the archive that contains the chart."""
    problem: str = ""
    """The reason why there is no chart to check, or an empty string. Only class members and refusals have one."""
    advice: str = ""
    """The remedy for the problem."""
    unsafe: bool = False
    """True if the problem is a refusal."""


@dataclass
class _Contents:
    """The contents of a folder or an archive that may be a submission."""

    charts: list[PurePosixPath] = field(default_factory=list)
    archives: list[PurePosixPath] = field(default_factory=list)
    others: list[PurePosixPath] = field(default_factory=list)
    """Archives of unsupported types."""
    refusal: str = ""
    """The reason why the submission is refused as unsafe."""
    trouble: str = ""
    """The reason why the folder cannot be read."""
    advice: str = ""
    """The remedy for *refusal* or *trouble*."""
    packed: bool = False
    """True if the possible submission is not a folder."""

    @property
    def holds_something(self) -> bool:
        """Report whether this counts as a submission: it contains a chart or an archive, or it is refused."""
        return bool(self.charts or self.archives or self.refusal)


def find_submissions(paths: Sequence[Path], *, chart_name: str = "") -> tuple[Submission, ...]:
    """Return the submissions in each path: charts, repositories, archives, and the entries of folders of these.

    If a repository contains several charts, the chart whose ``Chart.yaml`` has the name *chart_name* is chosen.

    Raises UsageError when a path is missing, contains no chart, or contains several candidates.
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
    place = path.resolve()  # resolved once: a component that a link replaces later is refused when it is opened
    try:
        members = _members_of_class(place, chart_name)
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


def _members_of_class(path: Path, chart_name: str) -> Mapping[str, _Contents]:
    """Return the contents of each entry of a class, by name. Returns an empty mapping if *path* is not a class.

    A class is a folder with several submissions, or with at least one archive. A chart is not a class. A repository is
    one if it can only be the work of several people (`_is_shared`).

    Raises OSError when the folder cannot be read.
    """
    if (path / CHART_FILE).exists():
        return {}
    found = {name: _member(path / name) for name in sorted(each.name for each in path.iterdir())}
    members = {name: contents for name, contents in found.items() if contents and not _is_package(name, found)}
    if (path / GIT).exists():
        return members if _is_shared(path, members, chart_name) else {}
    holding = [contents for contents in members.values() if contents.holds_something]
    return members if len(holding) > 1 or any(contents.packed for contents in holding) else {}


def _is_shared(path: Path, members: Mapping[str, _Contents], chart_name: str) -> bool:
    """Report whether the repository *path* holds the work of several people, as the clones of a classroom tool do.

    Several entries are repositories themselves, several charts could be meant, or there are only archives.
    """
    holding = {name: contents for name, contents in members.items() if contents.holds_something}
    if sum((path / name / GIT).exists() for name in holding) > 1:
        return True
    charts = [PurePosixPath(name) / chart for name, contents in holding.items() for chart in contents.charts]
    if not charts:
        return sum(contents.packed for contents in holding.values()) > 1
    try:
        choose(charts, chart_name, lambda it: _name_of(path / it))
    except SubmissionError:
        return len({chart.parts[0] for chart in charts}) > 1
    return False


def _member(path: Path) -> _Contents | None:
    """Return the contents of an entry of a class, or None if the entry is not a submission."""
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
    """Report whether ``helm package`` created the archive *name* from a chart in a folder beside it."""
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
    """Return *submission* with the path of its chart or with its problem. Its *chart* must be its folder or archive."""
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
    """Return the problem of a submission without a chart, and its remedy."""
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
        return ""  # Helm reports the problem later in more detail


def _with_unique_names(found: Sequence[Submission]) -> tuple[Submission, ...]:
    """Number repeated names: ``chart``, ``chart-2``."""
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
