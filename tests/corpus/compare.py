"""``python -m tests.corpus.compare [NAME...]``: the same mutations on several clusters, and whether all say the same.

``python -m tests.kind python -m tests.corpus.compare`` brings kind along, where a machine has none.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from canaryproof.system.progress import TerminalProgress
from tests.bench.figures import machine
from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, Verdict, differences, expected, try_all

CLUSTERS = ("embedded", "kind")
RESULT = Path("compare.json")

Said = Mapping[str, Mapping[str, Told]]
"""The results by cluster name and mutation name."""


def main(arguments: Sequence[str]) -> int:
    """Run, print the table and write compare.json. Return 0 when every cluster gives the expected results."""
    parser = ArgumentParser("python -m tests.corpus.compare", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(CORPUS), help="mutations (default: all)")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in CORPUS]:
        parser.error(f"no mutation is called {', '.join(unknown)}")
    progress = TerminalProgress(sys.stderr)
    tried = {name: CORPUS[name] for name in names}
    said: dict[str, Mapping[str, Told]] = {}
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        for cluster in CLUSTERS:
            with progress.step(f"{len(names)} mutations on {cluster}"):
                options = (f"--canaryproof-cluster={cluster}", "--canaryproof-images=stand-in")
                said[cluster] = try_all(tried, Path(folder, cluster), *options)
    found = [f"{cluster}: {each}" for cluster, its in said.items() for each in differences(tried, its)]
    told = f"{machine()}, load before: {', '.join(f'{it:.1f}' for it in load)}"
    sys.stdout.write("\n".join([told, "", *table(names, said), "", *(found or ["no difference"]), ""]))
    document = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": told, "verdicts": rows(names, said)}
    RESULT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 1 if found else 0


def table(names: Sequence[str], said: Said) -> Iterator[str]:
    """Yield a Markdown table of the counts of verdicts and outcomes on each cluster and as expected."""
    columns = {
        "expected": [expected(CORPUS[name]) for name in names],
        **{cluster: [told[name].verdict for name in names] for cluster, told in said.items()},
    }
    counts = {title: Counter((it.verdict, it.outcome) for it in column) for title, column in columns.items()}
    yield f"| verdict | outcome | {' | '.join(counts)} |"
    yield f"|---|---|{'---:|' * len(counts)}"
    for verdict, outcome in sorted({kind for count in counts.values() for kind in count}):
        yield f"| {verdict} | {outcome} | {' | '.join(str(count[verdict, outcome]) for count in counts.values())} |"
    yield f"| all checks alike | | {' | '.join(str(_alike(names, column)) for column in columns.values())} |"


def _alike(names: Sequence[str], column: Iterable[Verdict]) -> int:
    """Return the number of mutations whose verdict, outcome, failed and skipped checks are as expected."""
    return sum(verdict == expected(CORPUS[name]) for name, verdict in zip(names, column, strict=True))


def rows(names: Sequence[str], said: Said) -> dict[str, Any]:
    """Return the verdicts in a machine-readable form."""
    return {name: {cluster: _row(told[name].verdict) for cluster, told in said.items()} for name in names}


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict,
        "outcome": verdict.outcome,
        **{status: sorted(getattr(verdict, status)) for status in ("failed", "skipped", "error")},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
