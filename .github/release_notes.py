"""Prints the section of CHANGELOG.md for a tag. ``release.yml`` runs this program.

Fails when the tag is not the version in pyproject.toml, or when the changelog has no section for it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes_of(version: str, changelog: str) -> str:
    """Return the text of the section ``## VERSION`` (a date can follow) of *changelog*.

    Raises ValueError when there is no such section or when it is empty.
    """
    found = re.search(rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no text below a heading '## {version}'; write it before you set the tag")
    return found[1].strip() + "\n"


def main(tag: str) -> None:
    """Print the notes."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag}, and the version in pyproject.toml is {version}; expected v{version}")
    try:
        sys.stdout.write(notes_of(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
