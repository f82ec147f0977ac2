"""The image and the devcontainer meet the embedded cluster's requirements for containers."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".devcontainer"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_devcontainer_is_one_in_which_a_cluster_can_start() -> None:
    """The devcontainer has root, all capabilities, a usable cgroup root, and a cache outside of its image layers."""
    said = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))

    assert (FOLDER / said["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (FOLDER / said["build"]["context"]).resolve() == ROOT
    assert all(f"ARG {name}=" in DOCKERFILE for name in said["build"]["args"])
    assert said["privileged"] is True
    assert said["remoteUser"] == "root"
    assert (
        "--cgroupns=host" in said["runArgs"]
    )  # the root of a cgroup namespace holds processes, and therefore delegates no controllers
    assert [it["target"] for it in said["mounts"]] == ["/root/.cache"]


def test_the_image_gets_every_file_that_it_copies() -> None:
    """The build context has the files that the Dockerfile copies, and nothing else."""
    (copied,) = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()

    assert copied.split() == ["constraints.txt", "dist*"]
    assert ignored == ["*", "!constraints.txt", "!dist/*.whl"]


def test_the_image_keeps_the_cache_outside_of_its_layers() -> None:
    """The cache is a volume, because containerd cannot stack overlay file systems."""
    assert "VOLUME /root/.cache\n" in DOCKERFILE
    assert 'ENTRYPOINT ["canaryproof"]\n' in DOCKERFILE


def test_the_python_of_the_image_is_new_enough() -> None:
    """Debian 12, from which the image is made, has the oldest Python that canaryproof supports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "ARG BASE=debian:bookworm-slim\n" in DOCKERFILE
    assert project["requires-python"] == ">=3.11"
