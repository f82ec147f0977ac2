"""``python -m tests.kind COMMAND...``: runs a command that finds Docker, kind and a node image, on any machine.

What the machine has is used.  What it does not have is there while the command runs, and gone afterwards, also when
Ctrl-C, SIGTERM or SIGHUP end it before its time.
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
    """Run *command* and return its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's jobs in the background would not hear it
    return call_in(lent_kind(cache_folder(os.environ), TerminalProgress(sys.stderr)), command)


@contextmanager
def lent_kind(cache: Path, progress: Progress) -> Iterator[Mapping[str, str]]:
    """Lend what ``--cluster kind`` needs; yield the environment in which it is found."""
    binary = provide(cache=cache, progress=progress, tools=["kind"], machine=Machine(TimeLimits())).path("kind")
    with lent_docker(cache, progress) as docker:
        image = provide_node_image(docker, cache, progress)
        yield {**docker.environment, "CANARYPROOF_KIND_BIN": str(binary), "CANARYPROOF_KIND_IMAGE": image}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
