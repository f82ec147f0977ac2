"""A pytest plugin that measures a run of the main job from within (``-p tests.bench.meter --meter FILE``)."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from canaryproof.kube.running_cluster import Cluster
from tests.bench import processors

RUNNER = "canaryproof_runner"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option."""
    parser.addoption("--meter", type=Path, metavar="FILE", help="write what the run took there, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Start to measure if the option is given."""
    if file := config.getoption("--meter"):
        config.pluginmanager.register(Meter(file))


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Meter:
    """Measures from the opening of the runner, when the cluster is warm, to the written reports."""

    file: Path
    cluster: str = ""
    began: float = 0.0
    tried: float = 0.0
    before: dict[str, float] = field(default_factory=dict)
    taken: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Start when the runner is open."""
        result = yield
        if fixturedef.argname == RUNNER:
            cluster: Cluster = request.getfixturevalue("cluster")
            self.cluster = cluster.kubeconfig.parent.name
            self.before, self.began = processors.seconds(self.cluster), time.monotonic()
        return result

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[object]) -> None:
        """Measure a last time while the cluster exists."""
        if fixturedef.argname == RUNNER and self.cluster and not self.taken:
            self.taken = processors.spent(self.before, processors.seconds(self.cluster))
            self.tried = time.monotonic() - self.began

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Write the figures after the reports."""
        yield
        measured = {
            "seconds": time.monotonic() - self.began,
            "tried": self.tried,
            "processors": self.taken,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "load": os.getloadavg()[0],
        }
        self.file.write_text(json.dumps(measured), encoding="utf-8")
