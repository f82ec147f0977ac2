"""A slow machine gets more time for everything, and no module creates its own time limits."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import canaryproof
from canaryproof.timeouts import TimeLimits

USUAL = TimeLimits()
PRODUCT = Path(canaryproof.__file__).parent


def test_every_limit_is_multiplied() -> None:
    """The patience multiplies every limit, observation and rule alike, so that their ratios stay the same."""
    slow = TimeLimits.for_patience(4)

    factors = {each.name: getattr(slow, each.name) / getattr(USUAL, each.name) for each in fields(TimeLimits)}
    assert factors.pop("watch") == 1, "a watch is renewed, nothing waits for its end"
    assert set(factors.values()) == {4}


def test_a_usual_machine_changes_nothing() -> None:
    """The default patience of one changes nothing."""
    assert TimeLimits.for_patience(1) == USUAL


def test_images_that_are_pulled_take_their_time() -> None:
    """Waits for the start of containers are longer if images are pulled, and limits for judging stay the same."""
    pulling = USUAL.with_pulls()

    assert pulling.settle == pulling.observation_extended == USUAL.pull > USUAL.settle
    assert (pulling.observation, pulling.hold, pulling.outage) == (USUAL.observation, USUAL.hold, USUAL.outage)


def test_nobody_has_time_limits_but_those_that_were_handed_over() -> None:
    """No module calls ``TimeLimits()``, which would ignore ``--patience``.

    The linter bans ``TimeLimits.for_patience``.
    """
    made = {
        file.relative_to(PRODUCT).as_posix()
        for file in PRODUCT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "TimeLimits"
    }
    assert not made
