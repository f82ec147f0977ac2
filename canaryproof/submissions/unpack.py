"""Extracts the one chart from a submitted folder or archive.

This module runs as a separate program with limits on time and memory. If the machine allows it, the program runs as
nobody without a network: ``python -m canaryproof.submissions.unpack KIND NAME CHART_NAME INPUT OUTPUT [as-nobody]``.
It opens no file. *INPUT* and *OUTPUT* are descriptors that it inherits.

Helm reads packed subcharts itself, in Go. Go and Python read some archives differently. Therefore, this module packs
each checked subchart again, and Helm reads only archives that this module wrote.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import posixpath
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import BinaryIO

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.submissions.archives import in_archive, in_packed_chart
from canaryproof.submissions.bundle import Files, read_bundle, write_bundle
from canaryproof.submissions.limits import (
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
from canaryproof.system.sandbox import become_nobody

TOP = PurePosixPath()
DEEPEST_ARCHIVE = 3
"""The maximum depth of packed subcharts in packed subcharts."""

PLAIN = re.compile(r"\w[\w.-]{0,62}")
_PACKED = re.compile(r"(charts/[^/]+/)*charts/[^/]+\.tgz")
"""Paths that Helm treats as packed subcharts (``LoadFiles`` in Helm's ``pkg/chart/v2/loader``)."""

AS_NOBODY = "as-nobody"


def take_chart(found: Iterable[Member], source_name: str, chart_name: str) -> tuple[str, Files]:
    """Return the chart of a submission: a plain name for its folder, and its files by path. Does not parse the files.

    Raises UnsafeError when an entry is refused, SubmissionError when there is not exactly one chart, and OSError when
    the submission cannot be read.
    """
    members = list(vetted(found))
    chart = _chosen(members, chart_name)
    name = next(each for each in (chart.name, source_name, chart_name) if PLAIN.fullmatch(each))
    return name, dict(_contents(members, chart, Allowance()))


def needs_parsing(files: Files) -> bool:
    """Report whether any of *files* is a schema or a packed subchart, which `checked` must parse."""
    return any(path.name == SCHEMA_FILE or _PACKED.fullmatch(str(path)) for path in files)


def checked(files: Files, where: PurePosixPath = TOP, depth: int = 1) -> Files:
    """Check the files of a chart and return them for Helm, with each packed subchart packed again.

    *where* is the name of the chart's folder in messages. *depth* is 1 for the chart itself, and higher for packed
    subcharts.

    Raises UnsafeError when a schema refers to another document, or when a packed subchart is ambiguous or breaks a
    limit. Raises SubmissionError when a packed subchart cannot be read.
    """
    return {path: _checked(path, content, where, depth) for path, content in files.items()}


def _chosen(members: Sequence[Member], chart_name: str) -> PurePosixPath:
    files = {member.path: member for member in members if not member.folder}
    charts = outermost(path.parent for path in files if path.name == CHART_FILE)
    chart = choose(charts, chart_name, lambda it: name_in(files[it / CHART_FILE].read()))
    if chart is not None:
        return chart
    if inside := [shown(path) for path in files if is_archive(path.name) or path.name.endswith(OTHER_ARCHIVES)]:
        raise SubmissionError(
            f"expected a Helm chart, saw no {CHART_FILE} in the archive but another archive in it, {inside[0]}",
            "archives in archives are not opened: hand in the inner one",
        )
    raise SubmissionError(f"expected a Helm chart, saw no {CHART_FILE} in the archive", "pack the folder that has it")


def _contents(
    members: Iterable[Member], chart: PurePosixPath, allowance: Allowance
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the files of *chart*, with their paths in the chart."""
    for member in members:
        if member.folder or not member.path.is_relative_to(chart):
            continue
        path = member.path.relative_to(chart)
        if member.link is not None:
            raise UnsafeError(f"{shown(path)} is a link, to {shown(member.link)}", "put the file itself in its place")
        allowance.take(path, member.size)
        content = member.read()
        allowance.size += max(0, len(content) - member.size)
        yield path, content


def _checked(path: PurePosixPath, content: bytes, where: PurePosixPath, depth: int) -> bytes:
    if path.name == SCHEMA_FILE:
        check_schema(where / path, content)
    if not _PACKED.fullmatch(str(path)):
        return content
    if depth > DEEPEST_ARCHIVE:
        raise UnsafeError(f"{shown(path)} lies in more than {DEEPEST_ARCHIVE} archives", "unpack the sub-charts")
    with in_packed_chart(path, content) as members:
        files = checked(dict(_packed(path, members)), where / path.with_suffix(""), depth + 1)
    return pack(PurePosixPath(path.stem), files)


def _packed(archive: PurePosixPath, members: Iterable[Member]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the files of a packed subchart, with their paths in the subchart."""
    allowance = Allowance()
    seen: set[PurePosixPath] = set()
    for member in members:
        if member.link is not None:
            raise UnsafeError(
                f"{shown(archive)} has a link, {shown(member.path)}, which Helm does not follow", "pack the file itself"
            )
        if member.special:
            raise UnsafeError(f"{shown(archive)} has {shown(member.path)}, which is no plain file", "leave it out")
        if member.path in seen:
            raise UnsafeError(f"{shown(archive)} has {shown(member.path)} twice", "make it by helm package")
        seen.add(member.path)
        allowance.take(member.path, member.size)
        yield member.path, member.read()


def pack(folder: PurePosixPath, files: Files) -> bytes:
    """Return a packed chart in the format of ``helm package``: regular files in one folder, in one gzip member."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in files.items():
            info = tarfile.TarInfo(posixpath.join(str(folder), str(path)))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def main(kind: str, name: str, chart_name: str, source: BinaryIO, target: BinaryIO) -> str:
    """Read an ``archive`` or a ``bundle`` from *source*, and write the files of its chart to *target* as a bundle.

    Returns JSON with the name of the chart's folder or with the error.
    """
    try:
        if kind == "archive":
            with in_archive(source) as members:
                name, files = take_chart(members, name, chart_name)
        else:
            files = dict(read_bundle(source))
        write_bundle(target, checked(files))
    except UnsafeError as error:
        return json.dumps({"unsafe": error.message, "hint": error.hint})
    except SubmissionError as error:
        return json.dumps({"broken": error.message, "hint": error.hint})
    except OSError as error:
        return json.dumps({"fault": f"a chart cannot be copied: {error.strerror}"})
    return json.dumps({"chart": name})


def _program(kind: str, name: str, chart_name: str, source: str, target: str, *user: str) -> str:
    if AS_NOBODY in user:
        become_nobody()
    with os.fdopen(int(source), "rb") as reading, os.fdopen(int(target), "wb") as writing:
        return main(kind, name, chart_name, reading, writing)


if __name__ == "__main__":
    sys.stdout.write(_program(*sys.argv[1:]))
