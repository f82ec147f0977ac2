"""Unusual histories of a release, made with the real Helm: each is judged for its real cause, and each hint works."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Machine, Toolchain, provide
from canaryproof.errors import CommandError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.student import COURSE, NAMESPACE, RELEASE, REPOSITORY, Student
from tests.corpus.mutation import accepted, container

pytestmark = pytest.mark.cluster

CHART = str(REPOSITORY / "upcommerce")
FORCE = "--force-conflicts"

Observe = Callable[[], Any]


@pytest.fixture(scope="module")
def theirs(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The students' cluster."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), COURSE.stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture
def student(theirs: Cluster, toolchain: Toolchain, tmp_path: Path) -> Student:
    """A student with Helm 4 who has installed the stable chart in a new namespace."""
    student = Student(theirs, toolchain, tmp_path)
    student.starts_again()
    return student


@pytest.fixture
def of_helm_3(theirs: Cluster, toolchain: Toolchain, tmp_path: Path) -> Student:
    """The same with Helm 3."""
    cache = cache_folder(os.environ)
    tools = provide(cache=cache, progress=Silence(), tools=["helm3"], machine=Machine(TimeLimits()))
    student = Student(theirs, toolchain, tmp_path, helm=tools.path("helm3"))
    student.starts_again()
    return student


@pytest.fixture
def observe(theirs: Cluster, tmp_path: Path) -> Observe:
    """Observe the release, and return its result."""

    def observed() -> Any:
        command = [sys.executable, "-m", "canaryproof", "observe", "--cluster=existing", f"--report-dir={tmp_path}/out"]
        command.append(f"--kubeconfig={theirs.kubeconfig}")
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=300)
        (row,) = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["submissions"]
        return row

    return observed


@pytest.fixture
def never_ready(tmp_path: Path) -> str:
    """The course's canary with a readiness probe, so that an upgrade with ``--wait`` cannot succeed."""
    accepted(container("readinessProbe: {httpGet: {path: /, port: 5003}, periodSeconds: 1}")).write(tmp_path / "probed")
    return str(tmp_path / "probed")


@pytest.mark.parametrize("who", ["student", "of_helm_3"])
@pytest.mark.parametrize("end", [None, signal.SIGINT, signal.SIGKILL])
def test_an_upgrade_that_waited_in_vain_was_applied(
    request: pytest.FixtureRequest, observe: Observe, never_ready: str, who: str, end: signal.Signals | None
) -> None:
    """An upgrade that ran out of time, or ended by Ctrl-C or SIGKILL while it waited, was applied."""
    student: Student = request.getfixturevalue(who)
    with student.started(
        "upgrade", RELEASE, never_ready, "--wait", f"--timeout={'15s' if end is None else '5m'}"
    ) as helm:
        student.sees_the_crash_loop()
        if end:
            helm.send_signal(end)
        helm.wait(60)
    before = observe()
    follow(student, before, "rollback-recorded")

    row = observe()

    assert failed(before) == {"rollback-recorded"}
    assert (row["verdict"], row["outcome"], row["score"]) == ("accepted", "crash-loop", 11), row["reason"]


def test_a_plain_rollback_went_to_another_canary(student: Student, observe: Observe) -> None:
    """Two upgrades and a rollback without a revision lead to the first canary, which the finding says."""
    student.upgrades_to_the_canary()
    student.helm("upgrade", RELEASE, CHART, "--set=canary.image=uonyeka/canary:nope")
    student.helm("rollback", RELEASE)
    before = observe()
    follow(student, before, "rollback-recorded")

    row = observe()

    assert (
        "the rollback went to revision 2, which has the canary itself" in check(before, "rollback-recorded")["message"]
    )
    assert row["verdict"] == "accepted", row["reason"]


@pytest.mark.parametrize("again", [False, True])
def test_a_field_of_another_manager_fails_the_rollback(student: Student, observe: Observe, *, again: bool) -> None:
    """After ``kubectl scale``, Helm 4 cannot roll back. Forcing it *again* leaves the canary; the hint does not."""
    student.upgrades_to_the_canary()
    student.kubectl("scale", "deployment", "upcommerce-app", "--replicas=2", f"--namespace={NAMESPACE}")
    with pytest.raises(CommandError, match="conflict"):
        student.helm("rollback", RELEASE, "1")
    if again:
        student.helm("rollback", RELEASE, "1", FORCE)
    before = observe()
    follow(student, before, "canary-gone" if again else "rollback-recorded")

    row = observe()

    told = "held by revision 3, which failed" if again else "kubectl set spec.replicas of Deployment/upcommerce-app"
    assert told in before["reason"]
    assert row["verdict"] == "accepted", row["reason"]


def test_an_uninstalled_release_is_told_from_one_that_never_was(student: Student, observe: Observe) -> None:
    """``helm uninstall`` leaves only events, which show the crash loop; nobody is rejected for what is gone."""
    student.upgrades_to_the_canary()
    student.helm("uninstall", RELEASE)

    row = observe()

    assert row["verdict"] == "error"
    assert row["cause"]["code"] == "release-deleted"
    assert "upcommerce-canary-app crash-looped" in row["reason"]


def test_only_events_of_the_last_try_count(student: Student, observe: Observe) -> None:
    """The pods of an earlier try do not count, although their ReplicaSet had the same name."""
    student.upgrades_to_the_canary()
    student.rolls_back_to(1)
    student.upgrades_to_the_canary()
    student.rolls_back_to(1)

    row = observe()

    count = re.search(r"started (\d+) times", row["reason"])
    assert count
    assert int(count[1]) < 6


def follow(student: Student, row: Any, of: str) -> None:
    """Run the commands in the hint of a check, and wait for their effect."""
    commands = re.findall(r"helm (rollback upcommerce [\w -]+? --namespace sre)", check(row, of)["hint"])
    assert commands
    for command in commands:
        student.helm(*shlex.split(command))
    student.sees_the_end()
    seen = ("get", "deployment", "upcommerce-app", f"--namespace={NAMESPACE}", "--output=jsonpath={.status.replicas}")
    wait_for("one replica", lambda: student.kubectl(*seen) == "1" or None, within=60, changes=Ticks(0.5))


def check(row: Any, name: str) -> Any:
    """Return a check of a result."""
    return next(each for each in row["checks"] if each["id"] == name)


def failed(row: Any) -> set[str]:
    """Return the failed checks of a result."""
    return {each["id"] for each in row["checks"] if each["status"] == "failed"}
