"""Finds the wheel ``canaryproof-toolchain``, which contains the built programs, and compares its pins with ours.

The wheel is a folder with the programs in ``bin`` and their description in ``identity.json``. The description has the
:attr:`~canaryproof.cluster.embedded.toolchain.recipes.Tool.key` of each program, which also decides whether the cache
has that program.

Only the folders of installed packages are searched. The current folder and ``PYTHONPATH`` are not: they may hold files
of a submission.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import msgspec

from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.recipes import EMBEDDED, RUNC, Tool, tool_of

DISTRIBUTION = "canaryproof-toolchain"
PACKAGE = "canaryproof_toolchain"
IDENTITY = "identity.json"
PROGRAMS = "bin"


class Program(msgspec.Struct, frozen=True):
    """A program in the wheel."""

    file: str
    """The name of its file. Programs that share a file are selected by the name under which it is started."""
    key: str
    """The key of its tool: a hash of everything that determines the result of the build."""
    release: str
    """The tool and its version, such as ``kubernetes 1.37.2``."""


class Identity(msgspec.Struct, frozen=True):
    """The description of a wheel."""

    version: str
    """The version of the wheel, which is that of the canaryproof that made it."""
    machine: str
    """The machine on which the programs run, as in ``uname -m``."""
    programs: dict[str, Program]


_DECODER = msgspec.json.Decoder(Identity)


@dataclass(frozen=True)
class InstalledWheel:
    """An installed wheel; or none, if *folder* is None."""

    folder: Path | None = None
    version: str = ""
    programs: Mapping[str, Program] = field(default_factory=dict)
    fault: str = ""
    """The reason why canaryproof does not use an installed wheel. Empty if it uses the wheel, or finds no wheel."""
    remedy: str = ""

    @property
    def is_used(self) -> bool:
        """Report whether a wheel is installed and has no fault."""
        return self.folder is not None and not self.fault

    def path(self, name: str, tool: Tool) -> Path | None:
        """Return the path of the program *name* of *tool*, or None if the wheel does not provide it."""
        program = self.programs.get(name)
        if self.folder is None or self.fault or not program or program.key != tool.key:
            return None
        return _file(self.folder, program)


def find_wheel(machine: Machine) -> InstalledWheel:
    """Return the wheel in the first of the folders of *machine* that has one. Prefers a wheel without a fault."""
    found = [_read(folder / PACKAGE) for folder in machine.packages if (folder / PACKAGE / IDENTITY).is_file()]
    return next((it for it in found if it.is_used), found[0] if found else InstalledWheel())


def release_of(tool: Tool) -> str:
    """Return the tool and its version, such as ``kubernetes 1.37.2``."""
    return f"{tool.name} {tool.version}"


def _read(folder: Path) -> InstalledWheel:
    try:
        identity = _DECODER.decode((folder / IDENTITY).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        return InstalledWheel(folder, fault=f"{folder / IDENTITY} cannot be read: {error}", remedy=_remedy(""))
    fault = _fault(identity, folder)
    remedy = _remedy(identity.version) if fault else ""
    return InstalledWheel(folder, identity.version, identity.programs, fault, remedy)


def _fault(identity: Identity, folder: Path) -> str:
    if identity.machine != os.uname().machine:
        return f"its programs are for {identity.machine}, and this machine is {os.uname().machine}"
    for name in EMBEDDED:
        if name == RUNC:
            continue
        tool, program = tool_of(name), identity.programs.get(name)
        wanted = f"{release_of(tool)} with the pins {tool.key}"
        if not program:
            return f"it has no {name}; needed is {wanted}"
        if program.key != tool.key:
            return f"its {name} is {program.release} with the pins {program.key}; needed is {wanted}"
        if not os.access(_file(folder, program), os.X_OK):
            return f"{_file(folder, program)} is not an executable file"
    return ""


def _file(folder: Path, program: Program) -> Path:
    return folder / PROGRAMS / Path(program.file).name


def _remedy(found: str) -> str:
    own = version("canaryproof")
    if found == own:
        return "install it again; in a clone of the repository, make it with ./toxw run -e wheel"
    return f"pip install {DISTRIBUTION}=={own}"
