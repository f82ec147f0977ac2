"""A chart that renders differently each time is judged by the objects that Helm has applied."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.analysis.applied import as_applied
from canaryproof.model.evidence import Rendering
from tests.unit.stories import COURSE, STABLE, rendering
from tests.unit.test_judging import REFERENCE, evidence


def test_a_name_that_changes_is_the_one_that_was_applied() -> None:
    """The canary and the added objects have the names in the cluster."""
    applied = rendering(REFERENCE.replace("upcommerce-canary-app", "canary-x7f2a"))

    judged = as_applied(evidence(), applied, COURSE)

    assert judged.canary
    assert judged.canary.name == "canary-x7f2a"
    assert "Deployment/canary-x7f2a" in map(str, judged.added)
    assert (judged.chart, judged.decision.outcome) == (applied, "undecided")


def test_a_canary_that_is_only_rendered_is_none() -> None:
    """A Deployment that is rendered but not applied is no canary."""
    judged = as_applied(evidence(), rendering(STABLE), COURSE)

    assert (judged.canary, judged.added, judged.decision.outcome) == (None, (), "no-canary")


def test_what_was_applied_as_rendered_changes_nothing() -> None:
    """An applied chart that equals the rendering keeps its template names, and an unreadable record changes nothing."""
    given = evidence()
    elsewhere = Rendering(
        tuple(replace(each, source="upcommerce/templates/objects.yaml") for each in given.chart.manifests)
    )

    assert as_applied(given, elsewhere, COURSE) is given
    assert as_applied(given, Rendering(error="no YAML"), COURSE) is given
