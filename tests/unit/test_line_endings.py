"""A clone on Windows keeps the line endings that a shell and Helm on WSL2 need."""

from __future__ import annotations

import shutil
from pathlib import Path

from canaryproof.system.process import run

REPOSITORY = Path(__file__).parents[2]
FILES = (".gitattributes", "toxw", "upcommerce/values.yaml", "docs/_static/report.png")


def test_a_clone_with_autocrlf_has_the_same_files(tmp_path: Path) -> None:
    """Git for Windows sets ``core.autocrlf``, which without ``.gitattributes`` writes CRLF into every text file."""
    original, clone = tmp_path / "original", tmp_path / "clone"
    for name in FILES:
        (original / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, original / name)
    me = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    run(["git", "init", "--quiet", str(original)], timeout=60)
    run(["git", "-C", str(original), "add", "."], timeout=60)
    run(["git", "-C", str(original), *me, "commit", "--quiet", "--message=a"], timeout=60)
    run(["git", "clone", "--quiet", "--config", "core.autocrlf=true", str(original), str(clone)], timeout=60)

    assert {name: (clone / name).read_bytes() == (REPOSITORY / name).read_bytes() for name in FILES} == dict.fromkeys(
        FILES, True
    )
