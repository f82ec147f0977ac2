"""Sets the platform and the software bills of materials of the wheel, when hatchling builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StagedWheel(BuildHookInterface[Any]):
    """Reads the files that ``toolchain_wheel`` has written beside the project."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Set the tag of the wheel from ``tag.txt``, and add the files in ``sboms``."""
        del version
        root = Path(self.root)
        build_data["pure_python"] = False
        build_data["tag"] = (root / "tag.txt").read_text(encoding="ascii").strip()
        build_data["sbom_files"] = sorted(str(file.relative_to(root)) for file in (root / "sboms").iterdir())
