"""What became of the mutants: how many the tests killed, and which of the others change nothing that matters."""

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
"""Percent of the mutants that the tests must kill, of all but the equivalent ones."""
SURVIVED = frozenset({0, 5, 33})
"""The exit codes by which mutmut records that the tests passed, or that there are none."""


@dataclass(frozen=True, order=True)
class Change:
    """What a mutant changes: lines of a function, without their indentation."""

    function: str
    """With its module, and with its class where it has one."""
    before: str
    after: str

    def __str__(self) -> str:
        """Return the change as a difference of lines."""
        before = (f"    - {line}" for line in self.before.splitlines())
        after = (f"    + {line}" for line in self.after.splitlines())
        return "\n".join((self.function, *before, *after))


@dataclass(frozen=True)
class Equivalent:
    """Changes of one text that no test can notice, because the code behaves as before."""

    text: str
    mutants: tuple[str, ...]
    """What mutmut puts in its place."""
    reason: str
    function: str = ""
    """Where; empty where the reason holds in every function of the package."""

    def explains(self, change: Change) -> bool:
        """Report whether *change* is one of these."""
        return self.function in {"", change.function} and any(
            change.after in _replaced(change.before, self.text, mutant) for mutant in self.mutants
        )


@dataclass(frozen=True)
class Survey:
    """The result of mutmut for one package, and what is known of mutants that are equivalent to its code."""

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
        """Return what is said to be equivalent and explains no survivor."""
        return tuple(known for known in self.equivalents if not any(map(known.explains, self.survivors)))

    @property
    def percent(self) -> float:
        """Return how many of a hundred mutants were killed, of those that are not equivalent."""
        killed = self.mutants - len(self.survivors)
        different = killed + len(self.unexplained)
        return 100 * killed / different if different else 0.0

    @property
    def is_enough(self) -> bool:
        """Report whether the tests kill as many mutants as they must, and the list of equivalent ones is true."""
        return self.percent >= LEAST and not self.outdated


def read_survey(folder: Path, package: str, equivalents: Path = EQUIVALENTS) -> Survey:
    """Return what mutmut left of *package* in *folder*.

    Raises:
        RuntimeError: mutmut did not run to its end.
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
    """Return the changes of *package* that *file* explains.

    Raises:
        ValueError: One of them has no reason.
    """
    known = tomllib.loads(file.read_text(encoding="utf-8")).get(package, ())
    if any(not each["reason"].strip() for each in known):
        raise ValueError(f"{file} names an equivalent mutant without a reason")
    return tuple(Equivalent(**{**each, "mutants": tuple(each["mutants"])}) for each in known)


def _changes(source: str, mutants: Iterable[str]) -> Iterator[Change]:
    """Yield what *mutants* change in a module into which mutmut has written all of them."""
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
    """Yield *line* with *mutant* in the place of *text*, once for each place where it stands."""
    for found in re.finditer(re.escape(text), line):
        yield f"{line[: found.start()]}{mutant}{line[found.end() :]}"


def _plain(mangled: str) -> str:
    """Return the name of a function, with its class, as the code has it."""
    if "ǁ" in mangled:
        _, owner, name = mangled.split("ǁ")
        return f"{owner}.{name.removeprefix('_get_')}"
    return mangled.removeprefix("x_")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
