"""Stores records of the kind clusters that canaryproof creates, and the folder that is mounted into each node."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from canaryproof.cluster.kind.config import DOCKER_HUB_SETTINGS
from canaryproof.errors import ClusterError, UsageError
from canaryproof.system.locks import holder, sign, take_if_free
from canaryproof.system.ownership import make_folder

_NAME = re.compile(r"[a-z0-9.-]+")
"""The pattern of valid cluster names in kind."""


class Made(msgspec.Struct, frozen=True):
    """The settings that a cluster was created with. A run with other images or another node image cannot use it."""

    images: str
    """``stand-in`` or ``upstream``. Pulled images stay in the node."""
    node_image: str
    """The node image. Empty for kind's default."""
    network: bool
    """Whether Docker's network for nodes was created for this cluster."""


_MADE = msgspec.json.Decoder(Made)


@dataclass(frozen=True)
class Record:
    """The folder with the record of one cluster name."""

    folder: Path

    @property
    def registries(self) -> Path:
        """Return the folder that is mounted into the node. A change in it takes effect with the next image pull."""
        return self.folder / "registries"

    def made(self) -> Made | None:
        """Return the settings that the cluster was created with, or None if canaryproof did not create it."""
        try:
            return _MADE.decode((self.folder / "made.json").read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def note(self, made: Made) -> None:
        """Store *made*."""
        make_folder(self.folder)
        (self.folder / "made.json").write_bytes(msgspec.json.encode(made))

    def send_to(self, registry: str, others: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write *registry*, the text of a ``hosts.toml``, for the node. Remove the file if *registry* is empty.

        *others* maps the names of further registries to the texts of their files. Files of earlier runs are removed.
        """
        texts = {DOCKER_HUB_SETTINGS.parent.name: registry}
        texts |= {name: text for name, text in others.items() if name not in texts}
        self.registries.mkdir(parents=True, exist_ok=True)
        for folder in self.registries.iterdir():
            if not texts.get(folder.name):
                shutil.rmtree(folder)
        for name, text in texts.items():
            if text:
                file = self.registries / name / DOCKER_HUB_SETTINGS.name
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def forget(self) -> None:
        """Remove the record, except for the lock."""
        shutil.rmtree(self.registries, ignore_errors=True)
        (self.folder / "made.json").unlink(missing_ok=True)


@contextmanager
def held_record(folder: Path, name: str) -> Iterator[Record]:
    """Yield the record of the cluster *name* below *folder*. Locks it for the length of the block.

    Raises UsageError when *name* is not a valid cluster name in kind, and ClusterError when another run uses the
    cluster.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"--cluster-name should be of small letters, digits, dots and hyphens, and is {name!r}")
    record = Record(folder / name)
    make_folder(record.folder)
    file = record.folder / "lock"
    with file.open("a+", encoding="ascii") as lock:
        if not take_if_free(lock):
            raise ClusterError(
                f"another run (process {holder(file)}) uses the kind cluster {name}; give this another --cluster-name"
            )
        sign(lock)
        yield record
