"""The difference between the rendered chart and the rendered course chart."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.model.evidence import Evidence
from canaryproof.reports.diff import difference
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE, STABLE_DEPLOYMENT, rendering

BASE = Evidence("shop", "", baseline=rendering(STABLE), chart=rendering(STABLE))


def test_what_is_added_changed_and_removed_is_told_object_by_object() -> None:
    """The diff lists added, changed and removed objects with template and unified diff, and omits equal ones."""
    chart = STABLE_DEPLOYMENT.replace("replicas: 1", "replicas: 2") + CANARY_DEPLOYMENT

    changes = difference(replace(BASE, chart=rendering(chart))).changes

    assert [(each.what, each.object) for each in changes] == [
        ("changed", "Deployment/upcommerce-app"),
        ("added", "Deployment/upcommerce-canary-app"),
        ("removed", "Service/upcommerce-service"),
    ]
    assert changes[0].source == "templates/upcommerce-app.yaml"
    assert [line for line in changes[0].lines if line[0] in "+-"] == ["-  replicas: 1", "+  replicas: 2"]
    assert all(line.startswith("+") for line in changes[1].lines)
    assert all(line.startswith("-") for line in changes[2].lines)


def test_the_namespace_makes_no_other_object() -> None:
    """The diff shows an object whose namespace was added as changed, not as replaced."""
    chart = rendering(STABLE.replace("  name: upcommerce-app\n", "  name: upcommerce-app\n  namespace: sre\n"))

    (change,) = difference(replace(BASE, chart=chart)).changes

    assert (change.what, change.object) == ("changed", "Deployment/upcommerce-app")


def test_equal_charts_do_not_differ() -> None:
    """The diff is empty for equal charts, and if there is nothing to compare with."""
    assert difference(BASE).changes == ()
    assert difference(Evidence("shop", "", chart=rendering(STABLE))).changes == ()


def test_a_long_difference_is_shortened() -> None:
    """The diff shortens a long difference and counts the omitted lines."""
    seen = difference(replace(BASE, chart=rendering(STABLE + CANARY_DEPLOYMENT)), most=5)

    (change,) = seen.changes
    assert len(change.lines) == 5
    assert seen.hidden > 10


def test_lines_do_not_move_a_cursor() -> None:
    """The lines of the diff contain no control characters, whatever the values are."""
    chart = rendering(STABLE.replace("replicas: 1", 'replicas: 1\n  paused: "\\e[2J\\u202e"'))

    (change,) = difference(replace(BASE, chart=chart)).changes

    assert all(line.isprintable() for line in change.lines)
