"""A cause shows its known facts, and its sentence contains each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from canaryproof.model.causes import Cause, Code, to_fields
from canaryproof.model.evidence import (
    Decision,
    Evidence,
    Rendering,
    Setting,
    Step,
    rendering_failure,
)
from canaryproof.model.wording.cause_sentences import describe

FULL = Cause(
    code="ready",
    deployment="shop-canary",
    container="main",
    image="shop:2",
    images=("shop:2", "side:1"),
    exit_codes=(3, 4),
    ended="Error",
    probe="liveness",
    states=("PodInitializing", "BackOff"),
    count=7,
    ports=(5003,),
    pods=6,
    seconds=12.3456,
    object="Deployment/shop",
    file="templates/shop.yaml",
    files=("templates/a.yaml", "templates/b.yaml"),
    line=42,
    field="spec.replicas",
    expected="a number",
    detail="text of Kubernetes",
    parts=(
        Cause(code="object-added", object="Service/extra", file="templates/extra.yaml"),
        Cause(code="object-added", object="Job/hook", hook=True),
    ),
)


def test_only_facts_that_say_something_are_shown() -> None:
    """A cause shows only facts that are set, with times in milliseconds, and so do its parts."""
    cause = Cause(
        code="several-deployments-added",
        count=2,
        seconds=1.23456,
        parts=(Cause(code="object-added", object="Deployment/a"), Cause(code="object-added", hook=True)),
    )

    assert to_fields(cause) == {
        "code": "several-deployments-added",
        "count": 2,
        "seconds": 1.235,
        "parts": [{"code": "object-added", "object": "Deployment/a"}, {"code": "object-added", "hook": True}],
    }


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("container-added", ["container main", "Deployment/shop"]),
        ("container-unnamed", ["templates/shop.yaml: Deployment/shop: ", "spec.replicas"]),
        ("crash-looped", ["shop-canary", "container main", "exit code 3 and 4", "twice", "12.3 s"]),
        ("ended-differently", ["container main of shop-canary", "exit code 4 (Error)", "12 s"]),
        ("events-unclear", ["PodInitializing, BackOff"]),
        ("field-of-wrong-type", ["spec.replicas must be a number, not text of Kubernetes"]),
        ("image-changed", ["Deployment/shop", "shop:2"]),
        ("image-not-found", ["container main of shop-canary never started", "image shop:2"]),
        ("never-ready", [": text of Kubernetes"]),
        ("no-deployment-added", ["Service/extra (templates/extra.yaml); ", "Job/hook, as a Helm hook"]),
        ("object-repeated", ["Deployment/shop", "7 times", "templates/a.yaml, templates/b.yaml"]),
        ("probe-killed", ["its liveness probe failed"]),
        ("ready", ["12 s", "7 restarts", "shop:2 and side:1"]),
        ("seen-back-off", ["started 7 times", "events do not tell the exit code"]),
        ("seen-restarts", ["7 times", "6 pod"]),
        ("several-deployments-added", ["7 Deployments", "Service/extra (templates/extra.yaml) and Job/hook"]),
        ("still-waiting", ["PodInitializing, BackOff (text of Kubernetes), within 12 s"]),
        ("yaml-malformed", ["templates/shop.yaml, line 42 of what it renders to: text of Kubernetes"]),
    ],
)
def test_a_sentence_tells_the_facts(code: Code, facts: list[str]) -> None:
    """A sentence contains each fact of its cause."""
    told = describe(replace(FULL, code=code))

    assert [fact for fact in facts if fact not in told] == []


@pytest.mark.parametrize("code", get_args(Code))
def test_a_sentence_has_no_gap_where_a_cause_has_few_facts(code: Code) -> None:
    """A sentence leaves out unknown facts with their brackets and commas."""
    told = describe(Cause(code=code, container="main", deployment="shop-canary"))

    assert [gap for gap in ("()", "(, ", ", line", "None", "{") if gap in told] == []


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (Cause(code="ready", count=0), "without a restart"),
        (Cause(code="ready", count=1), "after 1 restart;"),
        (Cause(code="ready", count=2), "after 2 restarts;"),
        (Cause(code="ended-once"), "exit code  (no reason given)"),
        (Cause(code="probe-kills"), "its probe fails"),
        (Cause(code="seen-back-off", count=1), "its container (events"),
        (Cause(code="seen-back-off", count=2), "its container; it was started 2 times"),
        (Cause(code="no-deployment-added"), ": it adds nothing"),
        (Cause(code="not-yaml", detail="x"), "the rendering renders to no YAML: x"),
        (Cause(code="crash-looped", deployment="shop", container="main"), "shop crash-loops: container main ended"),
        (Cause(code="never-ready", deployment="shop"), "never became Ready"),
        (Cause(code="yaml-malformed", file="templates/a.yaml", detail="x"), "templates/a.yaml: x"),
        (Cause(code="crash-looped", init=True, container="setup"), "init container setup"),
        (Cause(code="crash-looped", last_words="no port"), "; its last words: no port"),
    ],
)
def test_a_sentence_fits_the_facts(cause: Cause, told: str) -> None:
    """A sentence uses the singular for one and a word for zero, and invents no unknown fact."""
    assert told in describe(cause)


def test_the_error_of_a_rendering_is_told_with_its_parts() -> None:
    """A rendering error shows Helm's message, or a cause for each fault of the objects."""
    parts = (Cause(code="no-containers", object="Deployment/a"),)
    malformed = Rendering(error="no", cause=Cause(code="chart-malformed", parts=parts), rendered=True)

    assert rendering_failure(malformed) == Cause(code="objects-malformed", detail="no", parts=parts)
    assert rendering_failure(Rendering(error="no")) == Cause(code="chart-not-rendered", detail="no")


def test_a_step_of_helm_knows_how_long_it_took_and_whether_it_succeeded() -> None:
    """A step of Helm states its duration and whether it succeeded. A step with an error never succeeded."""
    failed, done = Step("helm upgrade", 1.5, 4, "timed out"), Step("helm upgrade", 1.5, 4)

    assert (done.seconds, done.succeeded, failed.succeeded) == (2.5, True, False)


def test_an_outcome_is_told_by_its_cause() -> None:
    """An outcome is described by the sentence of its cause."""
    cause = Cause(code="not-reached")

    assert Decision("undecided", cause).reason == describe(cause)


def test_an_experiment_is_judged_by_the_time_limits_that_it_had() -> None:
    """The judgement uses the time limits of the experiment, which are longer with more patience."""
    slow = Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in", patience=3)

    assert Evidence("a", "a").time_limits.outage == 2
    assert Evidence("a", "a", slow).time_limits.outage == 6


def test_a_sentence_ends_where_the_facts_end() -> None:
    """A sentence does not end with a colon if no facts follow."""
    assert describe(Cause(code="never-ready", deployment="shop")).endswith("never became Ready")
