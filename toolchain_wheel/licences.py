"""Collects the licences of all Go modules whose packages are in the programs, and that of Go itself.

``go list`` names the packages that a build needs. The licence files of a package are those in its folder and in the
folders above it, up to the folder of its module.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.recipes import Build
from canaryproof.errors import ToolchainError
from canaryproof.system.process import run

_TEMPLATE = (
    "{{if .Standard}}Go\t{{.Root}}\t{{.Root}}"
    "{{else if .Module.Version}}{{.Module.Path}} {{.Module.Version}}\t{{.Module.Dir}}\t{{.Dir}}{{end}}"
)
"""One line for each package: the module and its version, the folder of the module, and the folder of the package.

Packages of this repository have no version, and give an empty line.
"""
_LICENCE = re.compile(r"(.*-)?(un)?licen[cs]e|copying|copyright|notice|patents", re.IGNORECASE)
_NO_LICENCE = (".go", ".py", ".sh", ".tmpl", ".yaml", ".yml", ".json")
_HEAD = """\
The programs in this wheel contain packages of the Go modules below, and of Go itself. Each text is followed by no other
before the next line of "=". The lines above a text name the modules that it belongs to, and the file in the module.

The source code of a module is at https://proxy.golang.org/MODULE/@v/VERSION.zip, with each capital letter of MODULE
written as "!" and the small letter.
"""
_LINE = "=" * 80


def licences_of(builds: Iterable[Build], *, go: Path, env: Mapping[str, str], within: float) -> str:
    """Return the licence texts of everything in *builds*. Modules with the same text share it.

    *env* is Go's environment, and *within* the time limit of each call in seconds.

    Raises ToolchainError when a module has no licence file.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    unlicensed = []
    for module, files in sorted(_licence_files(builds, go=go, env=env, within=within).items()):
        if not files:
            unlicensed.append(module)
        for name, file in files.items():
            owners[file.read_text(encoding="utf-8", errors="replace").strip()].add(f"{module}: {name}")
    if unlicensed:
        raise ToolchainError(f"these modules have no licence file, so that they cannot be shared: {unlicensed}")
    parts = sorted((sorted(names), text) for text, names in owners.items())
    return _HEAD + "".join(f"\n{_LINE}\n" + "\n".join(names) + f"\n\n{text}\n" for names, text in parts)


def _licence_files(
    builds: Iterable[Build], *, go: Path, env: Mapping[str, str], within: float
) -> dict[str, dict[str, Path]]:
    """Return the licence files of each module by their path in the module."""
    found: dict[str, dict[str, Path]] = {}
    for build in builds:
        argv = [str(go), "list", "-deps", "-f", _TEMPLATE, *build.arguments]
        for line in sorted(set(run(argv, timeout=within, env=env, cwd=build.pins).splitlines())):
            if line:
                module, root, folder = line.split("\t")
                files = found.setdefault(module, {})
                files.update({str(file.relative_to(root)): file for file in _of_package(Path(root), Path(folder))})
    return found


def _of_package(module: Path, package: Path) -> Iterator[Path]:
    """Yield the licence files in the folder *package* and in those above it, up to *module*."""
    for folder in (package, *package.parents):
        if not folder.is_relative_to(module):
            return
        for file in folder.iterdir():
            if _LICENCE.match(file.name) and file.suffix.lower() not in _NO_LICENCE and file.is_file():
                yield file
