"""A slow machine gets more time for everything, and no module makes time limits of its own."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import canaryproof
from canaryproof.timeouts import TimeLimits

USUAL = TimeLimits()
PRODUCT = Path(canaryproof.__file__).parent


def test_every_limit_is_multiplied() -> None:
    """Limits, observation and rules grow together: twice a limit with half the observation would be another rule."""
    slow = TimeLimits.for_patience(4)

    factors = {each.name: getattr(slow, each.name) / getattr(USUAL, each.name) for each in fields(TimeLimits)}
    assert factors.pop("watch") == 1, "a watch is renewed, nothing waits for its end"
    assert set(factors.values()) == {4}


def test_a_usual_machine_changes_nothing() -> None:
    """A patience of one is the default."""
    assert TimeLimits.for_patience(1) == USUAL


def test_images_that_are_pulled_take_their_time() -> None:
    """Whatever waits for a container to start waits longer; what is judged by stays the same."""
    pulling = USUAL.with_pulls()

    assert pulling.settle == pulling.observation_extended == USUAL.pull > USUAL.settle
    assert (pulling.observation, pulling.hold, pulling.outage) == (USUAL.observation, USUAL.hold, USUAL.outage)


def test_nobody_has_time_limits_but_those_that_were_handed_over() -> None:
    """``TimeLimits()`` would ignore ``--patience``; the linter bans ``TimeLimits.for_patience`` likewise."""
    made = {
        file.relative_to(PRODUCT).as_posix()
        for file in PRODUCT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "TimeLimits"
    }
    assert not made
