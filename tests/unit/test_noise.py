"""No decision depends on a sentence's wording: with noise in place of every sentence, all verdicts stay the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import get_args

import pytest

from canaryproof.analysis.outcome import decide, with_last_words
from canaryproof.errors import SubmissionError
from canaryproof.model.causes import Cause, Code, FindingCode
from canaryproof.model.evidence import (
    ContainerLog,
    Decision,
    Evidence,
    Holder,
    Leftover,
    Probe,
    Rendering,
    Step,
    Violation,
    rendering_failure,
)
from canaryproof.model.hints import HintId
from canaryproof.model.objects import ObjectKey
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.wording.cause_sentences import SENTENCES
from canaryproof.model.wording.hint_sentences import HINTS
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits
from tests.corpus.noise import noise, noisy, told
from tests.corpus.record import RECORDED, TIMELINES, read
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE
from tests.unit.test_judging import evidence

COURSE = load_scenario()
REFUSED = 'admission webhook denied: Service "upcommerce-canary" is invalid: spec.ports: Required value'


def broken(text: str) -> Evidence:
    """Return evidence of a chart that renders to *text*, which is malformed."""
    with pytest.raises(SubmissionError) as caught:
        parse(text)
    error = caught.value
    chart = Rendering(error=error.message, hint=error.hint, cause=error.cause, rendered=True)
    return replace(evidence(), chart=chart, canary=None, decision=Decision("broken-chart", rendering_failure(chart)))


STORIES: Mapping[str, Evidence] = {
    "accepted": evidence(),
    "kept": evidence(leftovers=(Leftover(ObjectKey("Service", "canary"), Holder("resource-policy", "keep")),)),
    "owned": evidence(
        leftovers=(
            Leftover(ObjectKey("Deployment", "canary"), Holder("hook", "post-upgrade")),
            Leftover(ObjectKey("Pod", "canary-x"), Holder("owner", "Deployment/canary")),
        )
    ),
    "silent": evidence(probes=tuple(Probe(1 + number, 2.0, "no answer", timed_out=True) for number in range(9))),
    "upgrade-failed": evidence(upgrade=Step("helm upgrade", 1, 2, REFUSED)),
    "no-canary": evidence(STABLE),
    "two-canaries": evidence(STABLE + CANARY_DEPLOYMENT + CANARY_DEPLOYMENT.replace("canary-app", "second")),
    "unsafe-in-the-cluster": replace(evidence(), violation=Violation("unsafe-objects", detail="Pod/x is privileged")),
    "refused": replace(
        evidence(),
        chart=Rendering(error="Pod/x is privileged; Pod/y too", hint="take it out"),
        decision=Decision("unsafe-chart", Cause(code="chart-refused", detail="Pod/x is privileged; take it out")),
    ),
    "number-as-text": broken(STABLE.replace("replicas: 1", "replicas: '1'")),
    "twice": broken(STABLE + STABLE),
    "key-twice": broken(STABLE.replace("kind: Deployment", "kind: Deployment\nkind: Deployment")),
    "no-yaml": broken(STABLE + "\n---\na: b: c\n"),
}


@pytest.mark.parametrize("name", STORIES)
def test_noise_changes_no_verdict(name: str) -> None:
    """The statuses, places, hints, consequences and causes come from facts, and do not change with the noise."""
    before = told(STORIES[name], COURSE)

    with noise():
        after = told(noisy(STORIES[name]), COURSE)

    assert after == before


@pytest.mark.parametrize("name", RECORDED)
def test_noise_changes_no_outcome(name: str) -> None:
    """A recorded canary gets the same outcome, cause and last log line with the noise."""
    recorded = read(TIMELINES / f"{name}.json.gz")
    logs = (ContainerLog("pod", recorded.decision.cause.container or "canary", previous=True, text="no such flag\n"),)

    def decided() -> tuple[Decision, tuple[object, ...]]:
        at = recorded.decision.at or 0.0
        decision = decide(recorded.timeline, recorded.canary, recorded.upgraded_at, at + 0.3, TimeLimits())
        assert decision
        decision = with_last_words(decision, logs)
        return decision, told(replace(evidence(), canary=recorded.canary, decision=decision), COURSE)

    before = decided()
    with noise():
        after = decided()

    assert after == before


def test_each_cause_and_each_hint_has_a_sentence() -> None:
    """Every cause and hint code has a sentence, and every sentence has a code."""
    assert set(SENTENCES) == {*_flat(Code), *_flat(FindingCode)}
    assert set(HINTS) == set(_flat(HintId))


def _flat(literal: object) -> Iterator[str]:
    """Yield the texts of a literal type, including those of nested literal types."""
    for each in get_args(literal):
        if isinstance(each, str):
            yield each
        else:
            yield from _flat(each)
