"""``python -m tests.bench [RUNS]``: measures, prints, and writes bench.json."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from canaryproof.caching import cache_folder
from canaryproof.cluster.embedded.toolchain import EMBEDDED, provide
from canaryproof.progress import TerminalProgress
from tests.bench import measuring
from tests.bench.figures import Figures, machine

RESULT = Path("bench.json")
RUNS = 5


def main(arguments: list[str]) -> None:
    """Measure several times each, in turn, and tell."""
    runs = int(arguments[0]) if arguments else RUNS
    progress = TerminalProgress(sys.stderr)
    toolchain = provide(cache=cache_folder(os.environ), progress=progress, tools=[*EMBEDDED, "helm3"])
    figures = Figures()
    measuring.clusters(toolchain, runs, figures, progress)
    measuring.experiments(toolchain, runs, figures, progress)
    measuring.safety_nets(toolchain, runs, figures, progress)
    measuring.from_the_shell(runs, figures, progress)
    document = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "runs": runs}
    RESULT.write_text(json.dumps({**document, "figures": figures.as_rows()}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{machine()}, {runs} runs each\n\n{figures.table()}\n\nwritten to {RESULT}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
