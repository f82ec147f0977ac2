"""``python -m tests.kind COMMAND...``: runs a command with Docker, kind and a node image, on any machine.

The command uses what the machine has. The rest exists while the command runs, and is removed afterwards, also after
Ctrl-C, SIGTERM or SIGHUP.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress, TerminalProgress
from canaryproof.timeouts import TimeLimits
from tests.kind.calling import call_in
from tests.kind.docker import lent_docker
from tests.kind.node_image import provide_node_image


def main(command: Sequence[str]) -> int:
    """Run *command*, and return its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    return call_in(lent_kind(cache_folder(os.environ), TerminalProgress(sys.stderr)), command)


@contextmanager
def lent_kind(cache: Path, progress: Progress) -> Iterator[Mapping[str, str]]:
    """Lend what ``--cluster kind`` needs, and yield the environment that refers to it."""
    binary = provide(cache=cache, progress=progress, tools=["kind"], machine=Machine(TimeLimits())).path("kind")
    with lent_docker(cache, progress) as docker:
        image = provide_node_image(docker, cache, progress)
        yield {**docker.environment, "CANARYPROOF_KIND_BIN": str(binary), "CANARYPROOF_KIND_IMAGE": image}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
