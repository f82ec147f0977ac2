"""Starts the cluster's process tree from the harness, reads its reports, and ends it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from canaryproof.cluster.embedded.run_dirs import Run
from canaryproof.cluster.embedded.supervisor.spec import Plan
from canaryproof.errors import ClusterError
from canaryproof.kube.running_cluster import Vitals
from canaryproof.system.interpreter import HARMLESS_FOLDER, module_command
from canaryproof.system.logs import logger_of

_INSIDE = "canaryproof.cluster.embedded.supervisor"
_LOG_TAIL = 15  # lines
_LOG = logger_of(__name__)


@dataclass(frozen=True)
class Start:
    """A command prefix and an environment for the command that starts the tree."""

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


PLAINLY = Start()


@contextmanager
def running_tree(
    plan: Plan,
    run: Run,
    sockets: tuple[socket.socket, socket.socket],
    vitals: Vitals,
    *,
    within: float,
    start: Start = PLAINLY,
) -> Iterator[None]:
    """Run the process tree of *plan* for the length of the block. A component that ends meanwhile fails *vitals*.

    *sockets* are the listening sockets of the API and of the socket lender. This function closes both.

    The tree ends with the block, and when this process ends for any reason: the first process of the tree waits for end
    of file on a pipe that only this process holds open.

    Raises ClusterError when the tree does not end *within* (seconds).
    """
    lifeline_end, lifeline = os.pipe()
    reports, reports_end = os.pipe()
    handed_down = (lifeline_end, reports_end, *(each.fileno() for each in sockets), run.lock)
    with (run.logs / "first-process.log").open("wb") as log:
        process = subprocess.Popen(
            [*start.command, *module_command(_INSIDE, *map(str, handed_down), options=("-S",))],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(start.environment),
            cwd=HARMLESS_FOLDER,
            pass_fds=handed_down,
            start_new_session=True,  # Ctrl-C reaches only the harness, which ends the tree in order
        )
    _LOG.info("started the cluster of %s in process %s", run.folder, process.pid)
    os.close(lifeline_end)
    os.close(reports_end)
    for each in sockets:
        each.close()  # else requests to a dead cluster would queue here until they time out
    ending = threading.Event()
    listening = threading.Thread(target=_listen, args=(reports, run, vitals, ending), name="cluster-reports")
    try:
        _instruct(process, plan)
        listening.start()
        yield
    finally:
        ending.set()
        os.close(lifeline)
        _await_end(process, within)
        if listening.ident:
            listening.join(within)
        _LOG.info("ended the cluster of %s", run.folder)


def _instruct(process: subprocess.Popen[bytes], plan: Plan) -> None:
    if process.stdin is None:
        raise AssertionError("the process was started with a pipe")
    with process.stdin as pipe:
        pipe.write(plan.to_json().encode())


def _await_end(process: subprocess.Popen[bytes], within: float) -> None:
    """Wait for *process*, the parent of the first process, which ends when the first process does."""
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        raise ClusterError(f"the cluster's first process did not end within {within:g} s") from None


def _listen(reports: int, run: Run, vitals: Vitals, ending: threading.Event) -> None:
    """Read the reports of the first process until it ends, and record faults in *vitals*."""
    with os.fdopen(reports, encoding="utf-8") as lines:
        for line in lines:
            report = json.loads(line)
            if report["event"] == "left out":
                vitals.go_without(f"{report['name']} cannot work here; {log_tail(run, report['name'])}")
            elif not ending.is_set() and (fault := _fault_in(report, run)):
                vitals.fail(fault)
    if not ending.is_set():
        vitals.fail(f"the cluster's first process ended\n{log_tail(run, 'first-process')}")


def _fault_in(report: Mapping[str, object], run: Run) -> str:
    if report["event"] == "failed":
        return f"the cluster's first process could not prepare its namespaces:\n{report['reason']}"
    if report["event"] != "ended":
        return ""
    name = str(report["name"])
    return f"{name} ended with code {report['code']}\n{log_tail(run, name)}"


def log_tail(run: Run, component: str) -> str:
    """Return the path of a component's log and its last lines."""
    file = run.logs / f"{component}.log"
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL:]
    except FileNotFoundError:
        return f"it has not written a log ({file})"
    return "\n".join([f"the end of its log ({file}):", *(lines or ["(empty)"])])
