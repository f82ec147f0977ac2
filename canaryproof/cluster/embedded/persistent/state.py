"""What is known of a kept cluster: its folder, the lock that its holder holds for as long as it lives, its description.

The kernel takes the lock from a holder that ends, in whatever way; a folder whose lock nobody holds is that of a
cluster that has ended.
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
from canaryproof.cluster.image_sources import Upstream
from canaryproof.errors import UsageError
from canaryproof.system.locks import held, holder, is_taken, sign
from canaryproof.system.ownership import make_folder

DEFAULT_NAME = "canaryproof"
BINARIES = ("kubectl", "helm")
"""What a person needs to work in the cluster; those of its tools that the toolchain has."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Kept:
    """A cluster that is ready, as its holder describes it."""

    started: str
    """ISO 8601, with its offset."""
    made_of: str
    """The fingerprint of its tools and images."""
    kubernetes: str
    nodes: int
    cores: int
    images: str
    context: str
    ready_after: float


_KEPT = msgspec.json.Decoder(Kept)


@dataclass(frozen=True)
class Place:
    """The folder of the cluster *name*, there or not."""

    kept: Path
    """The folder of all kept clusters."""
    name: str

    @property
    def folder(self) -> Path:
        """Return the cluster's own folder."""
        return self.kept / self.name

    @property
    def kubeconfig(self) -> Path:
        """Return the path of its kubeconfig, which stays the same when the cluster is replaced."""
        return self.folder / "kubeconfig"

    @property
    def binaries(self) -> Path:
        """Return the folder of the commands for a person's PATH."""
        return self.folder / "bin"

    @property
    def log(self) -> Path:
        """Return where the holder writes what nobody expects."""
        return self.folder / "holder.log"

    def read(self) -> Kept | None:
        """Return the description of the cluster; None where there is none that this version can use."""
        try:
            return _KEPT.decode((self.folder / "cluster.json").read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    @property
    def is_held(self) -> bool:
        """Report whether its holder lives."""
        return is_taken(self.folder / "lock")

    @property
    def holder(self) -> int | None:
        """Return the process that holds the lock, where one does."""
        return holder(self.folder / "lock")

    @property
    def fault(self) -> str:
        """Return why the cluster ended; empty where its holder could not say."""
        with suppress(FileNotFoundError):
            return (self.folder / "fault").read_text(encoding="utf-8")
        return ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the cluster's folder for the length of the block; what a dead one left in it is removed first."""
        make_folder(self.folder)
        with held(self.folder / "lock") as lock:  # others that look hold it for moments only
            sign(lock)
            self._clear()
            yield

    def publish(self, kept: Kept, kubeconfig: Path, toolchain: Toolchain) -> None:
        """Let others find the cluster: the description comes last."""
        self.kubeconfig.symlink_to(kubeconfig)
        self.binaries.mkdir()
        for name in BINARIES:
            if name in toolchain.binaries:
                (self.binaries / name).symlink_to(toolchain.path(name))
        unfinished = self.folder / ".cluster.json"
        unfinished.write_bytes(msgspec.json.encode(kept))
        unfinished.rename(self.folder / "cluster.json")

    def note(self, fault: str) -> None:
        """Leave word of why the cluster ended."""
        (self.folder / "fault").write_text(fault, encoding="utf-8")

    def forget(self) -> None:
        """Remove all that is left of a cluster that has ended."""
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
        """Be the only one for the length of the block who looks for this cluster in order to start or end it."""
        make_folder(self.kept)
        with held(self.kept / f".{self.name}"):
            yield


def place_of(cache: Path, name: str) -> Place:
    """Return where the cluster *name* is kept below *cache*.

    Raises UsageError when a cluster cannot be called so.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a cluster cannot be called {name!r}: letters, digits, dots and dashes, 63 at most")
    return Place(cache.absolute() / "kept", name)


def places(cache: Path) -> tuple[Place, ...]:
    """Return the places of all clusters that are kept, or were and have ended since."""
    kept = cache.absolute() / "kept"
    return tuple(Place(kept, folder.name) for folder in sorted(kept.glob("[!.]*")) if folder.is_dir())


def fingerprint(toolchain: Toolchain, stand_ins: Mapping[str, Sequence[str]], upstream: Upstream | None = None) -> str:
    """Return what tells clusters of other tools or images apart."""
    files = {name: _identity(path) for name, path in sorted(toolchain.binaries.items())}
    images = upstream.description if upstream else {name: list(it) for name, it in sorted(stand_ins.items())}
    made_of = {"tools": files, "images": images}
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def _identity(binary: Path) -> list[str | int]:
    found = os.stat(binary)  # noqa: PTH116 - of what the link leads to
    return [str(binary.resolve()), found.st_size, found.st_mtime_ns]
