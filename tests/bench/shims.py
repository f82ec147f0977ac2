"""Compares this project's containerd shim with the upstream one over the same class."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Toolchain
from canaryproof.system.progress import Progress
from tests.bench import classes
from tests.bench.figures import Figures

SIZE = 40
SHIM, UPSTREAM = "containerd-shim-runc-v2", "upstream-shim"


def side_by_side(
    toolchain: Toolchain, runs: int, figures: Figures, progress: Progress, options: tuple[str, ...]
) -> None:
    """Measure classes in turn, so that both shims run under the same conditions."""
    for number in range(runs):
        for name, shim in {"upstream's shim": UPSTREAM, "our shim": SHIM}.items():
            with (
                progress.step(f"{name}, {number + 1} of {runs}"),
                _tools_with(toolchain.path(shim), toolchain) as tools,
            ):
                classes.measure(SIZE, figures, (f"--canaryproof-toolchain={tools}", *options), name)


@contextmanager
def _tools_with(shim: Path, toolchain: Toolchain) -> Iterator[Path]:
    """Lend a folder with all tools of *toolchain*, and with *shim* in place of its shim."""
    with tempfile.TemporaryDirectory(prefix="canaryproof-bench-") as folder:
        for name in EMBEDDED:
            Path(folder, name).symlink_to(shim if name == SHIM else toolchain.path(name))
        yield Path(folder)
