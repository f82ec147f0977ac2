"""``python -m tests.bench``: measures, prints, and writes bench.json; ``--help`` says what can be left out."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, Toolchain, provide
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress, TerminalProgress
from canaryproof.timeouts import TimeLimits
from tests.bench import classes, cold, kind, measuring, shims
from tests.bench.figures import Figures, machine

RESULT = Path("bench.json")
PARTS = ("cluster", "experiment", "safety-net", "shell", "kept", "class", "kind")
ON_REQUEST = ("shim", "cold", "cold-wheel", "cold-tools")
"""The measurements that take long and whose results change rarely."""
EXAMPLES = """\
a few minutes:   python -m tests.bench --only class --submissions 100
all of it:       python -m tests.bench
and kind:        python -m tests.kind python -m tests.bench
from nothing:    python -m tests.bench --only cold cold-wheel cold-tools --runs 1
"""


def main(arguments: list[str]) -> None:
    """Run each measurement several times, alternating between them, and print the figures."""
    said = _parser().parse_args(arguments)
    progress = TerminalProgress(sys.stderr)
    toolchain = provide(
        cache=cache_folder(os.environ), progress=progress, tools=_tools(said), machine=Machine(TimeLimits())
    )
    figures = Figures()
    load = os.getloadavg()
    for part in said.only or [each for each in PARTS if each != "kind" or kind.is_here()]:
        _measure(part, said, toolchain, figures, progress)
    document = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "load before": load}
    RESULT.write_text(json.dumps({**document, "figures": figures.as_rows()}, indent=1) + "\n", encoding="utf-8")
    before = ", ".join(f"{each:.1f}" for each in load)
    sys.stdout.write(f"{machine()}, load before: {before}\n\n{figures.table()}\n\nwritten to {RESULT}\n")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "python -m tests.bench", description=__doc__, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=(*PARTS, *ON_REQUEST), help="measure these only (default: what takes minutes)"
    )
    parser.add_argument("--runs", type=int, default=5, help="how often; a class runs once for two of them (default: 5)")
    parser.add_argument("--submissions", type=int, nargs="+", default=classes.SIZES, help="sizes of a class")
    parser.add_argument("--parallel", type=int, help="experiments at once, in a class (default: the harness's own)")
    parser.add_argument("--revision", default="HEAD", help="of this repository, for cold (default: HEAD)")
    return parser


def _tools(said: Namespace) -> list[str]:
    if said.only and all(each.startswith("cold") for each in said.only):
        return []
    further = {"safety-net": "helm3", "kind": "kind", "shim": shims.UPSTREAM}
    return [*EMBEDDED, *(tool for part, tool in further.items() if part in (said.only or PARTS))]


def _measure(part: str, said: Namespace, toolchain: Toolchain, figures: Figures, progress: Progress) -> None:
    options = (f"--canaryproof-parallel={said.parallel}",) if said.parallel else ()
    measures: dict[str, Callable[[], None]] = {
        "cluster": lambda: measuring.clusters(toolchain, said.runs, figures, progress),
        "experiment": lambda: measuring.experiments(toolchain, said.runs, figures, progress),
        "safety-net": lambda: measuring.safety_nets(toolchain, said.runs, figures, progress),
        "shell": lambda: measuring.from_the_shell(said.runs, figures, progress),
        "kept": lambda: measuring.on_a_kept_cluster(said.runs, figures, progress),
        "class": lambda: classes.classes(tuple(said.submissions), (said.runs + 1) // 2, figures, progress, options),
        "shim": lambda: shims.side_by_side(toolchain, said.runs, figures, progress, options),
        "cold": lambda: cold.first_command(said.revision, said.runs, figures, progress),
        "cold-wheel": lambda: cold.with_wheel(said.runs, figures, progress),
        "cold-tools": lambda: cold.tools(figures, progress),
        "kind": lambda: kind.side_by_side(toolchain, said.runs, figures, progress),
    }
    measures[part]()


if __name__ == "__main__":
    main(sys.argv[1:])
