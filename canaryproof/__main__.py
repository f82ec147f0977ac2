"""``python -m canaryproof``: what is around a run of pytest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from canaryproof.caching import cache_folder
from canaryproof.cluster.choosing import choose
from canaryproof.cluster.embedded.kept.provider import KeptProvider, end
from canaryproof.cluster.embedded.kept.state import DEFAULT_NAME, place_of, places
from canaryproof.cluster.embedded.kept.telling import instructions, line_about
from canaryproof.cluster.embedded.provider import suitable
from canaryproof.cluster.embedded.toolchain import kubernetes_minors, provide
from canaryproof.cluster.existing.rights import observer_role, roles
from canaryproof.cluster.surroundings import ThisMachine
from canaryproof.course import UPCOMMERCE, load_course
from canaryproof.doctor.asking import Where, ask
from canaryproof.doctor.rules import examine
from canaryproof.doctor.telling import exit_code, report
from canaryproof.durations import DURATIONS, patience_of
from canaryproof.errors import CanaryproofError, ClusterError
from canaryproof.progress import TerminalProgress


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.do(options)
    except CanaryproofError as error:
        print(f"canaryproof: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("canaryproof", description="What is around a run of pytest.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start an embedded cluster that stays, to work in by hand; runs re-use it")
    up.add_argument("name", nargs="?", default=DEFAULT_NAME, help="as --cluster-name (default: %(default)s)")
    up.add_argument("--course", type=Path, default=UPCOMMERCE, metavar="FILE", help="as of pytest -m e2e")
    up.add_argument("--kubernetes", choices=kubernetes_minors(), default="", metavar="MINOR", help="the same")
    up.add_argument("--toolchain", type=Path, metavar="DIR", help="the same")
    up.add_argument("--patience", type=_patience, default=1, metavar="FACTOR", help="the same")
    up.set_defaults(do=_up)

    down = commands.add_parser("down", help="end it")
    down.add_argument("name", nargs="?", default=DEFAULT_NAME, help="default: %(default)s")
    down.set_defaults(do=_down)

    status = commands.add_parser("status", help="list the clusters that stay")
    status.set_defaults(do=_status)

    doctor = commands.add_parser("doctor", help="say which clusters can be had here, and what the others lack")
    doctor.add_argument("--kubeconfig", type=Path, metavar="FILE", help="as of pytest -m e2e --cluster existing")
    doctor.add_argument("--kube-context", metavar="NAME", help="the same")
    doctor.set_defaults(do=_doctor)

    rights = commands.add_parser("rights", help="print the ClusterRoles that --cluster existing needs")
    rights.add_argument("--observe", action="store_true", help="print the Role that --observe needs instead")
    rights.set_defaults(do=_rights)
    return parser


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
            print(
                f"no cluster {place.name} is kept; python -m canaryproof status lists those that are", file=sys.stderr
            )
            return 1
        print(f"{place.name}: {'ended' if end(place) else 'had ended; what it left was removed'}")
    return 0


def _status(_: argparse.Namespace) -> int:
    found = places(cache_folder(os.environ))
    for place in found:
        print(line_about(place))
    if not found:
        print("no cluster is kept; python -m canaryproof up starts one")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    cache = cache_folder(os.environ)
    with TerminalProgress(sys.stderr).step("asking around"):
        facts = ask(Where(os.environ, cache, options.kubeconfig, options.kube_context))
    found = examine(facts)
    try:
        auto = str(choose(ThisMachine(os.environ, cache, known={"docker": facts.docker, "minikube": facts.minikube})))
    except ClusterError:
        auto = "none can be had"
    print(*report(found, auto), sep="\n")
    return exit_code(found)


def _rights(options: argparse.Namespace) -> int:
    print(observer_role() if options.observe else roles(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
