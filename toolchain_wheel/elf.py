"""Reads from the header of a program for which machine it is, and whether it needs a dynamic linker."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

# elf.h; the layout is that of Elf64_Ehdr and Elf64_Phdr, little-endian
_MAGIC = b"\x7fELF\x02\x01"
_MACHINES = {62: "x86_64", 183: "aarch64"}
_INTERPRETER = 3  # PT_INTERP


@dataclass(frozen=True)
class Header:
    """The properties of a program that decide where it runs."""

    machine: str
    """As in ``uname -m``. Empty if unknown."""
    is_static: bool
    """Whether the program starts without a dynamic linker, and so without any library."""


def read_header(file: Path) -> Header:
    """Return the header of *file*. Raises ValueError when it is no 64-bit little-endian ELF file."""
    with file.open("rb") as program:
        start = program.read(64)
        if not start.startswith(_MAGIC):
            raise ValueError(f"{file} is no 64-bit little-endian ELF file")
        (machine,) = struct.unpack_from("<H", start, 18)
        (offset,) = struct.unpack_from("<Q", start, 32)
        size, count = struct.unpack_from("<HH", start, 54)
        program.seek(offset)
        table = program.read(size * count)
    kinds = [struct.unpack_from("<I", table, size * number)[0] for number in range(count)]
    return Header(_MACHINES.get(machine, ""), _INTERPRETER not in kinds)
