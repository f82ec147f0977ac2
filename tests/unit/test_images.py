"""Stand-in images are proper OCI images, and the cluster's registry serves them."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.images import SANDBOX, provide_images
from canaryproof.cluster.embedded.inside import registry

STAND_INS = {"course/app:v3": ("netexec", "--http-port=5000")}


@pytest.fixture
def agnhost(tmp_path: Path) -> Path:
    """A binary."""
    file = tmp_path / "agnhost"
    file.write_bytes(b"\x7fELF, as far as a registry cares")
    return file


@pytest.fixture
def sleep(tmp_path: Path) -> Path:
    """Another one."""
    file = tmp_path / "sleep"
    file.write_bytes(b"\x7fELF, and small")
    return file


@pytest.fixture
def layout(agnhost: Path, sleep: Path, tmp_path: Path) -> Path:
    """The images made of them."""
    return provide_images(agnhost, sleep, STAND_INS, tmp_path / "cache")


@pytest.fixture
def node(layout: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to the registry, as a node's container runtime makes it."""
    server = registry.make_server(("127.0.0.1", 0), layout)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    yield connection
    connection.close()
    _end(server, thread)


def test_every_blob_is_named_by_its_digest(layout: Path) -> None:
    """The layout is content-addressed: a node verifies each digest and would refuse anything else."""
    blobs = list((layout / "blobs" / "sha256").iterdir())

    assert blobs
    assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs)


def test_images_are_made_once(agnhost: Path, sleep: Path, layout: Path, tmp_path: Path) -> None:
    """The same binary and stand-ins give the same folder; other stand-ins give another one."""
    cache = tmp_path / "cache"

    assert provide_images(agnhost, sleep, STAND_INS, cache) == layout
    assert provide_images(agnhost, sleep, {"course/app:v4": ("pause",)}, cache) != layout
    assert not list((cache / "images").glob(".unfinished-*"))


def test_a_node_pulls_an_image_by_tag_and_digest(node: http.client.HTTPConnection) -> None:
    """Manifest, configuration and layer can be fetched one after the other, as a pull does."""
    manifest = json.loads(_get(node, "/v2/course/app/manifests/v3?ns=somewhere")[1])
    _, config = _get(node, f"/v2/course/app/blobs/{manifest['config']['digest']}")
    _, layer = _get(node, f"/v2/course/app/blobs/{manifest['layers'][0]['digest']}")

    assert json.loads(config)["config"]["Entrypoint"] == ["/agnhost", "netexec", "--http-port=5000"]
    assert len(layer) == manifest["layers"][0]["size"]


def test_the_sandbox_is_served_too(node: http.client.HTTPConnection) -> None:
    """A pod needs the image that holds its namespaces before any other; it holds nothing but a program that sleeps."""
    repository, _, tag = SANDBOX.partition(":")

    status, manifest = _get(node, f"/v2/{repository}/manifests/{tag}")
    _, config = _get(node, f"/v2/{repository}/blobs/{json.loads(manifest)['config']['digest']}")

    assert status == 200
    assert json.loads(config)["config"]["Entrypoint"] == ["/sleep", "87600h"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/course/app/manifests/v33",
        "/v2/course/nothing/manifests/v3",
        "/v2/course/app/blobs/sha256:..",
        "/v2/course/app/blobs/sha256:" + "0" * 64,
        "/elsewhere",
    ],
)
def test_what_is_not_there_is_not_found(node: http.client.HTTPConnection, path: str) -> None:
    """A mistyped tag gives the answer that makes kubelet say "not found", and nothing outside the layout is served."""
    status, body = _get(node, path)

    assert status == 404
    assert json.loads(body)["errors"][0]["code"] == "MANIFEST_UNKNOWN"


def test_head_tells_digest_and_size_without_a_body(node: http.client.HTTPConnection) -> None:
    """A container runtime resolves a tag with HEAD."""
    node.request("HEAD", "/v2/course/app/manifests/v3")
    answer = node.getresponse()

    assert answer.read() == b""
    assert answer.headers["Docker-Content-Digest"].startswith("sha256:")
    assert int(answer.headers["Content-Length"]) > 0


def _get(node: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    node.request("GET", path)
    answer = node.getresponse()
    return answer.status, answer.read()


def _end(server: ThreadingHTTPServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
