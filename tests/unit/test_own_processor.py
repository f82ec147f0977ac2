"""A program for another processor is the machine's problem only if the scenario's own image has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.canary_app import own_image, require_own_processor
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ContainerLog, Decision, Evidence
from canaryproof.scenario.scenario_file import load_scenario
from tests.unit.stories import CANARY, CANARY_DEPLOYMENT, rendering
from tests.unit.test_judging import evidence

SCENARIO = load_scenario()
LOG = ContainerLog("one", "main", previous=True, text="exec /app: exec format error")
CRASHED = Decision("crash-loop", Cause(code="crash-looped", deployment=CANARY.name, container="main"))


def crashed(command: str = "", log: ContainerLog = LOG) -> Evidence:
    """Return the evidence of a canary that crashed, with an optional *command*."""
    chart = CANARY_DEPLOYMENT.replace("          ports:", f"          command: [{command}]\n          ports:")
    return replace(evidence(decision=CRASHED), chart=rendering(chart if command else CANARY_DEPLOYMENT), logs=(log,))


def test_an_image_of_the_scenario_needs_its_processor() -> None:
    """The course's images are built for amd64. Another processor gives no verdict."""
    with pytest.raises(InfrastructureError, match="uonyeka/canary:linux-amd64 is built for another processor"):
        require_own_processor(crashed(), SCENARIO, "aarch64")

    require_own_processor(crashed(), SCENARIO, "x86_64")


def test_another_program_or_another_end_is_no_matter_of_the_processor() -> None:
    """A command of the submission is its own, and a program that says something else has run."""
    require_own_processor(crashed("/own"), SCENARIO, "aarch64")
    require_own_processor(crashed(log=replace(LOG, text="giving up")), SCENARIO, "aarch64")

    assert own_image(crashed(), SCENARIO) == CANARY.images[0]
    assert not own_image(crashed("/own"), SCENARIO)
