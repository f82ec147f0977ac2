"""Prepares the copy of the code for mutmut, with only the files that the unit tests of the pure packages need."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGURATION = Path(__file__).with_name("pyproject.in.toml")
GETTERS = frozenset({"property", "cached_property"})

PACKAGES: Mapping[str, str] = {
    "analysis": "applied availability canary chart_traits cleanup_check infrastructure leftovers"
    " outcome outcome_causes stable_state unstarted",
    "checks": "consequences explaining findings hints judging observed release_history remarks results"
    " troubleshooting unrendered",
    "model": "causes chart_source evidence_redaction explaining flight_record helm_text kubernetes_text objects"
    " quantities registries rendered_yaml timeline well_formed",
}
"""The deciding packages with their unit tests. The tests of one package need not detect mutants of another."""


def prepare(folder: Path, package: str) -> None:
    """Recreate *folder* with the code, the unit tests and the tools' configuration for *package*."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "canaryproof", folder / "canaryproof", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "unit", folder / "tests" / "unit", ignore=ignored)
    shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
    for module in (folder / "canaryproof" / package).rglob("*.py"):
        module.write_text(with_plain_getters(module.read_text(encoding="utf-8")), encoding="utf-8")
    tests = [f"tests/unit/test_{name}.py" for name in PACKAGES[package].split()]
    configuration = CONFIGURATION.read_text(encoding="utf-8").replace("TESTS", json.dumps(tests))
    (folder / "pyproject.toml").write_text(configuration.replace("PACKAGE", package), encoding="utf-8")


def with_plain_getters(source: str) -> str:
    """Return a module in which each property is a plain method, turned into a property by an assignment.

    mutmut does not mutate functions with a decorator.
    """
    lines = source.splitlines(keepends=True)
    getters = [
        function
        for owner in ast.walk(ast.parse(source))
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, ast.FunctionDef) and _decorator(function) in GETTERS
    ]
    for function in sorted(getters, key=lambda each: each.lineno, reverse=True):
        assert function.end_lineno is not None
        indent, name = " " * function.col_offset, function.name
        lines.insert(function.end_lineno, f"\n{indent}{name} = {_decorator(function)}(_get_{name})\n")
        lines[function.lineno - 1] = lines[function.lineno - 1].replace(f"def {name}(", f"def _get_{name}(", 1)
        del lines[function.decorator_list[0].lineno - 1]
    return "".join(lines)


def _decorator(function: ast.FunctionDef) -> str:
    """Return the only decorator of a function if it is a plain name, or else an empty string."""
    match function.decorator_list:
        case [ast.Name(id=name)]:
            return name
        case _:
            return ""
