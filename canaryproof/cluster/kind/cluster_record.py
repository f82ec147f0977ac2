"""What this harness remembers of a kind cluster that it made, beside what is mounted into its node."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from canaryproof.cluster.kind.config import COURSE_IMAGES
from canaryproof.errors import ClusterError, UsageError
from canaryproof.system.locks import holder, sign, take_if_free
from canaryproof.system.ownership import make_folder

_NAME = re.compile(r"[a-z0-9.-]+")
"""As kind has it."""


class Made(msgspec.Struct, frozen=True):
    """How a cluster was made: one that is asked for otherwise is another one."""

    images: str
    """``stand-in`` or ``upstream``: what was pulled stays in the node."""
    node_image: str
    """Empty for kind's own choice."""
    network: bool
    """Whether Docker's network came with it."""


_MADE = msgspec.json.Decoder(Made)


@dataclass(frozen=True)
class Record:
    """The folder that goes with a cluster of one name."""

    folder: Path

    @property
    def registries(self) -> Path:
        """Return the folder that is mounted into the node; what is written there holds from the next pull on."""
        return self.folder / "registries"

    def made(self) -> Made | None:
        """Return how the cluster was made; None where it was not by this harness."""
        try:
            return _MADE.decode((self.folder / "made.json").read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def note(self, made: Made) -> None:
        """Remember *made*."""
        make_folder(self.folder)
        (self.folder / "made.json").write_bytes(msgspec.json.encode(made))

    def send_to(self, registry: str) -> None:
        """Write where the node pulls from; nothing where *registry*, a ``hosts.toml``, is empty."""
        file = self.registries / COURSE_IMAGES
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(registry, encoding="utf-8") if registry else file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove all of it but the lock."""
        shutil.rmtree(self.registries, ignore_errors=True)
        (self.folder / "made.json").unlink(missing_ok=True)


@contextmanager
def held_record(folder: Path, name: str) -> Iterator[Record]:
    """Lend the record of the cluster *name* below *folder*; no other run has it meanwhile.

    Raises UsageError when kind takes no such name, ClusterError when another run uses that cluster.
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
