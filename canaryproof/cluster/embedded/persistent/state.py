"""Describes the state of a kept cluster on disk: its folder, the lock of its holder, and its description.

The holder holds the lock for as long as it lives. The kernel releases the lock when the holder ends, for any reason.
A folder whose lock is free therefore belongs to a cluster that has ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.image_archives import NO_ARCHIVES
from canaryproof.cluster.image_sources import Upstream
from canaryproof.cluster.stand_ins import archive_identities
from canaryproof.errors import UsageError
from canaryproof.system.locks import held, holder, is_taken, sign
from canaryproof.system.ownership import make_folder

DEFAULT_NAME = "canaryproof"
BINARIES = ("kubectl", "helm")
"""The commands for users of the cluster. :meth:`Place.publish` links those that the toolchain has."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Kept:
    """The holder's description of a cluster that is ready."""

    started: str
    """The start time, in ISO 8601 with UTC offset."""
    made_of: str
    """The fingerprint of the tools and images."""
    kubernetes: str
    nodes: int
    cores: int
    images: str
    context: str
    ready_after: float
    lack: str = ""
    """The function that the cluster lacks on this machine, and why. Empty if it lacks none."""


_KEPT = msgspec.json.Decoder(Kept)


@dataclass(frozen=True)
class Place:
    """The folder of the cluster *name*, which need not exist."""

    kept: Path
    """The folder of all kept clusters."""
    name: str

    @property
    def folder(self) -> Path:
        """Return the cluster's own folder."""
        return self.kept / self.name

    @property
    def kubeconfig(self) -> Path:
        """Return the path of the kubeconfig. It stays the same when another cluster replaces this one."""
        return self.folder / "kubeconfig"

    @property
    def binaries(self) -> Path:
        """Return the folder of commands for the user's PATH."""
        return self.folder / "bin"

    @property
    def log(self) -> Path:
        """Return the log file for unexpected output of the holder."""
        return self.folder / "holder.log"

    def read(self) -> Kept | None:
        """Return the description of the cluster, or None if there is none that this version can read."""
        try:
            return _KEPT.decode((self.folder / "cluster.json").read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    @property
    def is_held(self) -> bool:
        """Report whether the holder lives, that is, holds the lock."""
        return is_taken(self.folder / "lock")

    @property
    def holder(self) -> int | None:
        """Return the id of the process that holds the lock, or None if the lock is free."""
        return holder(self.folder / "lock")

    @property
    def fault(self) -> str:
        """Return why the cluster ended. Empty if the holder recorded no reason."""
        with suppress(FileNotFoundError):
            return (self.folder / "fault").read_text(encoding="utf-8")
        return ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of the block. First removes the files of a cluster that has ended."""
        make_folder(self.folder)
        with held(self.folder / "lock") as lock:  # processes that check the lock hold it only briefly
            sign(lock)
            self._clear()
            yield

    def publish(self, kept: Kept, kubeconfig: Path, toolchain: Toolchain) -> None:
        """Publish the cluster for other processes. Writes the description last, once everything else exists."""
        self.kubeconfig.symlink_to(kubeconfig)
        self.binaries.mkdir()
        for name in BINARIES:
            if name in toolchain.binaries:
                (self.binaries / name).symlink_to(toolchain.path(name))
        unfinished = self.folder / ".cluster.json"
        unfinished.write_bytes(msgspec.json.encode(kept))
        unfinished.rename(self.folder / "cluster.json")

    def note(self, fault: str) -> None:
        """Record why the cluster ended."""
        (self.folder / "fault").write_text(fault, encoding="utf-8")

    def forget(self) -> None:
        """Remove the folder of a cluster that has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clear(self) -> None:
        for left in self.folder.iterdir():
            if left.name == "lock" or left == self.log:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold another lock for the length of the block: only one process at a time starts or ends this cluster."""
        make_folder(self.kept)
        with held(self.kept / f".{self.name}"):
            yield


def place_of(cache: Path, name: str) -> Place:
    """Return the folder of the kept cluster *name* below *cache*.

    Raises UsageError when *name* is not a valid cluster name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a cluster cannot be called {name!r}: letters, digits, dots and dashes, 63 at most")
    return Place(cache.absolute() / "kept", name)


def places(cache: Path) -> tuple[Place, ...]:
    """Return the folders of all kept clusters, including those that have ended."""
    kept = cache.absolute() / "kept"
    return tuple(Place(kept, folder.name) for folder in sorted(kept.glob("[!.]*")) if folder.is_dir())


def fingerprint(
    toolchain: Toolchain,
    stand_ins: Mapping[str, Sequence[str]],
    upstream: Upstream | None = None,
    archives: Mapping[str, Path] = NO_ARCHIVES,
) -> str:
    """Return a hash that differs between clusters with different tools or images."""
    files = {name: _identity(path) for name, path in sorted(toolchain.binaries.items())}
    images = upstream.description if upstream else {name: list(it) for name, it in sorted(stand_ins.items())}
    made_of = {"tools": files, "images": images, "archives": archive_identities(archives)}
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def _identity(binary: Path) -> list[str | int]:
    found = os.stat(binary)  # noqa: PTH116 - follows the link to its target
    return [str(binary.resolve()), found.st_size, found.st_mtime_ns]
