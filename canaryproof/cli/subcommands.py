"""The command ``canaryproof``: the acceptance suite, and what is around a run of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from canaryproof.cli.suite import CHECK_OPTIONS, OBSERVE_OPTIONS, REPLAY_OPTIONS, run_suite
from canaryproof.cluster.detection import ThisMachine
from canaryproof.cluster.embedded.persistent.messages import instructions, line_about
from canaryproof.cluster.embedded.persistent.provider import KeptProvider, end
from canaryproof.cluster.embedded.persistent.state import DEFAULT_NAME, place_of, places
from canaryproof.cluster.embedded.provider import suitable
from canaryproof.cluster.embedded.toolchain import kubernetes_minors, provide
from canaryproof.cluster.existing.account_rights import observer_role, roles
from canaryproof.cluster.selection import choose
from canaryproof.doctor.diagnosis import examine
from canaryproof.doctor.diagnosis_text import exit_code, report
from canaryproof.doctor.machine_probes import Where, ask
from canaryproof.errors import CanaryproofError, ClusterError
from canaryproof.pytest_plugin.option_table import OBSERVE, OPTIONS, REPLAY, SUBMISSIONS, Option
from canaryproof.scenario import UPCOMMERCE, load_course
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import TerminalProgress
from canaryproof.timeouts import DURATIONS, patience_of

USAGE = 4
"""The exit code when the command line is wrong: pytest's own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code.

    What follows ``--`` is for pytest, in the commands that run it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    parser = command_line()
    options, unknown = parser.parse_known_args(given[:end])
    if unknown:
        known = "; options of pytest come after --" if options.runs_pytest else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{known}")
    options.further = given[end + 1 :]
    if options.further and not options.runs_pytest:
        parser.error("only check, replay and observe pass what follows -- to pytest")
    try:
        code: int = options.do(options)
    except CanaryproofError as error:
        print(f"canaryproof: {error}", file=sys.stderr)
        return 1
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that ends as pytest does when the command line is wrong."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


def command_line() -> argparse.ArgumentParser:
    """Return the parser of what stands before ``--``."""
    parser = _Parser(
        "canaryproof",
        description="Prove on a real Kubernetes, with the real Helm, that a canary release fails safely.",
        epilog="Exit codes: 0 all accepted, 1 some rejected, 4 the command line is wrong, 8 the infrastructure failed.",
        allow_abbrev=False,
    )
    parser.set_defaults(runs_pytest=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = _suite(commands, "check", "[PATH ...]", "check that the canary of each chart is right and fails safely")
    check.add_argument(SUBMISSIONS.dest, nargs="*", metavar=SUBMISSIONS.metavar, help=SUBMISSIONS.help)
    _add(check, CHECK_OPTIONS)
    check.set_defaults(do=_check)

    replay = _suite(commands, "replay", "DIR", "judge the flight records of an earlier run again, without a cluster")
    replay.add_argument(REPLAY.dest, metavar=REPLAY.metavar, help="the --report-dir of that run")
    _add(replay, REPLAY_OPTIONS)
    replay.set_defaults(do=_replay)

    observe = _suite(commands, "observe", "", OBSERVE.help)
    _add(observe, OBSERVE_OPTIONS)
    observe.set_defaults(do=_observe)

    up = _plain(commands, "up", "start an embedded cluster that stays, and print how to use it", _up)
    up.add_argument(
        "--course", type=Path, default=UPCOMMERCE, metavar="FILE", help="the scenario file: stand-ins play its images"
    )
    up.add_argument(
        "--kubernetes", choices=kubernetes_minors(), default="", metavar="MINOR", help=_of("kubernetes").help
    )
    up.add_argument("--toolchain", type=Path, metavar="DIR", help=_of("toolchain").help)
    up.add_argument("--patience", type=_patience, default=1, metavar="FACTOR", help=_of("patience").help)

    down = _plain(commands, "down", "end an embedded cluster that stays", _down)
    for each in (up, down):
        each.add_argument(
            "name", nargs="?", default=DEFAULT_NAME, help="the name of the cluster (default: %(default)s)"
        )

    _plain(commands, "status", "list the embedded clusters that stay", _status)

    doctor = _plain(commands, "doctor", "show which clusters work on this machine, and what the others lack", _doctor)
    doctor.add_argument("--kubeconfig", type=Path, metavar="FILE", help="examine the cluster of this kubeconfig")
    doctor.add_argument("--kube-context", metavar="NAME", help="examine the cluster of this context")

    rights = _plain(commands, "rights", "print the ClusterRoles that --cluster existing needs", _rights)
    rights.add_argument("--observe", action="store_true", help="print the Role that canaryproof observe needs instead")
    return parser


def _plain(
    commands: argparse._SubParsersAction[_Parser], name: str, text: str, do: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command that runs no pytest."""
    parser = commands.add_parser(name, help=text, description=_sentence(text))
    parser.set_defaults(do=do)
    return parser


def _of(name: str) -> Option:
    return next(option for option in OPTIONS if option.name == name)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _suite(
    commands: argparse._SubParsersAction[_Parser], name: str, arguments: str, text: str
) -> argparse.ArgumentParser:
    """Add a command that runs the acceptance suite."""
    parser = commands.add_parser(
        name,
        help=text,
        description=_sentence(text),
        usage=" ".join(filter(None, (f"canaryproof {name}", arguments, "[OPTION ...] [-- PYTEST OPTION ...]"))),
        epilog="Everything after -- goes to pytest: -k, -x, --junitxml and so on. Each option is also an environment "
        "variable: CANARYPROOF_REPORT_DIR is --report-dir.",
        allow_abbrev=False,
    )
    parser.set_defaults(runs_pytest=True)
    return parser


def _add(parser: argparse.ArgumentParser, options: Sequence[Option]) -> None:
    for option in options:
        if option.switch:
            parser.add_argument(option.flag, dest=option.dest, action="append_const", const="", help=option.help)
        else:
            parser.add_argument(
                option.flag, dest=option.dest, action="append", metavar=option.metavar, help=option.help
            )


def _check(options: argparse.Namespace) -> int:
    return run_suite(vars(options), (SUBMISSIONS, *CHECK_OPTIONS), further=options.further)


def _replay(options: argparse.Namespace) -> int:
    replayed = f"{REPLAY.pytest_flag}={getattr(options, REPLAY.dest)}"
    return run_suite(vars(options), REPLAY_OPTIONS, replayed, further=options.further)


def _observe(options: argparse.Namespace) -> int:
    return run_suite(vars(options), OBSERVE_OPTIONS, OBSERVE.pytest_flag, further=options.further)


def _patience(said: str) -> float:
    try:
        return patience_of(said)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _up(options: argparse.Namespace) -> int:
    cache, course = cache_folder(os.environ), load_course(options.course)
    place = place_of(cache, options.name)
    suitable(cache, os.environ)
    progress = TerminalProgress(sys.stderr)
    toolchain = provide(cache=cache, progress=progress, ready=options.toolchain, kubernetes=options.kubernetes)
    provider = KeptProvider(
        toolchain,
        cache,
        course.stand_ins,
        options.name,
        keep=True,
        progress=progress,
        durations=DURATIONS.stretched(options.patience),
    )
    kept, note = provider.up()
    print(instructions(place, kept, course, note))
    return 0


def _down(options: argparse.Namespace) -> int:
    place = place_of(cache_folder(os.environ), options.name)
    with place.alone():
        if not place.folder.exists():
            print(f"there is no cluster {place.name}; canaryproof status lists the clusters that stay", file=sys.stderr)
            return 1
        print(f"{place.name}: {'ended' if end(place) else 'had ended already; its leftovers are removed'}")
    return 0


def _status(_: argparse.Namespace) -> int:
    found = places(cache_folder(os.environ))
    for place in found:
        print(line_about(place))
    if not found:
        print("no cluster is running; canaryproof up starts one")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    cache = cache_folder(os.environ)
    with TerminalProgress(sys.stderr).step("examining this machine"):
        facts = ask(Where(os.environ, cache, options.kubeconfig, options.kube_context))
    found = examine(facts)
    try:
        auto = str(choose(ThisMachine(os.environ, cache, known={"docker": facts.docker, "minikube": facts.minikube})))
    except ClusterError:
        auto = "no cluster works here"
    print(*report(found, auto), sep="\n")
    return exit_code(found)


def _rights(options: argparse.Namespace) -> int:
    print(observer_role() if options.observe else roles(), end="")
    return 0
