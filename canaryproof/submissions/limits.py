"""Defines the permitted content of a submission: file names, link targets and sizes.  This module is pure."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.system.plain_text import escaped

CHART_FILE = "Chart.yaml"
SCHEMA_FILE = "values.schema.json"
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
OTHER_ARCHIVES = (".rar", ".7z", ".bz2", ".xz", ".zst", ".gz")

MOST_ENTRIES = 50_000
"""The maximum number of files and folders in a submission. A repository with all its sources has a tenth of it."""
DEEPEST_ENTRY = 64
"""The maximum depth of nested folders in a submission."""

MOST_FILES = 2_000
LARGEST = 5 * 2**20
"""The maximum size of one file of a chart in bytes. Helm has the same limit."""
MOST_BYTES = 20 * 2**20
"""The maximum size of one chart in bytes. Helm stores the chart, compressed, in a Secret of at most 1 MiB."""
DEEPEST = 16
"""The maximum number of components of a path in a chart."""
LONGEST = 250
"""The maximum length of a path in a chart, in bytes."""
LONGEST_SHOWN = 120
SHOWN = 5
"""The maximum number of charts that a message lists."""

_JUNK = frozenset({"__MACOSX", "__pycache__", "node_modules", "venv"})
_DRIVE = re.compile(r"[A-Za-z]:")
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$schema"})
_BUILT_IN = re.compile(r"https?://json-schema\.org/(draft-0[3-7]/schema|draft/20(19-09|20-12)/schema|schema)")
"""The metaschemas of JSON Schema, which libraries have built in and do not fetch."""


@dataclass(frozen=True)
class Member:
    """An entry of a folder or an archive. *link* is the target of a link, or None."""

    path: PurePosixPath
    size: int
    """The size in bytes that the folder or the archive states."""
    read: Callable[[], bytes]
    """Returns the content of the entry, but at most `LARGEST` bytes and one more."""
    folder: bool = False
    special: bool = False
    """True if the entry is a device, a pipe or a socket, and not a file, a folder or a link."""
    link: str | None = None


@dataclass
class Allowance:
    """The number and total size of the files of one chart so far."""

    files: int = 0
    size: int = 0

    def take(self, path: PurePosixPath, size: int) -> None:
        """Count a file of *size* bytes.

        Raises UnsafeError when the file is too large or nested too deep, when its path is too long or has invalid
        characters, or when the chart has too many files or bytes.
        """
        self.files += 1
        self.size += size
        if len(path.parts) > DEEPEST:
            raise UnsafeError(f"{shown(path)} lies in more than {DEEPEST} folders", "a chart needs three")
        if len(str(path).encode(errors="replace")) > LONGEST:
            raise UnsafeError(f"{shown(path)} has a path of more than {LONGEST} bytes", "shorten it")
        if "\\" in str(path) or any(unicodedata.category(each) in {"Cc", "Cs"} for each in str(path)):
            raise UnsafeError(f"{shown(path)} has characters in its name that do not belong there", "rename it")
        if size > LARGEST:
            raise UnsafeError(f"{shown(path)} has more than {_mega(LARGEST)}, which Helm does not take", "leave it out")
        if self.files > MOST_FILES:
            raise UnsafeError(f"the chart has more than {MOST_FILES} files", "hand in the folder of the chart alone")
        if self.size > MOST_BYTES:
            raise UnsafeError(f"the chart has more than {_mega(MOST_BYTES)}", "hand in the folder of the chart alone")


def _mega(size: int) -> str:
    return f"{size / 2**20:g} MiB"


def shown(path: object) -> str:
    """Return *path* as printable text for a message, cut to `LONGEST_SHOWN` characters."""
    text = escaped(str(path)[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def is_ignored(name: str, *, folder: bool) -> bool:
    r"""Report whether an entry of this name is ignored. Ignored are hidden folders and files that tools leave behind.

    Hidden files are kept, because Helm reads ``.helmignore``. The hidden files of macOS are ignored: ``.DS_Store``,
    ``._a.yaml`` and ``Icon\r``.
    """
    if folder:
        return name.startswith(".") or name in _JUNK
    return name.startswith("._") or name in {".DS_Store", ".git", "Icon\r"}


def is_archive(name: str) -> bool:
    """Report whether a file of this name is treated as an archive."""
    return name.lower().endswith(ARCHIVES)


def stem(name: str) -> str:
    """Return the name of an archive without its suffix: ``alice`` of ``alice.tar.gz``."""
    suffix = next((each for each in (*ARCHIVES, *OTHER_ARCHIVES) if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)] or name


def parts_of(name: str) -> PurePosixPath:
    r"""Return the path of an archive entry. ``\`` is a separator too, because some archivers on Windows write it.

    Raises UnsafeError when the path leads out of the archive.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or is_drive(path) or ".." in path.split("/"):
        raise UnsafeError(
            f"the archive has an entry that leads out of it: {shown(name)}", "pack the chart's folder anew"
        )
    return PurePosixPath(*(part for part in path.split("/") if part not in {"", "."}))


def is_drive(path: str) -> bool:
    """Report whether a path begins with a Windows drive letter, such as ``C:``."""
    return bool(_DRIVE.match(path))


def leads_out(link: PurePosixPath, target: str) -> bool:
    """Report whether a link leads out of the submission. *link* is its path in the submission, *target* its target."""
    target = target.replace("\\", "/")
    where = posixpath.normpath(posixpath.join(str(link.parent), target))
    return is_drive(target) or posixpath.isabs(where) or where.split("/")[0] == ".."


def vetted(members: Iterable[Member]) -> Iterator[Member]:
    """Yield the entries of a submission that are not ignored.

    Raises UnsafeError for an entry that is neither a file, a folder nor a link, for a link that leads out of the
    submission, and when there are too many entries or nested folders.
    """
    for count, member in enumerate(members):
        if count >= MOST_ENTRIES:
            raise UnsafeError(f"it has more than {MOST_ENTRIES} files", "hand in the folder of the chart alone")
        *folders, name = member.path.parts or ("",)
        if any(is_ignored(each, folder=True) for each in folders):
            continue
        if len(folders) >= DEEPEST_ENTRY:
            raise UnsafeError(f"{shown(member.path)} lies in more than {DEEPEST_ENTRY} folders", "leave it out")
        if member.special:
            raise UnsafeError(
                f"{shown(member.path)} is neither a file nor a folder but a device or a pipe", "leave it out"
            )
        if member.link is not None and leads_out(member.path, member.link):
            where = f"{shown(member.path)} is a link that leads out of the submission, to {shown(member.link)}"
            raise UnsafeError(where, "put what is meant in its place")
        if not is_ignored(name, folder=member.folder):
            yield member


def outermost(charts: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return, sorted, the charts that are not inside another chart. A chart inside a chart is a subchart."""
    found: list[PurePosixPath] = []
    for chart in sorted(charts):
        if not any(chart.is_relative_to(each) for each in found):
            found.append(chart)
    return found


def choose(
    charts: Sequence[PurePosixPath], chart_name: str, name_of: Callable[[PurePosixPath], str]
) -> PurePosixPath | None:
    """Return the only chart, or the one whose ``Chart.yaml`` has the name *chart_name*. Returns None if there is none.

    Raises SubmissionError when several charts remain.
    """
    if len(charts) > 1:
        charts = [chart for chart in charts if name_of(chart) == chart_name] or charts
    if len(charts) > 1:
        seen = ", ".join(shown(chart) for chart in charts[:SHOWN]) + (", ..." if len(charts) > SHOWN else "")
        raise SubmissionError(
            f"expected one Helm chart, saw {len(charts)}: {seen}",
            "keep one, or, if it is the work of several people, give the folder that holds the work of each",
        )
    return charts[0] if charts else None


def name_in(chart_file: bytes) -> str:
    """Return the chart name in a ``Chart.yaml``, or an empty string if no line contains it as plain text."""
    text = chart_file.decode("utf-8-sig", errors="replace")
    found = re.search(r"^name:[ \t]*[\"']?([\w.-]+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def check_schema(path: PurePosixPath, content: bytes) -> None:
    """Check a ``values.schema.json``. Invalid JSON is ignored, because Helm reports it.

    Raises UnsafeError when the schema is nested too deep, or when it refers to another document, which Helm would fetch
    from any place.
    """
    try:
        schema = json.loads(content.decode("utf-8-sig", errors="replace"), parse_int=str, parse_float=str)
    except RecursionError as error:
        raise UnsafeError(f"{shown(path)} is nested too deep to be read", "simplify it") from error
    except ValueError:
        return
    for key, value in _pairs(schema):
        document = value.partition("#")[0] if key in _REFERENCES and isinstance(value, str) else ""
        if document and not _BUILT_IN.fullmatch(document):
            raise UnsafeError(
                f"{shown(path)} refers to {shown(document)}, and nothing is fetched", "write into it what is meant"
            )


def _pairs(schema: object) -> Iterator[tuple[str, object]]:
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each.items()
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
