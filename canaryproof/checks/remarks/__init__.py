"""Remarks point a careful reader to details that are no fault and change no points.  This package is pure.

A canary proves something about its image only as far as the image's own program decided the outcome. Kubernetes lets a
pod template start another program, or put other code beside the program, in many ways. `remarks_on` names the ways that
a submission uses, from its rendered or applied objects and the recorded decision alone, so that a replay and the
observation of a release that was handled by hand give the same remarks.

`remark_causes` holds the facts, `remark_rules` finds them, and `remark_sentences` is the only place that puts them into
words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from canaryproof.checks.remarks.remark_causes import Cause
from canaryproof.checks.remarks.remark_rules import RULES, Scene
from canaryproof.checks.remarks.remark_sentences import sentence
from canaryproof.model.evidence import Evidence

NOTE = "These are no faults, and they change neither the verdict nor the points: a person may want to look at them."
"""The note that accompanies the remarks."""
MOST = 20
"""The maximum number of remarks on one submission. The rules are in the order of their weight."""


@dataclass(frozen=True)
class Remark:
    """One thing to look at; it changes neither the verdict nor the points."""

    cause: Cause

    @property
    def code(self) -> str:
        """Return the code of its cause."""
        return self.cause.code

    @property
    def message(self) -> str:
        """Return it as a sentence of one line, without its full stop."""
        return sentence(self.cause)


def remarks_on(evidence: Evidence) -> tuple[Remark, ...]:
    """Return at most `MOST` remarks. The same evidence always gives the same remarks.

    A chart that the scenario names gets none: it may start the programs and hooks that it needs. All texts in the
    causes are printable and of limited length, whatever the chart holds.
    """
    if not evidence.submitted:
        return ()
    scene = Scene(evidence)
    found = dict.fromkeys(cause for rule in RULES for cause in rule(scene))
    return tuple(Remark(cause) for cause in islice(found, MOST))


def codes(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Return the distinct codes, in order."""
    return tuple(dict.fromkeys(remark.code for remark in remarks))
