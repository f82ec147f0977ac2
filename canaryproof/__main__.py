"""``python -m canaryproof``: what is around a run of pytest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from canaryproof.cluster.existing.rights import roles
from canaryproof.errors import CanaryproofError


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
    rights = commands.add_parser("rights", help="print the ClusterRoles that --cluster existing needs")
    rights.set_defaults(do=_rights)
    return parser


def _rights(_: argparse.Namespace) -> int:
    print(roles(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
