"""A student who handles the release of the course by hand, with Helm and kubectl."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for

REPOSITORY = Path(__file__).parents[2]
COURSE = load_scenario()
RELEASE, NAMESPACE = COURSE.release, COURSE.namespace


class Student:
    """A student who does the assignment by hand."""

    def __init__(self, cluster: Cluster, toolchain: Toolchain, home: Path, *, helm: Path | None = None) -> None:
        self._environment = {"PATH": os.defpath, "HOME": str(home), "KUBECONFIG": str(cluster.kubeconfig)}
        self._toolchain = toolchain
        self._helm = helm or toolchain.path("helm")

    def helm(self, *arguments: str) -> str:
        """Run Helm in the namespace of the course, and return its output."""
        return self._run(self._helm, *arguments, "--namespace", NAMESPACE)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl, and return its output."""
        return self._run(self._toolchain.path("kubectl"), *arguments)

    def upgrades_to_the_canary(self, chart: Path = REPOSITORY / "upcommerce") -> None:
        """Upgrade, and wait for the canary's crash loop."""
        self.helm("upgrade", RELEASE, str(chart))
        self.sees_the_crash_loop()

    def sees_the_crash_loop(self) -> None:
        """Wait for two restarts of the canary."""
        path = "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}"
        seen = ("get", "pods", f"--namespace={NAMESPACE}", path)
        wait_for("restarts", lambda: "2" in self.kubectl(*seen).split() or None, within=180, changes=Ticks(0.5))

    def rolls_back_to(self, revision: int) -> None:
        """Roll back, and wait until the canary is gone and the stable app is ready."""
        self.helm("rollback", RELEASE, str(revision))
        self.sees_the_end()

    def sees_the_end(self) -> None:
        """Wait until the canary is gone and the stable app is ready."""
        seen = ("get", "pods", f"--namespace={NAMESPACE}", "--output=name")
        wait_for("one pod", lambda: self.kubectl(*seen).count("pod/") == 1 or None, within=180, changes=Ticks(0.5))
        self.kubectl("rollout", "status", "deployment", f"--namespace={NAMESPACE}", "--timeout=180s")

    def _run(self, tool: Path, *arguments: str) -> str:
        return run([str(tool), *arguments], timeout=200, env=self._environment)

    def starts_again(self) -> None:
        """Delete the namespace with all that was done in it, and install the stable chart in a new one."""
        self.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
        self.kubectl("create", "namespace", NAMESPACE)
        self.helm("install", RELEASE, str(COURSE.stable_chart), "--wait")

    def started(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Helm, and return its process."""
        command = [str(self._helm), *arguments, f"--namespace={NAMESPACE}"]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
