"""Calls pytest-kind's ``KindCluster``, which calls kind. Adds time limits, clear errors and cleanup.

pytest-kind runs a given binary without a time limit. So it gets a small script that starts :mod:`kind_wrapper`, which
runs kind as canaryproof runs every command.
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
"""The folder of pytest-kind, relative to the current folder. It has a folder for each cluster, with its kubeconfig."""


@dataclass(frozen=True)
class Kind:
    """One kind cluster, which need not exist yet."""

    cluster: KindCluster
    binary: Path
    time_limits: TimeLimits
    complaint: Path
    """The file with the error message of the latest failed call of kind."""

    @property
    def kubeconfig(self) -> Path:
        """Return the path of the kubeconfig that kind writes."""
        return Path(self.cluster.kubeconfig_path).absolute()

    def exists(self) -> bool:
        """Report whether kind has a cluster of this name."""
        return (
            self.cluster.name
            in run([str(self.binary), "get", "clusters"], timeout=self.time_limits.command).splitlines()
        )

    def create(self, configuration: Path) -> None:
        """Create the cluster from the file *configuration*.

        Raises ClusterError when kind fails.
        """
        self._call(lambda: self.cluster.create(config_file=configuration))

    def use(self) -> None:
        """Use the existing cluster, whatever the current folder is.

        pytest-kind looks for the kubeconfig in the current folder. If there is none, pytest-kind creates an empty one,
        on which it then fails. So kind writes the kubeconfig first.
        """
        path = str(self.kubeconfig)
        run(
            [str(self.binary), "export", "kubeconfig", "--name", self.cluster.name, "--kubeconfig", path],
            timeout=self.time_limits.command,
        )
        self._call(self.cluster.create)

    def delete(self) -> None:
        """Delete the cluster, in any state."""
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
    """Yield the kind cluster *name*, without creating it. *scratch* is an empty folder.

    Raises ClusterError when pytest-kind cannot create its folder.
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
        with suppress(OSError):  # not empty: they hold a kubeconfig in use, or pytest-kind's downloads
            (folder / name).rmdir()
            folder.rmdir()


def _caller(binary: Path, folder: Path, complaint: Path, time_limits: TimeLimits) -> Path:
    file = folder / "kind"
    # pytest-kind passes relative paths, so the script must stay in the current folder.
    command = module_command(
        kind_wrapper.__name__, str(complaint), f"{time_limits.kind:g}", f"{time_limits.grace:g}", str(binary)
    )
    file.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file
