"""The observer judges a release that a student handled by hand, and changes nothing in the cluster."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.existing.account_rights import OBSERVER
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits
from tests.cluster.student import NAMESPACE, RELEASE, Student
from tests.corpus.mutation import accepted, container

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
COURSE = load_scenario()
UNKNOWABLE = {"stable-serves-during-canary", "stable-never-down"}

Observe = Callable[[], Any]


@pytest.fixture(scope="module")
def theirs(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The student's cluster."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), COURSE.stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def student(theirs: Cluster, toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Student:
    """The student before the first command."""
    student = Student(theirs, toolchain, tmp_path_factory.mktemp("home"))
    student.kubectl("create", "namespace", NAMESPACE)
    student.kubectl("create", "serviceaccount", "observer", f"--namespace={NAMESPACE}")
    student.kubectl("apply", f"--namespace={NAMESPACE}", "--filename", str(OBSERVER))
    binding = ("--role=canaryproof-observer", f"--serviceaccount={NAMESPACE}:observer", f"--namespace={NAMESPACE}")
    student.kubectl("create", "rolebinding", "observer", *binding)
    return student


@pytest.fixture
def observe(student: Student, tmp_path: Path) -> Observe:
    """Observe through a proxy with a read-only account, and return the release's result."""

    def observed() -> Any:
        token = student.kubectl("create", "token", "observer", f"--namespace={NAMESPACE}").strip()
        reports = tmp_path / "reports"
        with _proxy(json.loads(student.kubectl("config", "view", "--raw", "--output=json"))) as (port, asked):
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(json.dumps(_config(f"http://127.0.0.1:{port}", token)))
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-m",
                "e2e",
                "--canaryproof-cluster=existing",
                "--canaryproof-observe",
            ]
            command += [f"--kubeconfig={kubeconfig}", f"--canaryproof-report-dir={reports}"]
            subprocess.run(command, cwd=REPOSITORY, check=False, stdout=subprocess.DEVNULL, timeout=300)
        assert asked
        assert set(asked) == {"GET"}
        written: dict[str, Any] = json.loads((reports / "results.json").read_text(encoding="utf-8"))
        return written["submissions"][0]

    return observed


def test_nothing_to_look_at_is_an_error(observe: Observe) -> None:
    """An observation before the install is an error, because the cluster or the namespace is probably wrong."""
    row = observe()

    assert row["verdict"] == "error"
    assert f"there is no release {RELEASE} in namespace {NAMESPACE}" in row["reason"]


def test_a_canary_that_is_still_there_is_half_of_it(student: Student, observe: Observe) -> None:
    """The observation before the rollback sees the crash loop and the stable app's answers, and misses the rollback."""
    student.helm("install", RELEASE, str(COURSE.stable_chart), "--wait")
    student.upgrades_to_the_canary()

    row = observe()

    assert (row["verdict"], row["outcome"]) == ("rejected", "crash-loop")
    assert _checks(row, "failed") == {"rollback-recorded"}
    assert "nothing was rolled back" in row["reason"]
    assert "stable-serves-during-canary" in _checks(row, "passed")


def test_the_whole_assignment_is_accepted(student: Student, observe: Observe) -> None:
    """The observation after the rollback accepts the crash loop by its events, and skips the checks with gaps."""
    student.rolls_back_to(1)

    row = observe()

    assert (row["verdict"], row["outcome"], row["score"], row["max_score"]) == ("accepted", "crash-loop", 11, 11)
    assert _checks(row, "skipped") == UNKNOWABLE
    assert row["canary"]["ports"] == [5003]
    assert row["remarks"] == []


def test_who_tries_again_is_judged_by_the_last_try(student: Student, observe: Observe) -> None:
    """The last attempt is judged, with any stable revision. Without events, the crash loop cannot be judged."""
    student.upgrades_to_the_canary()
    student.rolls_back_to(3)
    student.kubectl("delete", "events", "--all", f"--namespace={NAMESPACE}")

    row = observe()

    assert (row["verdict"], row["score"], row["max_score"]) == ("accepted", 10, 10)
    assert _checks(row, "skipped") == {*UNKNOWABLE, "canary-outcome"}


def test_an_upgrade_in_disguise_is_none(student: Student, observe: Observe) -> None:
    """An upgrade to the old chart is no rollback."""
    student.upgrades_to_the_canary()
    student.helm("upgrade", RELEASE, str(COURSE.stable_chart), "--wait")

    row = observe()

    assert _checks(row, "failed") == {"rollback-recorded"}
    assert "is an upgrade, and no rollback" in row["reason"]


def test_a_replaced_program_is_remarked_from_the_record_of_helm(
    student: Student, observe: Observe, tmp_path: Path
) -> None:
    """A replaced program gets a remark both before and after the rollback.

    After the rollback, only Helm's record shows the program. The verdict stays the same.
    """
    accepted(container('args: ["--no-such-flag"]')).write(tmp_path / "upcommerce")
    student.upgrades_to_the_canary(tmp_path / "upcommerce")
    before = observe()
    student.rolls_back_to(int(json.loads(student.helm("history", RELEASE, "--output=json"))[-2]["revision"]))

    after = observe()

    assert (before["outcome"], after["verdict"], after["outcome"]) == ("crash-loop", "accepted", "crash-loop")
    assert [each["cause"]["code"] for each in before["remarks"]] == ["program-replaced"]
    assert after["remarks"] == before["remarks"]


def _checks(row: Any, status: str) -> set[str]:
    return {check["id"] for check in row["checks"] if check["status"] == status}


def _config(server: str, token: str) -> dict[str, Any]:
    return {
        "current-context": "observer",
        "contexts": [{"name": "observer", "context": {"cluster": "theirs", "user": "observer"}}],
        "clusters": [{"name": "theirs", "cluster": {"server": server}}],
        "users": [{"name": "observer", "user": {"token": token}}],
    }


@contextmanager
def _proxy(admin: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Forward requests to the API server, and record their verbs."""
    (cluster,) = admin["clusters"]
    asked: list[str] = []
    ca = base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=ca)
    with urllib3.PoolManager(ssl_context=context) as pool:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pool, cluster["cluster"]["server"], asked))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(pool: urllib3.PoolManager, server: str, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.command)
            length = int(self.headers.get("Content-Length", 0))
            kept = ("Authorization", "Accept", "Content-Type")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            response = pool.request(
                self.command, f"{server}{self.path}", body=self.rfile.read(length), headers=headers, redirect=False
            )
            self.send_response(response.status)
            self.send_header("Content-Length", str(len(response.data)))
            self.end_headers()
            self.wfile.write(response.data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's signature
            """Log nothing."""

    return Handler
