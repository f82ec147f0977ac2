"""Pods that run the program of ``intruder/``, which attempts what a hostile container would."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from canaryproof.cluster.embedded.provider import EmbeddedProvider, machine_of
from canaryproof.cluster.embedded.toolchain import Machine, Toolchain
from canaryproof.cluster.embedded.toolchain.golang import find_go
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Silence
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of

SOURCE = Path(__file__).parent / "intruder"
IMAGE = "test/server:1"
STAND_INS = {IMAGE: ("netexec", "--http-port=5000")}
BUILDING, WORKING = 300.0, 60.0
"""The time limits in seconds: for the build of the program, and for a pod's attempts."""


@dataclass(frozen=True)
class Lab:
    """A cluster with kubectl, and the folder of the program on its node."""

    cluster: Cluster
    kubectl: Kubectl
    program: Path

    def start(
        self,
        name: str,
        *arguments: str,
        spec: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        """Start the pod *name*, which runs the program with *arguments*.

        *spec* holds further fields of its pod, and *resources* those of its container.
        """
        container = {
            "name": "intruder",
            "image": IMAGE,
            "command": ["/intruder/intruder", *arguments],
            "resources": resources or {},
            "volumeMounts": [
                {"name": "program", "mountPath": "/intruder", "readOnly": True},
                {"name": "scratch", "mountPath": "/scratch"},
            ],
        }
        volumes = [{"name": "program", "hostPath": {"path": str(self.program)}}, {"name": "scratch", "emptyDir": {}}]
        overrides = {"spec": {**(spec or {}), "containers": [container], "volumes": volumes}}
        self.kubectl("run", name, f"--image={IMAGE}", f"--overrides={json.dumps(overrides)}")

    def said(self, name: str) -> list[str]:
        """Return the output of the pod *name* after its end."""
        return wait_for(
            f"end of what {name} tries",
            lambda: lines if (lines := self._log(name)) and lines[-1] == "done" else None,
            within=WORKING,
            changes=Ticks(),
            seen=lambda: self.kubectl("describe", "pod", name),
        )

    def _log(self, name: str) -> list[str]:
        state = self.kubectl("get", "pod", name, "--output=jsonpath={.status.containerStatuses[0].state}")
        return self.kubectl("logs", name).splitlines() if "running" in state else []

    def state(self, name: str) -> dict[str, Any]:
        """Return the status of the container in the pod *name*."""
        pod = json.loads(self.kubectl("get", "pod", name, "--output=json"))
        status: dict[str, Any] = pod["status"]["containerStatuses"][0]
        return status


@contextmanager
def lab(toolchain: Toolchain, folder: Path, memory: int = 0) -> Iterator[Lab]:
    """Run a cluster with its files in *folder*, as on a machine with only *memory* bytes."""
    program = folder / "program"
    program.mkdir()
    build(program / "intruder", folder)
    machine = machine_of(None)
    if memory:
        machine = replace(machine, available_memory=memory)
    with EmbeddedProvider(
        toolchain, folder / "canaryproof", STAND_INS, TimeLimits(), machine=machine
    ).lend() as cluster:
        yield Lab(cluster, kubectl_of(toolchain, cluster), program)


def build(output: Path, work: Path) -> None:
    """Build the program with the Go that builds the cluster's tools."""
    go = find_go(
        "1.24", cache_folder(os.environ) / "toolchain", work, progress=Silence(), machine=Machine(TimeLimits())
    )
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    run([str(go), "build", "-o", str(output), "."], timeout=BUILDING, env=env, cwd=SOURCE)
