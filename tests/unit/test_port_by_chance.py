"""An upgrade that fails over a node port is tried once more, and not without end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from canaryproof.experiment.reservations import PortTakenError
from canaryproof.experiment.steps import Release
from canaryproof.helm.chart_values import NO_VALUES
from canaryproof.helm.verbs import Operation
from canaryproof.kube.recorder import Recording
from canaryproof.model.objects import Manifest
from canaryproof.scenario.terms import HelmFlags

SAYS_SO = 'Error: execution error at (shop/templates/a.yaml:1:4): "provided port is already allocated"'
SERVICE = Manifest({"kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"nodePort": 30503}]}})


class Failing:
    """A Helm whose upgrade fails, and a client that knows every kind."""

    def upgrade(self, *_: Any, **__: Any) -> Operation:
        return Operation("helm upgrade", SAYS_SO)

    def resource(self, *_: str) -> object:
        return self


def test_the_second_failure_over_a_port_is_the_charts() -> None:
    """The text of a template can read like a port that was given away by chance, but only once."""
    tool: Any = Failing()
    release = Release("shop", "sre", "", tool, tool, Recording(), HelmFlags(), trusted=False)

    with pytest.raises(PortTakenError):
        release.upgrade(Path("chart"), NO_VALUES, [SERVICE], forgives=True)
    assert release.upgrade(Path("chart"), NO_VALUES, [SERVICE], forgives=False).error == SAYS_SO
