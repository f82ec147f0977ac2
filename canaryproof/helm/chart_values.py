"""Defines the values of a chart as Helm takes them: files and settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Values:
    """The values of one revision, in order. A later one overrides an earlier one (Helm, "Values Files")."""

    files: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    """Settings in the notation of ``--set``. They override the files."""

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options for Helm."""
        return (*_options("--values", map(str, self.files)), *_options("--set", self.settings))

    @property
    def shown(self) -> tuple[str, ...]:
        """Return the options with the names of the files, as a user would write them."""
        return (*_options("--values", (each.name for each in self.files)), *_options("--set", self.settings))


NO_VALUES = Values()


def _options(flag: str, values: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for each in values for part in (flag, each))
