"""The course's chart is rendered only as often as necessary."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.experiment.baseline import Baseline
from canaryproof.helm.inputs import Inputs
from canaryproof.helm.verbs import Helm
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits

HELM = """#!/bin/sh
echo "$5" >> "$HOME/rendered"
echo "# Source: shop/templates/app.yaml
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: %s}"
"""


@pytest.mark.parametrize(("namespace", "rendered"), [("sre", ["sre", "sre"]), ("$5", ["alice", "bob"])])
def test_a_chart_that_names_its_namespace_is_rendered_for_each(
    tmp_path: Path, namespace: str, rendered: list[str]
) -> None:
    """The harness renders a chart once for a whole class, unless two renderings show that it uses its namespace."""
    binary = tmp_path / "helm"
    binary.write_text(HELM % namespace)
    binary.chmod(0o755)
    scenario = load_scenario()
    helm = Helm(binary, tmp_path, tmp_path / "kubeconfig", "lab", time_limits=TimeLimits())
    baseline = Baseline(helm, scenario.release, Inputs.of(scenario, tmp_path).stable[-1], "1.37.2")

    found = [baseline.rendered(each).manifests[0].namespace for each in ("alice", "bob")]

    assert found == rendered
    assert len((tmp_path / "rendered").read_text().split()) == (2 if namespace == "sre" else 4)
