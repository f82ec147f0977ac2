"""Builds binaries from their pinned modules: nothing but ``go build``, each binary there as a whole or not at all."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.disk_space import require_space
from canaryproof.cluster.embedded.toolchain.golang import find_go, version_tuple
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.recipes import Tool
from canaryproof.errors import CommandError, ToolchainError
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import stream
from canaryproof.system.progress import Progress, Say
from canaryproof.timeouts import TimeLimits

_LAST_LINES = 20
_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOWORK": "off",
    "GO111MODULE": "on",
}
"""All that decides what is built; where Go downloads from and where it keeps its caches stays the user's choice.

With ``-mod=readonly`` Go takes no module whose hash ``go.sum`` has not, whatever proxy and checksum database it asks.
"""
_NOT_FOR_THIS_BUILD = (
    "GOOS",
    "GOARCH",
    "GOROOT",
    "GOEXPERIMENT",
    "GOSUMDB",
    "GONOSUMDB",
    "GONOSUMCHECK",
    "GOPRIVATE",
    "GOINSECURE",
    "GOVCS",
    "GOENV",
)
"""Variables of the user's that are meant for other machines, or loosen what is checked; ``GOENV`` leads to more."""


def binary_path(folder: Path, tool: Tool, binary: str) -> Path:
    """Return where *binary* of *tool* is below *folder*, built or not yet."""
    return folder / f"{tool.name}-{tool.key}" / binary


def build(binaries: Mapping[str, Tool], folder: Path, work: Path, *, progress: Progress, machine: Machine) -> None:
    """Build *binaries* into *folder*; one that is there is whole, also when the build of the next one is interrupted.

    Each comes with the tool that it is one of.  *work* is a folder on the same disk.  The caller holds the lock of
    *folder*.

    Raises ToolchainError when there is no Go, when there is no space, and when one does not build.
    """
    needed = max((it.go_version for it in binaries.values()), key=version_tuple)
    go = find_go(needed, folder, work, progress=progress, machine=machine)
    env = _environment(machine.env, work)
    require_space(_from_nothing(binaries.values(), folder), go=go, env=env, folder=folder, machine=machine)
    with progress.step("building the tools") as say:
        for number, (binary, tool) in enumerate(binaries.items(), start=1):
            report = _Report(f"{binary} ({number} of {len(binaries)})", say)
            _build(binary, tool, work, go=go, env=env, report=report, durations=machine.durations)
            _put(work / binary, binary_path(folder, tool, binary))


class _Report:
    """Reads what ``go build -v`` prints: a line for each package that it compiles, and complaints."""

    def __init__(self, what: str, say: Say) -> None:
        self._what = what
        self._say = say
        self._compiled = 0
        self._downloaded = 0
        self.complaints: list[str] = []
        say(what)

    def line(self, text: str) -> None:
        if text.startswith("go: downloading "):
            self._downloaded += 1
        elif text and not text.startswith("#") and len(text.split()) == 1:
            self._compiled += 1
        else:
            self.complaints.append(text)
        compiled, downloaded = _count(self._compiled, "package"), _count(self._downloaded, "module")
        self._say(f"{self._what} · " + (f"{compiled} compiled" if self._compiled else f"{downloaded} downloaded"))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _build(
    binary: str,
    tool: Tool,
    work: Path,
    *,
    go: Path,
    env: Mapping[str, str],
    report: _Report,
    durations: TimeLimits,
) -> None:
    argv = [str(go), "build", "-v", "-trimpath", "-ldflags", tool.linker_flags]
    argv += ["-tags", ",".join(tool.tags)] if tool.tags else []
    argv += ["-o", str(work / binary), tool.packages[binary]]
    try:
        stream(argv, timeout=durations.build, on_line=report.line, env=env, cwd=tool.pins, grace=durations.grace)
    except CommandError as error:
        said = "\n".join(f"  {it}" for it in report.complaints[-_LAST_LINES:]) or "  (nothing)"
        raise ToolchainError(
            f"{binary} does not build: go build, {error.outcome}. It said:\n{said}"
            f"\nIf these lines speak of a network or of a disk, that is what to repair: the next run goes on from here."
            f"\nTo repeat it by hand:\n  {_by_hand(argv, tool, work / binary)}"
        ) from error


def _by_hand(argv: Sequence[str], tool: Tool, output: Path) -> str:
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in _SETTINGS.items())
    command = shlex.join("/dev/null" if it == str(output) else it for it in argv)
    return f"cd {shlex.quote(str(tool.pins))} && {settings} {command}"


def _environment(env: Mapping[str, str], work: Path) -> dict[str, str]:
    """Return Go's environment: its large temporary files go beside the result, as ``/tmp`` often is in memory."""
    kept = {name: value for name, value in env.items() if name not in _NOT_FOR_THIS_BUILD}
    return {"HOME": str(work.parent), "GOTMPDIR": str(work), **kept, **_SETTINGS}


def _from_nothing(tools: Iterable[Tool], folder: Path) -> list[Tool]:
    """Return those of *tools* of which nothing is built yet; for the others Go's caches hold most of it."""
    unique = {tool.key: tool for tool in tools}.values()
    return [it for it in unique if not any(binary_path(folder, it, name).exists() for name in it.packages)]


def _put(built: Path, place: Path) -> None:
    """Move a finished binary to its place, on the disk before under its name: a name never means half a file."""
    with built.open("rb") as file:
        os.fsync(file.fileno())
    make_folder(place.parent)
    built.chmod(0o755)
    built.replace(place)
