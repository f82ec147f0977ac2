"""Finds manifests in a chart that Helm does not render, because the canary may be among them.  This module is pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from canaryproof.checks.troubleshooting import YAML, Explanation, mistake
from canaryproof.model.evidence import ChartFile

IGNORE = ".helmignore"
_KIND = re.compile(r"^kind:[ \t]*\S", re.MULTILINE)
_KINDS = re.compile(r"^([ \t]*)kind:[ \t]*[\"']?(\w+)", re.MULTILINE)
_CONDITION = re.compile(r"{{-?\s*(if|with|range)\s[^{}]*}}")


def omitted(files: tuple[ChartFile, ...], rendered: Collection[str]) -> Explanation | None:
    """Return the place of a manifest that Helm did not render, and the reason, or None if there is none.

    *rendered* are the templates that made objects.  Helm renders what is in ``templates`` (Helm, "The Chart File
    Structure"), but for files whose names begin with an underscore, and what ``.helmignore`` names.
    """
    if astray := _outside_templates(files):
        return mistake("file-outside-templates", astray, file=astray)
    for file in files:
        if file.path.startswith("templates/") and file.path not in rendered and _deployment(file.text) is not None:
            return _hidden(file, files)
    return None


def _deployment(text: str) -> int | None:
    """Return where the kind of a Deployment stands, or None. Kinds further to the right belong to references."""
    kinds = list(_KINDS.finditer(text))
    outermost = min((len(each[1]) for each in kinds), default=0)
    return next((each.start() for each in kinds if each[2] == "Deployment" and len(each[1]) == outermost), None)


def _outside_templates(files: Iterable[ChartFile]) -> str:
    for file in files:
        parts = PurePosixPath(file.path).parts
        is_yaml = file.path.endswith(YAML) and parts[0] not in {"templates", "charts", "crds"}
        if is_yaml and _KIND.search(file.text):
            return file.path
    return ""


def _hidden(file: ChartFile, files: Iterable[ChartFile]) -> Explanation:
    if PurePosixPath(file.path).name.startswith("_"):
        return mistake("file-of-helpers", file.path, file=file.path)
    if pattern := _ignored(file.path, files):
        return mistake("file-ignored", IGNORE, file=file.path, detail=pattern)
    before = file.text[: _deployment(file.text)]
    if found := _CONDITION.search(before):
        where = f"{file.path}:{before.count(chr(10), 0, found.start()) + 1}"
        return mistake(
            "file-under-condition", where, file=file.path, detail=found.group(), files=tuple(_other_values(files))
        )
    return mistake("file-renders-nothing", file.path, file=file.path)


def _ignored(path: str, files: Iterable[ChartFile]) -> str:
    """Return the pattern that excludes *path*. Patterns that include files again are not considered."""
    patterns = (line.strip() for file in files if file.path == IGNORE for line in file.text.splitlines())
    for pattern in patterns:
        parts = [path, *PurePosixPath(path).parts, *(str(each) for each in PurePosixPath(path).parents)]
        if pattern and pattern[0] not in "#!" and any(fnmatch(part, pattern.strip("/")) for part in parts):
            return pattern
    return ""


def _other_values(files: Iterable[ChartFile]) -> Iterator[str]:
    """Yield the values files that Helm does not read by default."""
    for file in files:
        if re.fullmatch(r"[\w.-]*values[\w.-]*\.ya?ml", file.path, re.IGNORECASE) and file.path != "values.yaml":
            yield file.path
