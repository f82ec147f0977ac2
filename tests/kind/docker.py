"""Provides the machine's Docker if it answers, or else a temporary one.

The temporary Docker has its own data, socket and mount namespace. It changes neither the machine's firewall nor its
forwarding, and its containers have no network access.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from canaryproof.cluster.embedded.cgroups import make_cgroups, remove_cgroups
from canaryproof.cluster.embedded.toolchain.build_lock import locked
from canaryproof.cluster.kind.docker import Docker
from canaryproof.errors import CanaryproofError, ClusterError, CommandError
from canaryproof.system.interpreter import module_command
from canaryproof.system.progress import Progress
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.kind.packages import Unpacked, unpacked_package

CGROUP = "canaryproof-docker"
_FOLDERS = Path("/sys/fs/cgroup")
REPOSITORY = Path(__file__).parents[2]
STOP = 30.0
"""The seconds in which dockerd ends its containers and itself."""


@contextmanager
def lent_docker(cache: Path, progress: Progress) -> Iterator[Docker]:
    """Lend the machine's Docker, or a temporary one until the block ends.

    Raises InfrastructureError when neither is available.
    """
    machines = Docker(os.environ, TimeLimits())
    if _answers(machines):
        yield machines
        return
    packages = unpacked_package("docker.io", cache, progress)
    with (
        locked(cache / "docker.lock", progress, within=60),
        tempfile.TemporaryDirectory(prefix="canaryproof-docker-") as run_folder,
    ):
        _end_leftovers()
        make_cgroups(CGROUP)  # with the processor share that a cluster needs on a busy machine
        try:
            with _daemon(packages, cache / "docker", Path(run_folder), progress) as docker:
                yield docker
        finally:
            _end_leftovers()


@contextmanager
def _daemon(packages: Unpacked, data: Path, folder: Path, progress: Progress) -> Iterator[Docker]:
    host = f"unix://{folder / 'docker.sock'}"
    mine = Docker({**os.environ, "PATH": packages.environment["PATH"], "DOCKER_HOST": host}, TimeLimits())
    log = folder / "log"
    with ExitStack() as stack:
        with progress.step("starting Docker"):
            stack.enter_context(_process(_command(packages, data, folder, host), packages.environment, log))
            wait_for(
                "Docker daemon",
                lambda: _answers(mine) or None,
                within=TimeLimits().cluster_start,
                changes=Ticks(),
                seen=lambda: log.read_text(encoding="utf-8", errors="replace")[-2000:],
            )
            _forget_everything(mine)
        try:
            yield mine
        finally:
            _forget_everything(mine)


def _answers(docker: Docker) -> bool:
    try:
        docker.engine()
    except CanaryproofError:
        return False
    return True


def _end_leftovers() -> None:
    """End the processes that a killed daemon has left. The lock ensures that no other daemon runs."""
    for folder in [_FOLDERS / CGROUP, *_FOLDERS.glob(f"*/{CGROUP}")]:
        for procs in folder.rglob("cgroup.procs"):
            for process in procs.read_text(encoding="ascii").split():
                with suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
    _thaw()
    remove_cgroups(CGROUP, 60)


def _thaw() -> None:
    """Thaw a frozen cgroup, so that its processes continue or end.

    runc freezes a cgroup v1 while it changes it, and may be killed meanwhile.
    """
    for state in (_FOLDERS / "freezer" / CGROUP).rglob("freezer.state"):
        if state.read_text(encoding="ascii").strip() != "THAWED":
            state.write_text("THAWED", encoding="ascii")


def _forget_everything(docker: Docker) -> None:
    """Remove what killed runs have left, because this daemon has no other user."""
    if containers := docker("ps", "--all", "--quiet").split():
        remove = ("rm", "--force", "--volumes", *containers)
        try:
            docker(*remove)
        except CommandError:
            _thaw()
            docker(*remove)
    if networks := docker("network", "ls", "--quiet", "--filter=type=custom").split():
        docker("network", "rm", *networks)
    docker("volume", "prune", "--force")


def _command(packages: Unpacked, data: Path, folder: Path, host: str) -> list[str]:
    """Return dockerd's command line. Its fixed folders ``/run`` and ``/opt`` are its own, in memory."""
    (folder / "daemon.json").write_text(json.dumps({"deprecated-key-path": str(folder / "key.json")}))
    daemon = [
        str(packages.path("usr/sbin/dockerd")),
        f"--config-file={folder / 'daemon.json'}",
        f"--data-root={data}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'pid'}",
        f"--host={host}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        f"--userland-proxy-path={packages.path('usr/sbin/docker-proxy')}",
        f"--cgroup-parent=/{CGROUP}",
        f"--add-runtime=canaryproof={_runtime(packages, folder)}",
        "--default-runtime=canaryproof",
    ]
    private = 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /opt && exec setpriv --pdeathsig=TERM -- "$@"'
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", private, "sh", *daemon]


def _runtime(packages: Unpacked, folder: Path) -> Path:
    file = folder / "runtime"
    runc = str(packages.path("usr/sbin/runc"))
    command = shlex.join(module_command("tests.kind.runtime", runc, options=("-S",), packages=REPOSITORY))
    file.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    file.chmod(0o755)
    return file


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run the daemon until the block ends. The daemon ends if this process is killed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is for the harness
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise ClusterError(f"Docker did not end within {STOP:g} s; it was killed") from None
