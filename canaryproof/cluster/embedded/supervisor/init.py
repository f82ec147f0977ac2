"""Process 1 of the cluster: prepares the namespaces, starts the components, reaps children and reports to the harness.

It never outlives the harness. When it ends, for whatever reason, the kernel kills every other process of the cluster
(``man 7 pid_namespaces``), and with them all mounts and network devices disappear.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from canaryproof.cluster.embedded.supervisor import (
    cgroup_delegation,
    forwarding,
    image_registry,
    network,
    socket_lender,
    syscalls,
)
from canaryproof.cluster.embedded.supervisor.spec import RESERVED_PROCESSES, Moment, Plan, Process

_LOOPBACK = "127.0.0.1"
_ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ANYBODY.check_hostname = False  # only for the health check, in the cluster's own network namespace
_ANYBODY.verify_mode = ssl.CERT_NONE
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/shmem_enabled").exists()
_MEMORY_OPTIONS = "mode=755,huge=within_size" if _HUGE_PAGES else "mode=755"  # fewer page faults at program start


def live(plan: Plan, lifeline: int, status: int, listener: socket.socket, lender: socket.socket) -> NoReturn:
    """Run the cluster until *lifeline* reaches end of file, which happens when the harness ends for any reason."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    try:
        _prepare(plan)
        _Supervisor(plan, status, listener, lender).run()
    except Exception:  # noqa: BLE001  # no parent in this namespace could report it
        _report(status, event="failed", reason=traceback.format_exc())
    finally:
        os._exit(1)


def _end_with(lifeline: int) -> NoReturn:
    """End this process, and thereby the cluster, as soon as *lifeline* reaches end of file."""
    while os.read(lifeline, 1):
        pass
    os._exit(0)


def _prepare(plan: Plan) -> None:
    """Set up the cluster's own mounts, cgroups, network, host name and files."""
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("proc", "/proc", "proc")
    _enter_cgroups(plan.cgroups)
    programs = {folder: os.open(folder, os.O_PATH | os.O_DIRECTORY) for folder in plan.program_folders}
    for folder in plan.memory_folders:
        Path(folder.path).mkdir(parents=True, exist_ok=True)
        syscalls.mount("tmpfs", folder.path, "tmpfs", data=f"{_MEMORY_OPTIONS},size={folder.size}")
        # The kubelet bind-mounts a folder onto itself unless it is shared, which hides the mounts below it.
        syscalls.mount("none", folder.path, flags=syscalls.MS_SHARED)
    _show_again(programs)
    syscalls.sethostname(plan.hostname)
    network.bring_up(*plan.addresses)
    reserved = str(max(0, _process_capacity() - plan.pods_processes))
    for name, text in plan.files.items():
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # some files hold keys and tokens
        file.write_text(text.replace(RESERVED_PROCESSES, reserved), encoding="utf-8")


def _show_again(folders: Mapping[str, int]) -> None:
    """Mount each of *folders* at its path again, if a memory folder hides it now. Closes their descriptors."""
    for folder, descriptor in folders.items():
        if not Path(folder).exists():
            Path(folder).mkdir(parents=True)
            syscalls.mount(f"/proc/self/fd/{descriptor}", folder, flags=syscalls.MS_BIND)
        os.close(descriptor)


def _process_capacity() -> int:
    """Return the maximum number of processes and threads.

    It is the number that the kubelet computes (Kubernetes, ``pkg/kubelet/stats/pidlimit``).
    """
    return min(int(Path("/proc/sys/kernel", name).read_text(encoding="ascii")) for name in ("pid_max", "threads-max"))


def _enter_cgroups(cgroups: tuple[tuple[str, str], ...]) -> None:
    """Make each of *cgroups* the root of its hierarchy, as this process and its children see it."""
    for own, _ in cgroups:
        Path(own, "cgroup.procs").write_text("0", encoding="ascii")
    syscalls.unshare(syscalls.CLONE_NEWCGROUP)
    for own, seen_at in cgroups:
        syscalls.mount(own, seen_at, flags=syscalls.MS_BIND)
        if Path(seen_at, "cgroup.controllers").exists():
            cgroup_delegation.hand_on_controllers(Path(seen_at), Path(seen_at, "init"))


class _Supervisor:
    """Starts components as soon as they may start, reaps ended processes, and reports both."""

    def __init__(self, plan: Plan, status: int, listener: socket.socket, lender: socket.socket) -> None:
        self._plan = plan
        self._status = status
        self._listener = listener
        self._lender = lender
        self._waiting = list(plan.processes)
        self._reached: set[Moment] = {"at once"}
        self._names: dict[int, str] = {}

    def run(self) -> None:
        """Supervise until a component ends. Without it, requests to the remaining components would only hang."""
        self._fork("registry", image_registry.serve, (_LOOPBACK, self._plan.registry_port), Path(self._plan.images))
        self._fork("gateway", forwarding.serve, self._listener, (_LOOPBACK, self._plan.api_port))
        self._fork("socket lender", socket_lender.serve, self._lender)
        if self._plan.way_out:
            self._fork("way out", forwarding.lead_out, self._plan.way_out_port, Path(self._plan.way_out))
        self._listener.close()
        self._lender.close()
        endings = _child_endings()
        while not self._reap():
            self._start_what_may()
            if select.select([endings], [], [], self._plan.tick if self._waiting else None)[0]:
                os.read(endings, 4096)

    def _start_what_may(self) -> None:
        self._advance()
        for process in [process for process in self._waiting if process.start in self._reached]:
            self._waiting.remove(process)
            self._start(process)

    def _advance(self) -> None:
        """Record the moments that have arrived. Skips the probe for a moment that no component waits for."""
        awaited = {process.start for process in self._waiting} - self._reached
        if awaited and "API reachable" not in self._reached and _accepts(self._plan.api_port, self._plan.answer):
            self._reached.add("API reachable")
        if (
            "API healthy" in awaited
            and "API reachable" in self._reached
            and _is_healthy(self._plan.api_port, self._plan.answer)
        ):
            self._reached.add("API healthy")

    def _start(self, process: Process) -> None:
        if process.trial and os.waitpid(self._spawn(process, process.trial[0], process.trial), 0)[1]:
            _report(self._status, event="left out", name=process.name)
            return
        pid = self._spawn(process, process.program, process.argv)
        self._names[pid] = process.name
        _report(self._status, event="started", name=process.name, pid=pid)

    def _spawn(self, process: Process, program: str, argv: tuple[str, ...]) -> int:
        log = (os.POSIX_SPAWN_OPEN, 1, process.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        environment = {**self._plan.environment, **process.environment}
        return os.posix_spawn(
            program, argv, environment, file_actions=[log, (os.POSIX_SPAWN_DUP2, 1, 2)], setsigmask=()
        )

    def _fork(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        if (pid := os.fork()) == 0:
            os.close(self._status)
            try:
                work(*arguments)
            finally:
                os._exit(1)
        self._names[pid] = name

    def _reap(self) -> bool:
        """Reap ended children, container shims included. Stop and return True at the first component."""
        while self._names:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return False
            if name := self._names.pop(pid, None):
                _report(self._status, event="ended", name=name, code=os.waitstatus_to_exitcode(status))
                return True
        return False


def _child_endings() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _accepts(port: int, within: float) -> bool:
    with socket.socket() as probe:
        probe.settimeout(within)
        return probe.connect_ex((_LOOPBACK, port)) == 0


def _is_healthy(port: int, within: float) -> bool:
    """Report whether the API server is healthy, by an anonymous request to ``/healthz``.

    Controllers wait for this: those that start earlier retry only after a whole second.
    """
    connection = http.client.HTTPSConnection(_LOOPBACK, port, timeout=within, context=_ANYBODY)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _report(status: int, **event: object) -> None:
    os.write(status, json.dumps(event).encode() + b"\n")
