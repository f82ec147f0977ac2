"""An emulated machine that boots for a block, is used through ssh, and ends with this process."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from canaryproof.errors import CommandError, InfrastructureError, WaitError
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.system.wait import Ticks, wait_for
from tests.vm.image import Image, require

BOOT, ANSWER = 600.0, 60.0
"""The time limits in seconds for the boot and for a short command. Measured: 15 and 1 on an idle machine."""
COMMANDS = {"qemu-system-x86_64": "qemu-system-x86", "ssh": "openssh-client", "setpriv": "util-linux"}
ACCELERATORS = {"tcg": "tcg,thread=multi,tb-size=1024", "kvm": "kvm"}
PROCESSORS = {"tcg": "Nehalem", "kvm": "host"}
"""An emulated processor without AVX: with qemu 7.2's emulation of AVX, Python crashed and runc hung."""
CHOSEN = os.environ.get("CANARYPROOF_VM", "tcg")
"""Emulation works everywhere. ``kvm`` is ten times faster if the host allows it."""
_LINES = 15


@dataclass(frozen=True)
class VirtualMachine:
    """A running machine."""

    port: int
    key: Path

    def run(self, user: str, command: str, timeout: float = ANSWER) -> str:
        """Run *command* there as *user*, and return its standard output.

        Raises CommandError when it ends with another code than 0 or exceeds its time limit.
        """
        options = ("BatchMode=yes", "ConnectTimeout=20", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        told = [word for option in options for word in ("-o", option)]
        aim = ["-F", "none", "-q", *told, "-i", str(self.key), "-p", str(self.port), f"{user}@127.0.0.1"]
        return run(["ssh", *aim, command], timeout=timeout)

    def python(self, user: str, program: str, environment: str = "") -> str:
        """Run a Python program there, in the project's folder."""
        return self.run(user, f"{environment} python3 -c {shlex.quote(program)}")


@contextmanager
def running(image: Image, parcel: Path, folder: Path, progress: Progress) -> Iterator[VirtualMachine]:
    """Boot *image* with *parcel* as the second disk. All writes are discarded.

    Raises InfrastructureError with the end of the console output when the boot fails.
    """
    require(COMMANDS)
    console = folder / "console.log"
    machine = VirtualMachine(_free_port(), image.key)
    with subprocess.Popen(_command(image, parcel, console, machine.port), stdin=subprocess.DEVNULL) as process:
        try:
            with progress.step("booting the machine"):
                _await_boot(machine, process, console)
            yield machine
        finally:
            process.kill()


def _command(image: Image, parcel: Path, console: Path, port: int) -> list[str]:
    disks = [f"-drive=file={disk},if=virtio,format=raw,cache=unsafe" for disk in (image.disk, parcel)]
    options = [
        *("-nodefaults", "-no-user-config", "-snapshot", "-display=none"),
        *("-machine=q35", f"-accel={ACCELERATORS[CHOSEN]}", f"-cpu={PROCESSORS[CHOSEN]}", "-smp=2", "-m=6144"),
        *(f"-kernel={image.kernel}", f"-initrd={image.initrd}"),
        "-append=console=ttyS0 net.ifnames=0 mitigations=off root=/dev/vda rw",
        *disks,
        f"-netdev=user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22",
        *("-device=virtio-net-pci,netdev=n0,romfile=", "-device=virtio-rng-pci", f"-serial=file:{console}"),
    ]
    # The machine ends with this process, however this ends.
    qemu = ["setpriv", "--pdeathsig=KILL", "--", "qemu-system-x86_64"]
    return qemu + [word for option in options for word in option.split("=", 1)]


def _await_boot(machine: VirtualMachine, process: subprocess.Popen[bytes], console: Path) -> None:
    def answers() -> bool | None:
        with suppress(CommandError):
            return machine.run("root", "systemctl is-system-running --wait") == "running\n"
        return None

    def ended() -> str | None:
        return f"qemu ended with code {process.returncode}" if process.poll() is not None else None

    try:
        wait_for("login", answers, within=BOOT, changes=Ticks(1), doomed=ended, seen=lambda: _end_of(console))
    except WaitError as error:
        raise InfrastructureError(f"the emulated machine did not boot: {error}") from None


def _end_of(console: Path) -> str:
    lines = console.read_text(errors="replace").splitlines() if console.exists() else []
    return "\n".join(lines[-_LINES:]) or "nothing"


def _free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port
