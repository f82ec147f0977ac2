"""Parses the command line, with a parser that is built from a table of commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NoReturn

from canaryproof.pytest_plugin.option_table import Option

USAGE = 4
"""The exit code for a wrong command line. It is the same as in pytest."""


@dataclass(frozen=True)
class Argument:
    """An argument of a command: its names, and the settings of :meth:`argparse.ArgumentParser.add_argument`."""

    names: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A command: its name, its help text for ``--help``, and the function that runs it."""

    name: str
    help: str
    do: Callable[[argparse.Namespace], int]
    arguments: tuple[Argument, ...] = ()
    usage: str | None = None
    """For a command that runs pytest, the usage text between its name and its options. None for other commands."""

    @property
    def runs_pytest(self) -> bool:
        """Report whether the command passes the arguments after ``--`` to pytest."""
        return self.usage is not None


def argument(*names: str, **settings: Any) -> Argument:
    """Return an argument for :meth:`argparse.ArgumentParser.add_argument`."""
    return Argument(names, settings)


def option_arguments(options: Sequence[Option]) -> tuple[Argument, ...]:
    """Return the command line arguments for *options* of the pytest plugin. Each can be given several times."""
    return tuple(
        argument(each.flag, dest=each.dest, help=each.help, action="append_const", const="")
        if each.switch
        else argument(each.flag, dest=each.dest, help=each.help, action="append", metavar=each.metavar)
        for each in options
    )


def parse(commands: Sequence[Command], given: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments *given* and return their options.

    The option ``command`` is the command, and ``further`` are the arguments after ``--``.

    Exits with `USAGE` when the command line is wrong.
    """
    end = given.index("--") if "--" in given else len(given)
    parser = parser_of(commands)
    options, unknown = parser.parse_known_args(given[:end])
    if unknown:
        known = "; options of pytest come after --" if options.command.runs_pytest else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{known}")
    options.further = given[end + 1 :]
    if options.further and not options.command.runs_pytest:
        *others, last = (each.name for each in commands if each.runs_pytest)
        parser.error(f"only {', '.join(others)} and {last} pass what follows -- to pytest")
    return options


class _Parser(argparse.ArgumentParser):
    """A parser that exits with the same code as pytest when the command line is wrong."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


def parser_of(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Return the parser for the arguments before ``--``."""
    parser = _Parser(
        "canaryproof",
        description="Prove on a real Kubernetes, with the real Helm, that a canary release fails safely.",
        epilog="Exit codes: 0 all accepted, 1 some rejected, 4 the command line or the scenario is wrong,"
        " 8 the infrastructure failed.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"canaryproof {version('canaryproof')}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        about = _about_suite(command) if command.runs_pytest else {}
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        subparser = subparsers.add_parser(command.name, help=command.help, description=sentence, **about)
        for each in command.arguments:
            subparser.add_argument(*each.names, **each.settings)
        subparser.set_defaults(command=command)
    return parser


def _about_suite(command: Command) -> dict[str, Any]:
    words = (f"canaryproof {command.name}", command.usage, "[OPTION ...] [-- PYTEST OPTION ...]")
    return {
        "usage": " ".join(filter(None, words)),
        "epilog": "Everything after -- goes to pytest: -k, -x, --junitxml and so on. Each option is also an"
        " environment variable: CANARYPROOF_REPORT_DIR is --report-dir.",
        "allow_abbrev": False,
    }
