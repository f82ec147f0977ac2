"""Calls pytest-kind's ``KindCluster``, which calls kind: with time limits, errors that say why, and nothing left.

pytest-kind runs the binary that it is given and knows no time limit, so it is given a small one of ours, `calling`,
which runs kind as every command of the harness is run.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_kind import KindCluster  # type: ignore[import-untyped]  # it has no types

from canaryproof.cluster.kind import kind_wrapper
from canaryproof.errors import ClusterError
from canaryproof.system.interpreter import module_command
from canaryproof.system.process import ProcessError, run
from canaryproof.timeouts import TimeLimits

FOLDER = Path(".pytest-kind")
"""pytest-kind's own, in the current folder: a cluster's kubeconfig is in a folder of its name there."""


@dataclass(frozen=True)
class Kind:
    """One cluster of kind, there or not yet."""

    cluster: KindCluster
    binary: Path
    time_limits: TimeLimits
    complaint: Path
    """What the latest call that failed had to say."""

    @property
    def kubeconfig(self) -> Path:
        """Return the kubeconfig that kind writes."""
        return Path(self.cluster.kubeconfig_path).absolute()

    def exists(self) -> bool:
        """Report whether kind has a cluster of this name."""
        return (
            self.cluster.name
            in run([str(self.binary), "get", "clusters"], timeout=self.time_limits.command).splitlines()
        )

    def create(self, configuration: Path) -> None:
        """Create the cluster."""
        self._call(lambda: self.cluster.create(config_file=configuration))

    def use(self) -> None:
        """Use the cluster that is there, from whatever folder.

        pytest-kind looks for the kubeconfig in the current folder, makes an empty one where there is none, and then
        fails on what it has made: kind is asked to write it first.
        """
        path = str(self.kubeconfig)
        run(
            [str(self.binary), "export", "kubeconfig", "--name", self.cluster.name, "--kubeconfig", path],
            timeout=self.time_limits.command,
        )
        self._call(self.cluster.create)

    def delete(self) -> None:
        """Delete the cluster, whatever state it is in."""
        self._call(self.cluster.delete)

    def _call(self, what: Callable[[], None]) -> None:
        try:
            what()
        except ProcessError as error:
            said = self.complaint.read_text(encoding="utf-8") if self.complaint.exists() else str(error)
            raise ClusterError(f"kind failed:\n{said}{_hint(said)}") from error


def _hint(said: str) -> str:
    if "unable to apply caps" in said:
        return (
            "\nThis machine lacks CAP_SYS_RESOURCE, which Docker wants for --privileged: use --cluster embedded, or"
            " give dockerd a runtime that leaves it out, as tests/kind/runtime.py does"
        )
    return ""


@contextmanager
def kind_of(
    name: str,
    binary: Path,
    scratch: Path,
    *,
    kubeconfig: Path | None,
    image: str | None,
    kubectl: Path | None,
    time_limits: TimeLimits,
) -> Iterator[Kind]:
    """Lend the cluster *name* of kind, not created yet; *scratch* is an empty folder.

    Raises ClusterError when pytest-kind cannot make its folder.
    """
    folder = FOLDER.absolute()
    complaint = scratch / "complaint"
    try:
        cluster = KindCluster(
            name,
            kubeconfig,
            image=image,
            kind_path=_caller(binary, scratch, complaint, time_limits),
            kubectl_path=kubectl,
        )
    except OSError as error:
        raise ClusterError(f"pytest-kind cannot make {folder / name}: {error.strerror}") from error
    try:
        yield Kind(cluster, binary, time_limits, complaint)
    finally:
        with suppress(OSError):  # they hold something: a kubeconfig that is of use, what pytest-kind fetched
            (folder / name).rmdir()
            folder.rmdir()


def _caller(binary: Path, folder: Path, complaint: Path, time_limits: TimeLimits) -> Path:
    file = folder / "kind"
    # pytest-kind names files relative to the current folder, so the command stays in it.
    command = module_command(
        kind_wrapper.__name__, str(complaint), f"{time_limits.kind:g}", f"{time_limits.grace:g}", str(binary)
    )
    file.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file
