"""Compares the embedded cluster with kind: the start of a cluster, and the time to a verdict."""

from __future__ import annotations

import os
from pathlib import Path

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.kind.docker import Docker
from canaryproof.cluster.kind.provider import KindProvider, StandIns
from canaryproof.errors import CanaryproofError
from canaryproof.kube.running_cluster import ClusterProvider
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import find_submissions
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.bench.figures import Figures
from tests.bench.measuring import NAME, REPOSITORY, laboratory, main_job


def is_here() -> bool:
    """Return whether kind can be measured on this machine."""
    try:
        Docker(os.environ, TimeLimits()).engine()
    except CanaryproofError:
        return False
    return True


def side_by_side(toolchain: Toolchain, runs: int, figures: Figures, progress: Progress) -> None:
    """Measure one cluster and one experiment of each in turn, so that both run under the same conditions."""
    for number in range(runs):
        for name, provider in _providers(toolchain).items():
            with progress.step(f"side by side {number + 1} of {runs}: {name}"):
                _one(name, provider, toolchain, figures)
                seconds = main_job("--canaryproof-images=stand-in", cluster=name, timeout=TimeLimits().kind)
                figures.add(f"{name}: shell to verdict, cluster included", seconds)


def _providers(toolchain: Toolchain) -> dict[str, ClusterProvider]:
    cache, stand_ins = cache_folder(os.environ), load_scenario().stand_ins
    return {
        "embedded": EmbeddedProvider(toolchain, cache, stand_ins, TimeLimits()),
        "kind": KindProvider(
            binary=Path(os.environ.get("CANARYPROOF_KIND_BIN") or toolchain.path("kind")),
            name=NAME,
            environment=os.environ,
            cache=cache,
            stand_ins=StandIns(toolchain.path("agnhost"), stand_ins),
            node_image=os.environ.get("CANARYPROOF_KIND_IMAGE"),
            time_limits=TimeLimits(),
        ),
    }


def _one(name: str, provider: ClusterProvider, toolchain: Toolchain, figures: Figures) -> None:
    (reference,) = find_submissions([REPOSITORY / "upcommerce"])
    with provider.lend() as cluster, laboratory(cluster, toolchain) as submit:
        figures.add(f"{name}: start to useful", cluster.ready_after)
        figures.add(f"{name}: first experiment", submit(reference).timings.total)
