"""Implements the subcommands of ``canaryproof``, which run the acceptance suite or prepare for a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from canaryproof.cli.cluster_commands import (
    end_cluster,
    print_clusters,
    print_diagnosis,
    print_rights,
    print_toolchain,
    start_cluster,
)
from canaryproof.cli.command_line import USAGE, Command, argument, option_arguments, parse
from canaryproof.cli.planning_commands import print_plan, write_scenario
from canaryproof.cli.suite import CHECK_OPTIONS, OBSERVE_OPTIONS, REPLAY_OPTIONS, run_suite
from canaryproof.cluster.embedded.persistent.state import DEFAULT_NAME
from canaryproof.cluster.embedded.toolchain import kubernetes_minors
from canaryproof.errors import CanaryproofError, UsageError
from canaryproof.pytest_plugin.option_table import OBSERVE, OPTIONS, REPLAY, SUBMISSIONS
from canaryproof.scenario.json_schema import schema_text
from canaryproof.scenario.scenario_file import DEFAULT_FILE
from canaryproof.timeouts import TimeLimits, patience_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand that *arguments* name and return the exit code.

    Subcommands that run pytest pass the arguments after ``--`` to pytest.
    """
    options = parse(COMMANDS, list(sys.argv[1:] if arguments is None else arguments))
    try:
        command: Command = options.command
        return command.do(options)
    except CanaryproofError as error:
        print(f"canaryproof: {error}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else 1


def _check(options: argparse.Namespace) -> int:
    return run_suite(vars(options), (SUBMISSIONS, *CHECK_OPTIONS), further=options.further)


def _replay(options: argparse.Namespace) -> int:
    replayed = f"{REPLAY.pytest_flag}={getattr(options, REPLAY.dest)}"
    return run_suite(vars(options), REPLAY_OPTIONS, replayed, further=options.further)


def _observe(options: argparse.Namespace) -> int:
    return run_suite(vars(options), OBSERVE_OPTIONS, OBSERVE.pytest_flag, further=options.further)


def _limits(said: str) -> TimeLimits:
    try:
        return TimeLimits.for_patience(patience_of(said))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _schema(_: argparse.Namespace) -> int:
    print(schema_text(), end="")
    return 0


_HELP = {option.name: option.help for option in OPTIONS}
_NAME = argument("name", nargs="?", default=DEFAULT_NAME, help="the name of the cluster (default: %(default)s)")
_PATIENCE = argument(
    "--patience",
    dest="limits",
    type=_limits,
    default="1",
    metavar="FACTOR",
    help=_HELP["patience"],
)
_KUBERNETES = argument(
    "--kubernetes", choices=kubernetes_minors(), default="", metavar="MINOR", help=_HELP["kubernetes"]
)
_TOOLCHAIN = argument("--toolchain", type=Path, metavar="DIR", help=_HELP["toolchain"])
_FOR_HELM = (argument("--helm", type=Path, metavar="PATH", help=_HELP["helm"]), _TOOLCHAIN, _PATIENCE)
COMMANDS = (
    Command(
        "check",
        "check that the canary of each chart is right and fails safely",
        _check,
        (
            argument(SUBMISSIONS.dest, nargs="*", metavar=SUBMISSIONS.metavar, help=SUBMISSIONS.help),
            *option_arguments(CHECK_OPTIONS),
        ),
        usage="[PATH ...]",
    ),
    Command(
        "replay",
        "judge the flight records of an earlier run again, without a cluster",
        _replay,
        (
            argument(REPLAY.dest, metavar=REPLAY.metavar, help="the --report-dir of that run"),
            *option_arguments(REPLAY_OPTIONS),
        ),
        usage="DIR",
    ),
    Command("observe", OBSERVE.help, _observe, option_arguments(OBSERVE_OPTIONS), usage=""),
    Command(
        "up",
        "start an embedded cluster that stays, and print how to use it",
        start_cluster,
        (
            _NAME,
            argument(
                "--scenario",
                type=Path,
                metavar="FILE",
                help=f"{_HELP['scenario']}; stand-ins play its images",
            ),
            _KUBERNETES,
            _TOOLCHAIN,
            _PATIENCE,
        ),
    ),
    Command("down", "end an embedded cluster that stays", end_cluster, (_NAME, _PATIENCE)),
    Command("status", "list the embedded clusters that stay", print_clusters),
    Command(
        "doctor",
        "show which clusters work on this machine, and what the others lack",
        print_diagnosis,
        (
            argument("--kubeconfig", type=Path, metavar="FILE", help="examine the cluster of this kubeconfig"),
            argument("--kube-context", metavar="NAME", help="examine the cluster of this context"),
            _PATIENCE,
        ),
    ),
    Command(
        "plan",
        "print the Helm commands, the canary, the images and the checks of a scenario, without a cluster",
        print_plan,
        (
            argument("paths", nargs="*", type=Path, metavar=SUBMISSIONS.metavar, help=SUBMISSIONS.help),
            argument("--scenario", type=Path, metavar="FILE", help=_HELP["scenario"]),
            argument("--set", action="append", metavar="KEY=VALUE", help=_HELP["set"]),
            argument("--values", action="append", metavar="FILE", help=_HELP["values"]),
            *_FOR_HELM,
        ),
    ),
    Command(
        "init",
        "write a commented scenario file for a chart, by rendering it",
        write_scenario,
        (
            argument("chart", type=Path, metavar="CHART", help="the folder or the archive of the chart"),
            argument("--values", action="append", metavar="FILE", help="a values file of the release; repeatable"),
            argument(
                "--output",
                type=Path,
                default=Path(DEFAULT_FILE),
                metavar="FILE",
                help="the file to write (default: %(default)s)",
            ),
            *_FOR_HELM,
        ),
    ),
    Command("schema", "print the JSON schema of the scenario file, for editors", _schema),
    Command(
        "toolchain",
        "show which programs the embedded cluster uses, and where they are",
        print_toolchain,
        (
            _KUBERNETES,
            _PATIENCE,
        ),
    ),
    Command(
        "rights",
        "print the ClusterRoles that --cluster existing needs",
        print_rights,
        (argument("--observe", action="store_true", help="print the Role that canaryproof observe needs instead"),),
    ),
)
