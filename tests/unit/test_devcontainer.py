"""The devcontainer has what the embedded cluster asks of a container."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".devcontainer"


def test_the_devcontainer_is_one_in_which_a_cluster_can_start() -> None:
    """Root, all capabilities, a cgroup hierarchy whose root it may use, and a cache that is no layer of its image."""
    said = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))

    assert (FOLDER / said["build"]["dockerfile"]).is_file()
    assert said["privileged"] is True
    assert said["remoteUser"] == "root"
    assert (
        "--cgroupns=host" in said["runArgs"]
    )  # the root of a cgroup namespace holds processes, so it hands on nothing
    assert [it["target"] for it in said["mounts"]] == ["/root/.cache"]
