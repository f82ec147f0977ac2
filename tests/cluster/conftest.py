"""What the cluster tests share: the toolchain, built where it is not there yet."""

from __future__ import annotations

import os

import pytest

from canaryproof.caching import cache_folder
from canaryproof.cluster.embedded.toolchain import Toolchain, provide
from canaryproof.progress import Silence


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The pinned binaries."""
    return provide(cache=cache_folder(os.environ), progress=Silence())
