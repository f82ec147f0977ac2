"""Installs what tox asks for: everything by its hash, except this package itself, which tox has just built."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HASHED = Path(__file__).with_name("hashed.txt")
"""The hashes of all versions in ``constraints.txt``; ``./toxw run -e hashes`` renews them."""


def command(arguments: Sequence[str]) -> list[str]:
    """Return the call of pip for *arguments*, which are options and requirements."""
    built_here = any(Path(each).is_file() and each.endswith((".whl", ".tar.gz")) for each in arguments)
    mode = ["--no-deps", "--no-index"] if built_here else ["--require-hashes", "--constraint", str(HASHED)]
    return [sys.executable, "-I", "-m", "pip", "install", *mode, *arguments]


if __name__ == "__main__":
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    sys.exit(subprocess.run(command(sys.argv[1:]), env=environment, check=False).returncode)
