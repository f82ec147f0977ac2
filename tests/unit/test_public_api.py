"""The public API: its names, its import time, and verdicts without pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import canaryproof
from canaryproof import Evidence, judge
from canaryproof.errors import ScenarioError
from canaryproof.helm.installed import install_stable
from canaryproof.helm.verbs import Helm
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Observed, Rendering
from canaryproof.pytest_plugin import pytest_plugins
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits

HEAVY = ("cryptography", "jinja2", "kubernetes", "msgspec", "urllib3", "yaml")


def loaded_by(statement: str) -> list[str]:
    """Return the heavy packages that a new process has loaded after *statement*."""
    program = f"{statement}\nimport sys; print(*sorted(set({HEAVY}) & sys.modules.keys()))"
    return subprocess.check_output([sys.executable, "-c", program], text=True).split()


def test_every_public_name_is_there() -> None:
    """Every public name is imported at its first use, and another name raises AttributeError."""
    assert all(getattr(canaryproof, name) for name in canaryproof.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = canaryproof.nothing


def test_other_projects_load_nothing_heavy() -> None:
    """A project that only has the package installed loads the options and the fixtures' names.

    It loads no heavy package.
    """
    assert loaded_by(f"import {', '.join(pytest_plugins)}") == []
    assert loaded_by("import canaryproof.cluster.lending") == sorted(set(HEAVY) - {"kubernetes", "jinja2"})


def test_a_submission_is_judged_without_pytest() -> None:
    """The API judges a submission without pytest. A check that needs a failed one is skipped and names it."""
    broken = Evidence("shop", "here", chart=Rendering(error="no such function"))

    result = judge(broken)

    assert (result.verdict, result.score, result.max_score) == ("rejected", 0, 13)
    assert [each.check.id for each in result.ended("failed")] == ["chart-renders"]
    assert {each.judgement.message for each in result.ended("skipped")} == {"needs chart-renders, which failed"}


def test_a_fault_is_no_verdict() -> None:
    """A fault ends every check with the error, and gives no score."""
    result = judge(Evidence("shop", "here", fault=Cause(code="told", detail="etcd ended")))

    assert (result.verdict, result.score, result.reason) == ("error", None, "etcd ended")
    assert len(result.ended("error")) == 13


def test_a_gap_in_the_evidence_counts_for_nothing() -> None:
    """A check with a gap in its evidence is skipped with the reason, and its points do not count."""
    observed = Observed(1, 2, None, "superseded", gaps={"stable-never-down": Cause(code="told", detail="too late")})

    result = judge(Evidence("shop", "here", observed=observed))

    assert result.max_score == 12
    (row,) = (each for each in result.checks if each.check.id == "stable-never-down")
    assert (row.status, row.judgement.message) == ("skipped", "too late")


def test_a_stable_chart_that_cannot_be_installed_is_a_fault(tmp_path: Path) -> None:
    """The fixture ``release`` raises an error with Helm's message if the stable chart cannot be installed."""
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho 'Error: INSTALLATION FAILED: context deadline exceeded' >&2\nexit 1\n")
    helm.chmod(0o755)

    with pytest.raises(ScenarioError, match=r"upcommerce was not installed: .*deadline exceeded"):
        install_stable(Helm(helm, tmp_path, tmp_path, "lab", time_limits=TimeLimits()), load_scenario(), "shop-1")
