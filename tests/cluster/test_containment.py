"""A container of the embedded cluster, even as root, cannot reach its node or the resources of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from canaryproof.cluster.embedded.toolchain import Toolchain
from tests.cluster.intruding import Lab, lab

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster that the tests of this file share."""
    with lab(toolchain, tmp_path_factory.mktemp("containment")) as lent:
        yield lent


@pytest.mark.parametrize("shared", [True, False], ids=["shared-processes", "own-processes"])
def test_no_setting_of_the_node_can_be_written(cluster: Lab, *, shared: bool) -> None:
    """A container cannot write the node's settings.

    It tries its own /proc and /sys, and those of its pod's sandbox (``/proc/1/root``).
    """
    name = f"settings-{shared}".lower()
    roots = ["", "/proc/1/root"] if shared else [""]
    below = ("proc/sys", "proc/irq", "proc/bus", "proc/fs", "proc/acpi", "proc/scsi", "sys")
    single = ("proc/sysrq-trigger", "proc/kcore", "proc/timer_list", "proc/keys")
    places = [f"{root}/{place}" for root in roots for place in (*below, *single)]

    cluster.start(name, "writable", *places, spec={"shareProcessNamespace": shared})

    said = cluster.said(name)
    assert [line for line in said if line.startswith("writable")] == []
    seen = {line.rpartition(" ")[2]: int(line.split()[2]) for line in said if line.startswith("looked")}
    assert all(seen[f"{root}/proc/sys"] > 100 for root in roots)  # the program has made its attempts


def test_no_system_call_leads_to_rights_over_the_node(cluster: Lab) -> None:
    """A container without a profile gets the runtime's, which blocks new namespaces, mounts, keys and BPF programs."""
    cluster.start("calls", "calls", spec={"shareProcessNamespace": True})

    assert cluster.said("calls") == ["done"]


@pytest.mark.parametrize("folder", ["/scratch", "/dev", "/proc/1/root/dev"])
def test_no_device_of_the_node_can_be_opened(cluster: Lab, folder: str) -> None:
    """A container can create device nodes, as on every cluster, but cannot open them."""
    name = f"devices{folder.replace('/', '-')}"
    cluster.start(name, "devices", folder, spec={"shareProcessNamespace": True})

    said = cluster.said(name)
    assert said[0] != "made 0"
    assert [line for line in said if line.startswith("reached")] == []
