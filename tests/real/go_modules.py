"""Fetches published software from Go's module proxy, at exact versions: charts, and an application with its source.

The zip of a Go module contains all files of its repository, charts included. Go checks its checksum.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.golang import find_go
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits

MODULES = {
    "podinfo": "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e",
    "emissary": "github.com/emissary-ingress/emissary/v3@v3.9.1",
    "flagger": "github.com/fluxcd/flagger@v1.36.1",
    "grafana": "github.com/grafana/helm-charts@v0.0.0-20260820194520-7a0ab968961a",
    "prometheus": "github.com/prometheus-community/helm-charts@v0.0.0-20260828105119-ed5d7d9b5933",
    "bitnami": "github.com/bitnami/charts@v0.0.0-20260907150927-c0703daaf78e",
    "vault": "github.com/hashicorp/vault-helm@v0.34.1",
}
GO_VERSION = "1.25"
PODINFO_PROGRAMS = ("podinfo", "podcli")


class Modules:
    """The Go that fetches and builds modules, with the caches that the environment names, else those of the user."""

    def __init__(self, go: Path) -> None:
        self._go = go
        self._env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}

    def folder(self, name: str) -> Path:
        """Return the folder of a module, which is downloaded if it is missing. It is read-only."""
        told = self._run("mod", "download", "-json", MODULES[name], cwd=Path("/"))
        return Path(json.loads(told)["Dir"])

    def podinfo(self, cache: Path) -> Path:
        """Return the folder with podinfo's programs, which are built if they are missing from *cache*."""
        place = cache / "real" / MODULES["podinfo"].rpartition("@")[2]
        if not all((place / each).is_file() for each in PODINFO_PROGRAMS):
            place.mkdir(parents=True, exist_ok=True)
            packages = [f"./cmd/{each}" for each in PODINFO_PROGRAMS]
            flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
            self._run("build", *flags, "-o", str(place), *packages, cwd=self.folder("podinfo"))
        return place

    def _run(self, *arguments: str, cwd: Path) -> str:
        return run([str(self._go), *arguments], timeout=TimeLimits().toolchain, env=self._env, cwd=cwd)


@contextmanager
def go_modules(cache: Path, progress: Progress) -> Iterator[Modules]:
    """Yield the modules, while no other run builds tools."""
    machine, folder = Machine(TimeLimits()), cache / "toolchain"
    within = machine.time_limits.toolchain
    with locked(folder / "lock", progress, within=within), work_folder(folder) as work:
        yield Modules(find_go(GO_VERSION, folder, work, progress=progress, machine=machine))
