"""The devcontainer meets the embedded cluster's requirements for containers."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".devcontainer"


def test_the_devcontainer_is_one_in_which_a_cluster_can_start() -> None:
    """The devcontainer has root, all capabilities, a usable cgroup root, and a cache outside of its image layers."""
    said = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))

    assert (FOLDER / said["build"]["dockerfile"]).is_file()
    assert said["privileged"] is True
    assert said["remoteUser"] == "root"
    assert (
        "--cgroupns=host" in said["runArgs"]
    )  # the root of a cgroup namespace holds processes, and therefore delegates no controllers
    assert [it["target"] for it in said["mounts"]] == ["/root/.cache"]
