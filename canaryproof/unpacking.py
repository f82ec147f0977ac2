"""Copies the one chart of a folder or an archive that somebody handed in, and nothing else of it.

It runs as a program of its own, so that whatever an archive does to the libraries that read it has a limit on time and
memory: ``python -m canaryproof.unpacking SOURCE FOLDER CHART_NAME``.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from canaryproof.errors import InfrastructureError, SubmissionError, UnsafeError
from canaryproof.members import in_archive, in_folder
from canaryproof.vetting import (
    CHART_FILE,
    OTHER_ARCHIVES,
    SCHEMA_FILE,
    Allowance,
    Member,
    check_schema,
    choose,
    is_archive,
    name_in,
    outermost,
    shown,
    vetted,
)

DEEPEST_ARCHIVE = 3
"""Packed sub-charts in packed sub-charts."""

_PLAIN = re.compile(r"\w[\w.-]{0,62}")
_SUBCHART = re.compile(r"(.*/)?charts/[^/]+\.(tgz|tar\.gz)")
"""What Helm takes for a packed sub-chart."""


def unpack(source: Path, folder: Path, chart_name: str) -> Path:
    """Copy the chart of *source* that is meant to a folder of its name in *folder*, and return that.

    Raises UnsafeError when something is refused, SubmissionError when there is no chart to be had, and
    InfrastructureError when it cannot be written.
    """
    with _opened(source) as found:
        members = list(vetted(found))
        chart = _chosen(members, chart_name)
        place = folder / next(name for name in (chart.name, source.name, chart_name) if _PLAIN.fullmatch(name))
        for path, content in _contents(members, chart, Allowance()):
            _write(place / path, content)
        return place


@contextmanager
def _opened(source: Path) -> Iterator[Iterable[Member]]:
    if not source.is_dir():
        with in_archive(source) as members:
            yield members
        return
    try:
        yield in_folder(source)
    except OSError as error:
        raise SubmissionError(f"the chart cannot be read: {error.strerror}; look at the rights of its files") from error


def _chosen(members: Sequence[Member], chart_name: str) -> PurePosixPath:
    files = {member.path: member for member in members if not member.folder}
    charts = outermost(path.parent for path in files if path.name == CHART_FILE)
    chart = choose(charts, chart_name, lambda it: name_in(files[it / CHART_FILE].read()))
    if chart is not None:
        return chart
    if inside := [shown(path) for path in files if is_archive(path.name) or path.name.endswith(OTHER_ARCHIVES)]:
        raise SubmissionError(
            f"expected a Helm chart, saw no {CHART_FILE} in the archive but another archive in it, {inside[0]}; "
            "archives in archives are not opened: hand in the inner one"
        )
    raise SubmissionError(f"expected a Helm chart, saw no {CHART_FILE} in the archive; pack the folder that has it")


def _contents(
    members: Iterable[Member], chart: PurePosixPath, allowance: Allowance
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the files of a chart, by their paths in it."""
    for member in members:
        if member.folder or not member.path.is_relative_to(chart):
            continue
        path = member.path.relative_to(chart)
        if member.link is not None:
            raise UnsafeError(f"{shown(path)} is a link, to {shown(member.link)}; put the file itself in its place")
        allowance.take(path, member.size)
        content = member.read()
        allowance.size += max(0, len(content) - member.size)
        _look_into(path, content)
        yield path, content


def _look_into(path: PurePosixPath, content: bytes, depth: int = 1) -> None:
    """Refuse what Helm would follow: the references of schemas, in packed sub-charts too."""
    if path.name == SCHEMA_FILE:
        check_schema(path, content)
    if not _SUBCHART.fullmatch(str(path)):
        return
    if depth > DEEPEST_ARCHIVE:
        raise UnsafeError(f"{shown(path)} lies in more than {DEEPEST_ARCHIVE} archives; unpack the sub-charts")
    with tempfile.NamedTemporaryFile() as packed:
        packed.write(content)
        packed.flush()
        with in_archive(Path(packed.name)) as members:
            allowance = Allowance()
            for member in vetted(members):
                if not member.folder:
                    allowance.take(member.path, member.size)
                    _look_into(member.path, member.read(), depth + 1)


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise SubmissionError(f"{shown(file.name)} is there as a file and as a folder; pack the chart anew") from error
    except OSError as error:
        raise InfrastructureError(f"a chart cannot be copied to {file.parent}: {error.strerror}") from error


def main(source: str, folder: str, chart_name: str) -> str:
    """Unpack, and return as JSON the folder of the chart, or why there is none."""
    try:
        return json.dumps({"chart": str(unpack(Path(source), Path(folder), chart_name))})
    except UnsafeError as error:
        return json.dumps({"unsafe": str(error)})
    except SubmissionError as error:
        return json.dumps({"broken": str(error)})
    except InfrastructureError as error:
        return json.dumps({"fault": str(error)})


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]))
