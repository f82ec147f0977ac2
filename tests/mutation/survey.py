"""Evaluates mutmut's results: the share of killed mutants, and the survivors that are equivalent."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path

EQUIVALENTS = Path(__file__).with_name("equivalent.toml")
LEAST = 95
"""The percentage of the mutants, without the equivalent ones, that the tests must kill."""
SURVIVED = frozenset({0, 5, 33})
"""The exit codes with which mutmut records that the tests passed, or that there are none."""


@dataclass(frozen=True, order=True)
class Change:
    """The change of a mutant: lines of a function, without indentation."""

    function: str
    """The function with its module and class."""
    before: str
    after: str

    def __str__(self) -> str:
        """Return the change as a diff of lines."""
        before = (f"    - {line}" for line in self.before.splitlines())
        after = (f"    + {line}" for line in self.after.splitlines())
        return "\n".join((self.function, *before, *after))


@dataclass(frozen=True)
class Equivalent:
    """Mutants of one text that no test can detect, because the behaviour is the same."""

    text: str
    mutants: tuple[str, ...]
    """The replacements by mutmut."""
    reason: str
    function: str = ""
    """The function, or an empty string if the reason holds in the whole package."""

    def explains(self, change: Change) -> bool:
        """Return whether *change* is one of these."""
        return self.function in {"", change.function} and any(
            change.after in _replaced(change.before, self.text, mutant) for mutant in self.mutants
        )


@dataclass(frozen=True)
class Survey:
    """The result of mutmut for one package, with its known equivalent mutants."""

    package: str
    mutants: int
    survivors: tuple[Change, ...]
    equivalents: tuple[Equivalent, ...]

    @property
    def unexplained(self) -> tuple[Change, ...]:
        """Return the survivors that are not known to be equivalent."""
        return tuple(each for each in self.survivors if not any(known.explains(each) for known in self.equivalents))

    @property
    def outdated(self) -> tuple[Equivalent, ...]:
        """Return the listed equivalents that match no survivor."""
        return tuple(known for known in self.equivalents if not any(map(known.explains, self.survivors)))

    @property
    def percent(self) -> float:
        """Return the percentage of killed mutants, without the equivalent ones."""
        killed = self.mutants - len(self.survivors)
        different = killed + len(self.unexplained)
        return 100 * killed / different if different else 0.0

    @property
    def is_enough(self) -> bool:
        """Return whether the tests kill enough mutants, and the list of equivalents is up to date."""
        return self.percent >= LEAST and not self.outdated


def read_survey(folder: Path, package: str, equivalents: Path = EQUIVALENTS) -> Survey:
    """Return the survey of mutmut's results for *package* in *folder*.

    Raises:
        RuntimeError: mutmut did not finish.
        ValueError: An equivalent mutant has no reason.
    """
    codes: dict[str, int | None] = {}
    survivors: list[Change] = []
    for results in sorted((folder / "mutants").rglob("*.py.meta")):
        of_module = json.loads(results.read_text(encoding="utf-8"))["exit_code_by_key"]
        survived = [mutant for mutant, code in of_module.items() if code in SURVIVED]
        survivors += _changes(results.with_suffix("").read_text(encoding="utf-8"), survived) if survived else ()
        codes |= of_module
    if unfinished := [mutant for mutant, code in codes.items() if code is None]:
        raise RuntimeError(f"mutmut did not test {len(unfinished)} of {len(codes)} mutants")
    return Survey(package, len(codes), tuple(survivors), read_equivalents(equivalents, package))


def read_equivalents(file: Path, package: str) -> tuple[Equivalent, ...]:
    """Return the equivalents of *package* in *file*.

    Raises:
        ValueError: One of them has no reason.
    """
    known = tomllib.loads(file.read_text(encoding="utf-8")).get(package, ())
    if any(not each["reason"].strip() for each in known):
        raise ValueError(f"{file} names an equivalent mutant without a reason")
    return tuple(Equivalent(**{**each, "mutants": tuple(each["mutants"])}) for each in known)


def _changes(source: str, mutants: Iterable[str]) -> Iterator[Change]:
    """Yield the changes of *mutants* in a module into which mutmut has written all of them."""
    lines = source.splitlines()
    functions = {each.name: each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef)}
    for mutant in mutants:
        module, _, name = mutant.rpartition(".")
        prefix = name.rpartition("__mutmut_")[0]
        original, mutated = (
            _lines("\n".join(lines[function.lineno : function.end_lineno]))
            for function in (functions[f"{prefix}__mutmut_orig"], functions[name])
        )
        difference = list(ndiff(original, mutated))
        yield Change(
            function=f"{module}.{_plain(prefix)}",
            before="\n".join(line[2:] for line in difference if line.startswith("- ")),
            after="\n".join(line[2:] for line in difference if line.startswith("+ ")),
        )


def _replaced(line: str, text: str, mutant: str) -> Iterator[str]:
    """Yield *line* with *text* replaced by *mutant*, once for each occurrence."""
    for found in re.finditer(re.escape(text), line):
        yield f"{line[: found.start()]}{mutant}{line[found.end() :]}"


def _plain(mangled: str) -> str:
    """Return the name of a function as in the code, with its class."""
    if "ǁ" in mangled:
        _, owner, name = mangled.split("ǁ")
        return f"{owner}.{name.removeprefix('_get_')}"
    return mangled.removeprefix("x_")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
