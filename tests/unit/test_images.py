"""The stand-in images are valid OCI images, and the cluster's registry serves them."""

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

from canaryproof.cluster.embedded.supervisor import image_registry
from canaryproof.cluster.stand_ins import PAUSE, SANDBOX, provide_images

STAND_INS = {SANDBOX: PAUSE, "course/app:v3": ("netexec", "--http-port=5000")}


@pytest.fixture
def agnhost(tmp_path: Path) -> Path:
    """A binary."""
    file = tmp_path / "agnhost"
    file.write_bytes(b"\x7fELF, as far as a registry cares")
    return file


@pytest.fixture
def layout(agnhost: Path, tmp_path: Path) -> Path:
    """The layout of the images made from the binary."""
    return provide_images(agnhost, STAND_INS, tmp_path / "cache")


@pytest.fixture
def node(layout: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to the registry, as from a node's container runtime."""
    server = image_registry.make_server(("127.0.0.1", 0), layout)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    yield connection
    connection.close()
    _end(server, thread)


def test_every_blob_is_named_by_its_digest(layout: Path) -> None:
    """Every blob has the name of its digest, which a node verifies."""
    blobs = list((layout / "blobs" / "sha256").iterdir())

    assert blobs
    assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs)


@pytest.mark.parametrize(("query", "status"), [("?ns=somewhere.example", 404), ("?ns=docker.io", 200), ("", 200)])
def test_only_the_registry_of_an_image_has_it(node: http.client.HTTPConnection, query: str, status: int) -> None:
    """An image of another registry with the same path is missing: a node asks the mirror for all registries."""
    assert _get(node, f"/v2/course/app/manifests/v3{query}")[0] == status


def test_images_are_made_once(agnhost: Path, layout: Path, tmp_path: Path) -> None:
    """The same binary and stand-ins give the same folder, and other stand-ins give another."""
    cache = tmp_path / "cache"

    assert provide_images(agnhost, STAND_INS, cache) == layout
    assert provide_images(agnhost, {"course/app:v4": ("pause",)}, cache) != layout
    assert not list((cache / "images").glob(".unfinished-*"))


def test_a_node_pulls_an_image_by_tag_and_digest(node: http.client.HTTPConnection) -> None:
    """A node can fetch manifest, configuration and layer of an image by tag and digest."""
    manifest = json.loads(_get(node, "/v2/course/app/manifests/v3?ns=docker.io")[1])
    _, config = _get(node, f"/v2/course/app/blobs/{manifest['config']['digest']}")
    _, layer = _get(node, f"/v2/course/app/blobs/{manifest['layers'][0]['digest']}")

    assert json.loads(config)["config"]["Entrypoint"] == ["/agnhost", "netexec", "--http-port=5000"]
    assert len(layer) == manifest["layers"][0]["size"]


def test_the_sandbox_is_served_too(node: http.client.HTTPConnection) -> None:
    """The registry serves the sandbox image, which every pod needs first and whose program only waits."""
    repository, _, tag = SANDBOX.partition(":")

    status, manifest = _get(node, f"/v2/{repository}/manifests/{tag}")
    _, config = _get(node, f"/v2/{repository}/blobs/{json.loads(manifest)['config']['digest']}")

    assert status == 200
    assert json.loads(config)["config"]["Entrypoint"] == ["/agnhost", "pause"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/course/app/manifests/v33",
        "/v2/course/nothing/manifests/v3",
        "/v2/course/app/blobs/sha256:" + "0" * 64,
        "/elsewhere",
    ],
)
def test_what_is_not_there_is_not_found(node: http.client.HTTPConnection, path: str) -> None:
    """The registry answers 404 for a mistyped tag, so that the kubelet reports "not found"."""
    assert _is_not_found(node, path)


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
@pytest.mark.parametrize("repository", ["x", "course/app", "..", "%2e%2e"])
@pytest.mark.parametrize(
    "reference",
    [
        ":etc:hostname",
        ":..:..:index.json",
        "sha256:..",
        "sha256:..:..:index.json",
        "sha256:..:..:..:SECRET",
        "sha256%3A..%3A..%3Aindex.json",
        "sha256:%2e%2e%2f%2e%2e%2findex.json",
        "sha512:" + "0" * 128,
        "sha1:" + "0" * 40,
        "sha256:UNLISTED",
        "sha256:LINKED",
        "sha256:LISTED:..:UNLISTED",
        "SHA256:LISTED",
        "sha256:LISTED%00",
        "sha256:LISTED%0a",
        ":LISTED_FILE",
        ":SECRET_FILE",
    ],
)
def test_only_listed_digests_are_served(
    node: http.client.HTTPConnection, layout: Path, kind: str, repository: str, reference: str
) -> None:
    """The registry serves only listed digests, whatever the request's path is."""
    secret = layout.parent / "SECRET"
    secret.write_text("outside of the layout")
    blobs = layout / "blobs" / "sha256"
    (blobs / ("1" * 64)).write_text("in the layout, and not listed")
    (blobs / ("2" * 64)).symlink_to(secret)
    listed = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"].removeprefix("sha256:")
    places = {
        "UNLISTED": "1" * 64,
        "LINKED": "2" * 64,
        "LISTED_FILE": str(blobs / listed)[1:].replace("/", ":"),
        "SECRET_FILE": str(secret)[1:].replace("/", ":"),
        "LISTED": listed,
    }
    for name, text in places.items():
        reference = reference.replace(name, text)

    assert _is_not_found(node, f"/v2/{repository}/{kind}/{reference}")


def test_a_blob_replaced_by_a_link_is_not_served(
    node: http.client.HTTPConnection, layout: Path, tmp_path: Path
) -> None:
    """The registry does not serve a blob that was replaced by a link."""
    (tmp_path / "secret").write_text("outside of the layout")
    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    blob = layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
    blob.unlink()
    blob.symlink_to(tmp_path / "secret")

    assert _is_not_found(node, f"/v2/course/app/manifests/{digest}")


@pytest.mark.parametrize("digest", ["sha256:../../index.json", "../../../secret", "sha512:" + "0" * 128, "linked"])
def test_a_layout_that_leads_elsewhere_is_refused(layout: Path, digest: str) -> None:
    """The registry does not start with an index whose digests are paths or whose blobs are links."""
    index = json.loads((layout / "index.json").read_bytes())
    if digest == "linked":
        digest = "sha256:" + "3" * 64
        (layout / "blobs" / "sha256" / ("3" * 64)).symlink_to(layout / "index.json")
    index["manifests"][0]["digest"] = digest
    (layout / "index.json").write_text(json.dumps(index))

    with pytest.raises(ValueError, match=r"no SHA-256 digest|no regular file"):
        image_registry.make_server(("127.0.0.1", 0), layout)


def test_head_tells_digest_and_size_without_a_body(node: http.client.HTTPConnection) -> None:
    """The registry answers HEAD, with which a runtime resolves a tag, with digest and size but without a body."""
    node.request("HEAD", "/v2/course/app/manifests/v3")
    answer = node.getresponse()

    assert answer.read() == b""
    assert answer.headers["Docker-Content-Digest"].startswith("sha256:")
    assert int(answer.headers["Content-Length"]) > 0


def _is_not_found(node: http.client.HTTPConnection, path: str) -> bool:
    status, body = _get(node, path)
    return status == 404 and bool(json.loads(body)["errors"][0]["code"] == "MANIFEST_UNKNOWN")


def _get(node: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    node.request("GET", path)
    answer = node.getresponse()
    return answer.status, answer.read()


def _end(server: ThreadingHTTPServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
