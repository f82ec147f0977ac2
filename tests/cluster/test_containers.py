"""Containers of the embedded cluster receive their signals, and end with all of their processes."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of
from tests.cluster.jobs import processes_of, running

pytestmark = pytest.mark.cluster

SHIM = "containerd-shim-runc-v2"
SERVES = "netexec"
"""The arguments with which agnhost runs as a server. It also serves as the sandbox."""
PATIENT = 300
"""The grace period in seconds, which a container that ignores the signal uses in full."""


def test_a_container_hears_its_signal_and_nothing_of_it_stays(toolchain: Toolchain, tmp_path: Path) -> None:
    """A pod with a long grace period ends at once on the signal, together with its shim and processes."""
    with _server(toolchain, tmp_path) as kubectl:
        kubectl("delete", "pod", "server", f"--grace-period={PATIENT}", "--timeout=60s")

        wait_for("end of the shim", lambda: not running(SHIM, tmp_path) or None, within=30, changes=Ticks())
        assert not running("agnhost", tmp_path, SERVES)


def test_a_container_whose_shim_is_killed_is_ended_and_started_anew(toolchain: Toolchain, tmp_path: Path) -> None:
    """A container whose shim is killed is killed by containerd, and the kubelet restarts the pod."""
    with _server(toolchain, tmp_path):
        shim, orphan = running(SHIM, tmp_path), running("agnhost", tmp_path, SERVES)
        assert shim
        assert orphan

        os.kill(shim, signal.SIGKILL)

        wait_for("end of it", lambda: orphan not in processes_of(tmp_path) or None, within=30, changes=Ticks())
        wait_for("another", lambda: running("agnhost", tmp_path, SERVES), within=60, changes=Ticks())


def test_a_pod_is_what_it_asks_to_be(toolchain: Toolchain, tmp_path: Path) -> None:
    """The host name, sysctls, shared processes and seccomp profile of a pod apply to its sandbox and containers."""
    sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "81"}
    context = {"seccompProfile": {"type": "RuntimeDefault"}, "sysctls": [sysctl]}
    spec = {"hostname": "counter", "shareProcessNamespace": True, "securityContext": context}
    with _server(toolchain, tmp_path, f"--overrides={json.dumps({'spec': spec})}"):
        server = running("agnhost", tmp_path, SERVES)
        status = Path(f"/proc/{server}/status").read_text(encoding="ascii")
        inside = ["nsenter", f"--target={server}", "--net", "--uts"]

        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
        assert not re.search(r"^NSpid:.*\t1$", status, re.MULTILINE)  # the process of the sandbox
        assert run([*inside, "uname", "-n"], timeout=PATIENT) == "counter\n"
        assert run([*inside, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"], timeout=PATIENT) == "81\n"


@contextmanager
def _server(toolchain: Toolchain, folder: Path, *options: str) -> Iterator[Kubectl]:
    """Run a pod in its own cluster with its files in *folder*, and yield kubectl."""
    provider = EmbeddedProvider(
        toolchain, folder / "canaryproof", {"test/server:1": ("netexec", "--http-port=5000")}, TimeLimits()
    )
    with provider.lend() as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        kubectl("run", "server", "--image=test/server:1", *options)
        kubectl("wait", "--for=condition=Ready", "pod/server", "--timeout=30s")
        yield kubectl
