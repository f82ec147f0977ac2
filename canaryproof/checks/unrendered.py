"""Finds what a chart holds and Helm does not render: the canary may be there, and only where nobody looks; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatch
from pathlib import PurePosixPath

from canaryproof.checks.troubleshooting import YAML, Explanation
from canaryproof.model.evidence import ChartFile

IGNORE = ".helmignore"
_KIND = re.compile(r"^kind:[ \t]*\S", re.MULTILINE)
_DEPLOYMENT = re.compile(r"^[ \t]*kind:[ \t]*[\"']?Deployment\b", re.MULTILINE)
_CONDITION = re.compile(r"{{-?\s*(if|with|range)\s[^{}]*}}")


def omitted(files: tuple[ChartFile, ...], rendered: Collection[str]) -> Explanation | None:
    """Return where a manifest stands that Helm has not rendered, and why; None where there is none.

    *rendered* are the templates that made objects.  Helm renders what is in ``templates`` (Helm, "The Chart File
    Structure"), but for files whose names begin with an underscore, and what ``.helmignore`` names.
    """
    if astray := _outside_templates(files):
        says = f"{astray} lies outside templates/, where Helm does not render it"
        return Explanation(says, astray, "Helm renders what is in the folder templates: move the manifest there")
    for file in files:
        if file.path.startswith("templates/") and file.path not in rendered and _DEPLOYMENT.search(file.text):
            return _hidden(file, files)
    return None


def _outside_templates(files: Iterable[ChartFile]) -> str:
    for file in files:
        parts = PurePosixPath(file.path).parts
        is_yaml = file.path.endswith(YAML) and parts[0] not in {"templates", "charts", "crds"}
        if is_yaml and _KIND.search(file.text):
            return file.path
    return ""


def _hidden(file: ChartFile, files: Iterable[ChartFile]) -> Explanation:
    name = PurePosixPath(file.path).name
    if name.startswith("_"):
        says = f"{file.path} has a Deployment, but its name begins with an underscore: Helm takes it for helpers"
        return Explanation(says, file.path, "give the file a name that begins with a letter")
    if pattern := _ignored(file.path, files):
        says = f"{file.path} has a Deployment, but {IGNORE} hides it from Helm: {pattern}"
        return Explanation(says, IGNORE, f"take out of {IGNORE} what belongs to the chart")
    begins = _DEPLOYMENT.search(file.text)
    before = file.text[: begins.start()] if begins else ""
    if found := _CONDITION.search(before):
        says = f"{file.path} has a Deployment that renders to nothing, because of {found.group()}"
        where = f"{file.path}:{before.count(chr(10), 0, found.start()) + 1}"
        return Explanation(f"{says}{_unread(files)}", where, "look at what that asks for, and at what values.yaml has")
    return Explanation(
        f"{file.path} has a Deployment, but renders to nothing", file.path, "run helm template to see it"
    )


def _ignored(path: str, files: Iterable[ChartFile]) -> str:
    """Return the pattern that leaves *path* out; of those that take something in again, none is looked at."""
    patterns = (line.strip() for file in files if file.path == IGNORE for line in file.text.splitlines())
    for pattern in patterns:
        parts = [path, *PurePosixPath(path).parts, *(str(each) for each in PurePosixPath(path).parents)]
        if pattern and pattern[0] not in "#!" and any(fnmatch(part, pattern.strip("/")) for part in parts):
            return pattern
    return ""


def _unread(files: Iterable[ChartFile]) -> str:
    others = [file.path for file in files if re.fullmatch(r"[\w.-]*values[\w.-]*\.ya?ml", file.path, re.IGNORECASE)]
    unread = [path for path in others if path != "values.yaml"]
    return f"; Helm reads values.yaml, and not {unread[0]} by itself" if unread else ""
