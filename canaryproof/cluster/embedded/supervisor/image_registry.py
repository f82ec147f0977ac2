"""Serves the images of an OCI image layout through a read-only registry, for images that no other registry has.

Endpoints and status codes follow the OCI distribution specification, sections "Pulling manifests" and "Pulling blobs".
The folder follows the OCI image specification. Its references are in ``org.opencontainers.image.ref.name``, with their
registries: ``docker.io/library/shop:1``. A node names the registry of an image in the query parameter ``ns`` of each
request to a mirror (containerd, ``core/remotes/docker/resolver.go``).

A client can only choose among the digests that the layout lists. No part of a request becomes part of a path.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REF_NAME = "org.opencontainers.image.ref.name"
_BLOB = "application/octet-stream"
_DEFAULT_REGISTRY = "docker.io"
"""The registry of requests that name none."""


@dataclass(frozen=True)
class _Content:
    """A manifest, configuration or layer that the layout lists."""

    file: Path
    digest: str
    media_type: str = _BLOB


@dataclass(frozen=True)
class _Catalogue:
    """The content that the registry serves, by the names that clients request."""

    tagged: Mapping[str, _Content]
    """Manifests by ``registry/repository:tag``."""
    manifests: Mapping[str, _Content]
    """Manifests by digest."""
    blobs: Mapping[str, _Content]
    """Manifests, configurations and layers by digest."""

    def find(self, kind: str, repository: str, reference: str) -> _Content | None:
        """Return the content for a request, or None if the layout does not list it.

        *kind* is ``manifests`` or ``blobs``.
        """
        if kind == "blobs":
            return self.blobs.get(reference)
        return self.manifests.get(reference) or self.tagged.get(f"{repository}:{reference}")


def serve(address: tuple[str, int], layout: Path) -> None:
    """Serve the images in *layout* at *address* until the process ends."""
    make_server(address, layout).serve_forever()


def make_server(address: tuple[str, int], layout: Path) -> ThreadingHTTPServer:
    """Return a server for the images in *layout* that listens at *address*.

    Raises ValueError when the layout identifies content by anything but a SHA-256 digest, or when the file of a digest
    is not a regular file of the layout.
    """
    return ThreadingHTTPServer(address, partial(_Handler, _read(layout)))


def _read(layout: Path) -> _Catalogue:
    """Collect the manifests in the index, and the configuration and layers of each."""
    root = layout.resolve()
    tagged, manifests, blobs = {}, {}, {}
    for entry in json.loads((root / "index.json").read_bytes())["manifests"]:
        manifest = _content(root, entry["digest"], entry["mediaType"])
        tagged[entry["annotations"][_REF_NAME]] = manifests[manifest.digest] = manifest
        listed: dict[str, Any] = json.loads(manifest.file.read_bytes())
        digests = [manifest.digest, *(it["digest"] for it in (listed["config"], *listed["layers"]))]
        blobs.update({digest: _content(root, digest) for digest in digests})
    return _Catalogue(tagged, manifests, blobs)


def _content(root: Path, digest: str, media_type: str = _BLOB) -> _Content:
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{root / 'index.json'} leads to {digest!r}, which is no SHA-256 digest")
    file = root / "blobs" / "sha256" / digest.removeprefix("sha256:")
    if file.resolve() != file or not file.is_file():
        raise ValueError(f"{file} is no regular file of the image layout")
    return _Content(file, digest, media_type)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, catalogue: _Catalogue, *connection: object) -> None:
        self._catalogue = catalogue
        super().__init__(*connection)  # type: ignore[arg-type]  # the arguments of socketserver, unchanged

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name http.server calls
        """Log nothing: pod events report failed pulls."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        target = urlsplit(self.path)  # it can include scheme and host (RFC 9112, "absolute-form")
        path, registry = target.path, parse_qs(target.query).get("ns", [_DEFAULT_REGISTRY])[0]
        if path == "/v2/":
            self._reply(HTTPStatus.OK, b"{}", "application/json", with_body=with_body)
        elif (asked := _PATH.fullmatch(path)) and (
            content := self._catalogue.find(asked["kind"], f"{registry}/{asked['repository']}", asked["reference"])
        ):
            self._send(content, with_body=with_body)
        else:
            self._refuse(with_body=with_body)

    def _send(self, content: _Content, *, with_body: bool) -> None:
        try:
            descriptor = os.open(content.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # removed, or replaced by a link, since the server started
            self._refuse(with_body=with_body)
            return
        with os.fdopen(descriptor, "rb") as blob:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content.media_type)
            self.send_header("Content-Length", str(os.fstat(descriptor).st_size))
            self.send_header("Docker-Content-Digest", content.digest)
            self.end_headers()
            if with_body:
                shutil.copyfileobj(blob, self.wfile, 1024 * 1024)

    def _refuse(self, *, with_body: bool) -> None:
        body = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": f"not found: {self.path}"}]})
        self._reply(HTTPStatus.NOT_FOUND, body.encode(), "application/json", with_body=with_body)

    def _reply(self, status: HTTPStatus, body: bytes, media_type: str, *, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
