"""Builds the machine's disk from Debian packages with mmdebstrap, and keeps it for the next run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.build_lock import locked
from canaryproof.errors import InfrastructureError
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

SUITE = "bookworm"
PACKAGES = (
    *("linux-image-cloud-amd64", "udev", "kmod", "systemd-sysv", "iproute2", "procps", "openssh-server"),
    *("dbus", "dbus-user-session", "libpam-systemd"),  # for a login with its own cgroup
    *("python3", "runc", "uidmap"),  # for the harness
)
STUDENT = "student"
PARCEL = "/opt"
"""The mount point of the second disk."""
NETWORK = "[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\n"  # the address of qemu's own network, used by ssh
COMMANDS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "ssh-keygen": "openssh-client"}
MAKING = 1800.0
"""The time limit in seconds for downloads and installation. Measured: 310 on a busy machine with two cores."""
BYTES = 8 * 2**30


@dataclass(frozen=True)
class Image:
    """The files from which a machine boots. They are never written."""

    folder: Path

    @property
    def disk(self) -> Path:
        """Return the root file system."""
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        """Return the kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Return the initial RAM disk, with which the kernel finds its disk."""
        return self.folder / "initrd.img"

    @property
    def key(self) -> Path:
        """Return the private key with which root and the student log in."""
        return self.folder / "key"


def provide_image(cache: Path, progress: Progress) -> Image:
    """Return the image of this recipe, and build it if *cache* does not have it.

    Raises InfrastructureError when a command or a right is missing, and CommandError when a step fails.
    """
    folder = cache / "vm" / _fingerprint()
    if not folder.is_dir():
        require(COMMANDS)
        if os.geteuid():
            raise InfrastructureError("making the machine's disk needs root; run the same command with sudo")
        with locked(folder.parent / "lock", progress, within=60), _unfinished(folder) as place:
            if place:
                with progress.step("making the machine's disk from Debian's packages"):
                    _make(Image(place))
    return Image(folder)


def require(commands: dict[str, str]) -> None:
    """Raise InfrastructureError that lists those of *commands* that are missing, with their packages."""
    if missing := sorted({package for command, package in commands.items() if not shutil.which(command)}):
        raise InfrastructureError(
            f"the emulated machine needs more packages: apt-get install --no-install-recommends {' '.join(missing)}"
        )


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path | None]:
    """Lend a folder that gets its final name at the end of the block. Yield None when another run was faster."""
    if folder.is_dir():
        yield None
        return
    place = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        yield place
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _make(image: Image) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(image.key)], timeout=MAKING)
    root = image.folder / "root"
    without = [f"--dpkgopt=path-exclude=/usr/share/{it}/*" for it in ("doc", "man", "locale")]
    hooks = [f"--customize-hook={hook}" for hook in _hooks(image.key.with_suffix(".pub").read_text().strip())]
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *without, *hooks, SUITE, str(root)]
    run(argv, timeout=MAKING)
    for name, place in (("vmlinuz", image.kernel), ("initrd.img", image.initrd)):
        (found,) = (root / "boot").glob(f"{name}-*")
        shutil.copyfile(found, place)
    make_disk(image.disk, root, BYTES)
    shutil.rmtree(root)


def _hooks(public_key: str) -> tuple[str, ...]:
    """Return the commands that configure the installed packages. ``$1`` is the machine's root folder."""
    files = {
        "etc/hostname": "vm\n",
        "etc/hosts": "127.0.0.1 localhost vm\n",
        "etc/fstab": f"/dev/vdb {PARCEL} ext4 ro 0 0\n",
        "etc/systemd/network/10-eth0.network": NETWORK,
        "root/.ssh/authorized_keys": public_key,
        f"home/{STUDENT}/.ssh/authorized_keys": public_key,
    }
    written = (
        f'mkdir -p -m 700 "$1/{Path(name).parent}" && printf %s {json.dumps(text)} > "$1/{name}"'.replace("\\n", "\n")
        for name, text in files.items()
    )
    return (
        f'chroot "$1" useradd --create-home --shell /bin/bash {STUDENT}',
        *written,
        f'chroot "$1" chown -R {STUDENT}: /home/{STUDENT}/.ssh',
        'chroot "$1" systemctl enable systemd-networkd ssh',
    )


def make_disk(disk: Path, root: Path, size: int) -> None:
    """Make *disk*, a sparse ext4 file system of *size* bytes with the content of *root*."""
    with disk.open("wb") as file:
        file.truncate(size)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(root), str(disk)], timeout=MAKING)


def _fingerprint() -> str:
    recipe = json.dumps([SUITE, PACKAGES, _hooks("")])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]
