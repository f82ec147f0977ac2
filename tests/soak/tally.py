"""Counts the results of repeated charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.corpus.trial import Verdict


def wobbles(expected: Mapping[str, Verdict], said: Iterable[tuple[str, Verdict]]) -> str:
    """Return a table of each unexpected verdict with its count, or an empty string."""
    counts = Counter(said)
    wrong = {each for each in counts if each[1] != expected[each[0]]}
    charts = {name for name, _ in wrong}
    return "\n".join(_rows([each for each in counts if each[0] in charts], counts, wrong))


def _rows(
    shown: Iterable[tuple[str, Verdict]], counts: Mapping[tuple[str, Verdict], int], wrong: Iterable[object]
) -> Iterator[str]:
    for name, verdict in sorted(shown, key=lambda each: (each[0], -counts[each])):
        mark = "x" if (name, verdict) in wrong else " "
        checks = ", ".join(sorted(verdict.failed | verdict.error)) or "all passed"
        times = counts[name, verdict]
        yield f"{mark} {name:32} {times:4} times  {verdict.verdict:9} {verdict.outcome:14} {checks}"
