"""The embedded cluster pulls upstream images from a mirror through the user's proxy."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.supervisor.image_registry import make_server
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.errors import CommandError
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import run
from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import expected, told

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
MIRROR = "http://mirror.invalid"
NAMES = ("reference", "mistyped-tag")


@contextmanager
def proxy_to_the_mirror(layout: Path) -> Iterator[str]:
    """Lend a proxy that knows only the mirror, and answers for it."""
    with make_server(("127.0.0.1", 0), layout) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_images_are_pulled_as_the_machine_would_pull_them(toolchain: Toolchain, tmp_path: Path) -> None:
    """The cluster pulls an image of the mirror through the user's proxy. An unknown image is the student's mistake."""
    for name in NAMES:
        CORPUS[name].write(tmp_path / "class" / name)
    layout = provide_images(toolchain.path("agnhost"), load_scenario().stand_ins, tmp_path)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "-q",
        "--canaryproof-cluster=embedded",
        "--canaryproof-images=upstream",
    ]
    command += [
        f"--canaryproof-image-mirror={MIRROR}",
        f"--canaryproof-submissions={tmp_path / 'class'}",
        f"--canaryproof-report-dir={tmp_path / 'out'}",
    ]

    with proxy_to_the_mirror(layout) as proxy:
        environment = {**os.environ, "http_proxy": proxy}
        with pytest.raises(CommandError, match="exit code 1"):
            run(command, timeout=300, cwd=REPOSITORY, env=environment)

    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["images"] == "upstream"
    assert {name: each.verdict for name, each in told(tmp_path / "out").items()} == {
        name: expected(CORPUS[name]) for name in NAMES
    }
