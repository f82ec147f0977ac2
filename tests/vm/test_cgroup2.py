"""On cgroup v2, the embedded cluster works for root and for an ordinary user."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.pytest_plugin.progress_display import visible
from canaryproof.system.paths import cache_folder
from canaryproof.system.wait import Ticks, wait_for
from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, expected
from tests.vm.image import STUDENT, provide_image
from tests.vm.machine import CHOSEN, VirtualMachine, running
from tests.vm.parcel import CHARTS, PROJECT, SITE, TOOLCHAIN, make_parcel

pytestmark = pytest.mark.vm

PATIENCE = {"tcg": 20, "kvm": 2}[CHOSEN]
RUN, START, END = 1800.0, 600.0, 120.0
"""The time limits in seconds for a whole run, a cluster's start and its end. Measured: 240, 80 and 5."""
TRIED = ("reference", "out-of-memory")
ENVIRONMENT = f"cd {PROJECT}; export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={SITE} CANARYPROOF_TOOLCHAIN={TOOLCHAIN};"
OPTIONS = f"--canaryproof-cluster embedded --canaryproof-patience {PATIENCE}"
PYTEST = f"python3 -m pytest tests/e2e -p no:cacheprovider -m e2e {OPTIONS}"
USERS = (STUDENT, "root")
"""The users in this order, so that root has not changed anything when the student starts."""
PLAINLY = ""
DELEGATED = "systemd-run --user --scope --quiet --property=Delegate=yes --"
CONTAINED = "systemd-run --scope --quiet --property=Delegate=yes -- tests/vm/as_in_a_container"
PACKAGE = "canaryproof.cluster.embedded"
LIMITS = "from canaryproof.timeouts import TimeLimits"
GAPS = (
    f"import json, os; {LIMITS}; from {PACKAGE}.rootless import ask, gaps; found = gaps(ask(os.environ, TimeLimits()));"
)
SWEEP = (
    f"from pathlib import Path; from {PACKAGE}.run_dirs import sweep;"
    " sweep(Path.home() / '.cache/canaryproof/runs', 60)"
)
BREAK = """
sysctl --quiet --write kernel.unprivileged_userns_clone=0 user.max_user_namespaces=0
sed --in-place /^student:/d /etc/subuid /etc/subgid
mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nDelegate=\nDelegate=memory pids\n' > /etc/systemd/system/user@.service.d/delegate.conf
systemctl daemon-reload
"""


@pytest.fixture(scope="session")
def vm(
    toolchain: Toolchain, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualMachine]:
    """A freshly booted machine with this project."""
    folder = tmp_path_factory.mktemp("vm")
    parcel = folder / "parcel.img"
    with ExitStack() as stack:
        stack.callback(parcel.unlink, missing_ok=True)
        with visible(pytestconfig) as progress:
            image = provide_image(cache_folder(os.environ), progress)
            with progress.step("packing the machine's second disk"):
                make_parcel(parcel, folder / "parcel", toolchain.binaries, {name: CORPUS[name] for name in TRIED})
            machine = stack.enter_context(running(image, parcel, folder, progress))
        yield machine


@pytest.mark.parametrize("user", USERS)
def test_charts_get_their_verdicts(vm: VirtualMachine, user: str, request: pytest.FixtureRequest) -> None:
    """The reference is accepted, a memory limit takes effect, and nothing is left."""
    charts = " ".join(f"--canaryproof-submissions {CHARTS}/{name}" for name in TRIED)
    with visible(request.config) as progress, progress.step(f"pytest -m e2e as {user}"):
        said = vm.run(
            user, f"{ENVIRONMENT} {PYTEST} {charts} --canaryproof-report-dir ~/reports || test $? -eq 1", timeout=RUN
        )
    request.node.add_report_section("call", f"as {user}", said)
    rows = json.loads(vm.run(user, "cat ~/reports/results.json"))["submissions"]

    told = {row["name"]: Told(row) for row in rows}
    for name in TRIED:
        assert told[name].verdict == expected(CORPUS[name]), said
    assert _left(vm) == ""


@pytest.mark.parametrize(
    ("user", "inside"), [(STUDENT, PLAINLY), (STUDENT, DELEGATED), ("root", PLAINLY), ("root", CONTAINED)]
)
def test_nothing_survives_a_kill(vm: VirtualMachine, user: str, inside: str, pytestconfig: pytest.Config) -> None:
    """A killed harness ends its cluster, and the next start sweeps what the kernel leaves."""
    harness = f"{inside} sh -c 'echo $$ > ~/pid; exec {PYTEST}'"
    vm.run(user, f"{ENVIRONMENT} setsid --fork {harness} > ~/said 2>&1 < /dev/null")
    with visible(pytestconfig) as progress, progress.step(f"starting a cluster as {user}, to kill it"):
        wait_for(
            "controller manager",
            lambda: _succeeds(vm, user, "ls ~/.cache/canaryproof/logs/*/kube-controller-manager.log"),
            within=START,
            changes=Ticks(1),
            seen=lambda: vm.run(user, "tail -n 30 ~/said"),
        )
    assert "cgroup" in _left(vm)

    vm.run(user, "kill -KILL $(cat ~/pid)")

    processes = "pgrep --list-full --full [/]opt/toolchain/"
    wait_for(
        "end of every process",
        lambda: not _succeeds(vm, user, processes) or None,
        within=END,
        changes=Ticks(1),
        seen=lambda: vm.run(user, processes),
    )
    vm.python(user, SWEEP, ENVIRONMENT)
    assert _left(vm) == ""


def test_every_gap_is_told_and_closed_by_its_remedy(vm: VirtualMachine) -> None:
    """The doctor names each gap of a machine that grants nothing, and its commands close all of them."""
    vm.run("root", BREAK)
    _log_out(vm)

    refused = vm.run(STUDENT, f"{ENVIRONMENT} {PYTEST} --canaryproof-report-dir ~/refused; test $? -eq 8", timeout=RUN)
    told = vm.python(STUDENT, f"{GAPS} print(json.dumps([[it.problem, it.remedy] for it in found]))", ENVIRONMENT)
    found = json.loads(told)
    for _, remedy in found:
        vm.run("root", remedy.replace("sudo ", ""))
    _log_out(vm)

    assert len(found) == 5, told
    assert all(problem.split()[0] in refused for problem, _ in found), refused
    assert vm.python(STUDENT, f"{GAPS} print(*found)", ENVIRONMENT).strip() == ""


def _left(vm: VirtualMachine) -> str:
    """Return the traces of clusters: processes, cgroups and run folders."""
    return vm.run(
        "root",
        "pgrep --list-full --full [/]opt/toolchain/ | sed 's/^/process /';"
        " find /sys/fs/cgroup -type d -name 'canaryproof-*' -printf 'cgroup %p\\n';"
        f" find /root/.cache/canaryproof/runs /home/{STUDENT}/.cache/canaryproof/runs -name 'canaryproof-*' || true",
    )


def _succeeds(vm: VirtualMachine, user: str, command: str) -> bool | None:
    with suppress(CommandError):
        vm.run(user, command)
        return True
    return None


def _log_out(vm: VirtualMachine) -> None:
    """End all processes of the student, so that the next login is a new one."""
    vm.run("root", f"loginctl terminate-user {STUDENT}; while pgrep --uid {STUDENT}; do sleep 1; done > /dev/null")
