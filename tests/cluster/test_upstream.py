"""The embedded cluster pulls upstream images from a mirror through the user's proxy."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.supervisor.image_registry import make_server
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.errors import CommandError
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import run
from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, expected, told

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
MIRROR = "http://mirror.invalid"
NAMES = ("reference", "mistyped-tag")


@contextmanager
def proxy_to_the_mirror(layout: Path, trouble: Mapping[str, HTTPStatus] | None = None) -> Iterator[str]:
    """Lend a proxy that knows only the mirror, and answers for it. *trouble* has the statuses for some images."""
    with make_server(("127.0.0.1", 0), layout) as server:
        usual = server.RequestHandlerClass

        class Troubled(BaseHTTPRequestHandler):
            """Answers requests for the images in *trouble*, and leaves others to the usual handler."""

            def __new__(cls, request: socket.socket, *others: object) -> Any:
                path = request.recv(4096, socket.MSG_PEEK).decode("latin-1").partition("\r\n")[0]
                status = next((it for image, it in (trouble or {}).items() if f"/{image}/manifests/" in path), None)
                if status is None:
                    return usual(request, *others)  # type: ignore[arg-type]
                lines = (f"HTTP/1.1 {status} {status.phrase}", "Content-Length: 0", "Connection: close", "", "")
                request.sendall("\r\n".join(lines).encode())
                return None

        server.RequestHandlerClass = Troubled
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def check(charts: Path, reports: Path, proxy: str, ends: str) -> Mapping[str, Told]:
    """Check the submissions in *charts* with images of the mirror, and return the results by name."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "-q",
        "--canaryproof-cluster=embedded",
        "--canaryproof-images=upstream",
        f"--canaryproof-image-mirror={MIRROR}",
        *(f"--canaryproof-submissions={chart}" for chart in sorted(charts.iterdir())),
        f"--canaryproof-report-dir={reports}",
    ]
    with pytest.raises(CommandError, match=ends):
        run(command, timeout=300, cwd=REPOSITORY, env={**os.environ, "http_proxy": proxy})
    return told(reports)


def test_images_are_pulled_as_the_machine_would_pull_them(toolchain: Toolchain, tmp_path: Path) -> None:
    """The cluster pulls an image of the mirror through the user's proxy. An unknown image is the student's mistake."""
    for name in NAMES:
        CORPUS[name].write(tmp_path / "class" / name)
    layout = provide_images(toolchain.path("agnhost"), load_scenario().stand_ins, tmp_path)

    with proxy_to_the_mirror(layout) as proxy:
        found = check(tmp_path / "class", tmp_path / "out", proxy, "exit code 1")

    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["images"] == "upstream"
    assert {name: each.verdict for name, each in found.items()} == {name: expected(CORPUS[name]) for name in NAMES}


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
def test_a_mirror_in_trouble_is_no_fault_of_the_submission(
    toolchain: Toolchain, tmp_path: Path, status: HTTPStatus
) -> None:
    """A mirror that does not serve the canary's image now gives no verdict. An unknown tag is still a mistake."""
    for name in NAMES:
        CORPUS[name].write(tmp_path / "class" / name)
    CORPUS["tag-says-too-many-requests"].write(tmp_path / "class" / "named-like-the-trouble")
    layout = provide_images(toolchain.path("agnhost"), load_scenario().stand_ins, tmp_path)

    with proxy_to_the_mirror(layout, {"uonyeka/canary": status}) as proxy:
        troubled = check(tmp_path / "class", tmp_path / "troubled", proxy, "exit code 8")
    with proxy_to_the_mirror(layout) as proxy:
        usual = check(tmp_path / "class", tmp_path / "usual", proxy, "exit code 1")

    assert {each.row["verdict"] for each in troubled.values()} == {"error"}
    assert str(int(status)) in troubled["reference"].row["reason"]
    assert [usual[name].row["outcome"] for name in ("mistyped-tag", "named-like-the-trouble")] == ["image-pull"] * 2
