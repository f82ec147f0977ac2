"""Provides the base image of the Dockerfile: Debian's own if it can be pulled, or else one made of its packages."""

from __future__ import annotations

import tempfile
from pathlib import Path

from canaryproof.cluster.kind.docker import Docker
from canaryproof.errors import CommandError
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.kind.node_image import import_image
from tests.kind.packages import unpacked_package
from tests.kind.rootfs import SUITE, install_debian

PULLED = f"debian:{SUITE}-slim"
MADE = f"canaryproof/debian:{SUITE}"


def provide_debian(docker: Docker, cache: Path, progress: Progress) -> str:
    """Return the name of an image with a minimal Debian in *docker*."""
    for name in (PULLED, MADE):
        if docker("image", "ls", "--quiet", name).strip():
            return name
    try:
        docker("pull", "--quiet", PULLED, timeout=TimeLimits().fetch)
    except CommandError:
        with progress.step("making an image of Debian"), tempfile.TemporaryDirectory(dir=cache) as folder:
            root = Path(folder, "root")
            install_debian(root, unpacked_package("debootstrap", cache, progress))
            import_image(root, MADE, docker)
        return MADE
    return PULLED
