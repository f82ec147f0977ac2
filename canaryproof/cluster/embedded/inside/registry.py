"""A read-only registry over a folder in the OCI image layout: what a node needs to pull images that nobody else has.

Endpoints and status codes are those of the OCI distribution specification, section "Pulling manifests" and "Pulling
blobs"; the folder is that of the OCI image specification, with the references in ``org.opencontainers.image.ref.name``.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
_REF_NAME = "org.opencontainers.image.ref.name"


def serve(address: tuple[str, int], layout: Path) -> None:
    """Serve the images in *layout* at *address* until the process ends."""
    make_server(address, layout).serve_forever()


def make_server(address: tuple[str, int], layout: Path) -> ThreadingHTTPServer:
    """Return a server of the images in *layout*, listening at *address*."""
    index = json.loads((layout / "index.json").read_bytes())
    images = {entry["annotations"][_REF_NAME]: entry for entry in index["manifests"]}
    return ThreadingHTTPServer(address, partial(_Handler, layout, images))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, layout: Path, images: dict[str, dict[str, str]], *connection: object) -> None:
        self._layout = layout
        self._images = images
        super().__init__(*connection)  # type: ignore[arg-type]  # passed through as socketserver gives them

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name http.server calls
        """Keep quiet about answers; what a node could not pull stands in its events."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path  # it may come with scheme and host (RFC 9112, "absolute-form")
        if path == "/v2/":
            self._reply(HTTPStatus.OK, b"{}", "application/json", with_body=with_body)
        elif (asked := _PATH.fullmatch(path)) and (blob := self._find(asked)):
            self._send_file(*blob, with_body=with_body)
        else:
            body = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": f"not found: {self.path}"}]})
            self._reply(HTTPStatus.NOT_FOUND, body.encode(), "application/json", with_body=with_body)

    def _find(self, asked: re.Match[str]) -> tuple[Path, str, str] | None:
        """Return file, media type and digest of the manifest or blob that is asked for."""
        reference = asked["reference"]
        media_type = "application/octet-stream"
        if asked["kind"] == "manifests":
            entry = self._image(asked["repository"], reference)
            if entry is None:
                return None
            reference, media_type = entry["digest"], entry["mediaType"]
        file = self._layout / "blobs" / reference.replace(":", "/")
        return (file, media_type, reference) if file.is_file() else None

    def _image(self, repository: str, reference: str) -> dict[str, str] | None:
        if reference.startswith("sha256:"):
            return next((entry for entry in self._images.values() if entry["digest"] == reference), None)
        return self._images.get(f"{repository}:{reference}")

    def _send_file(self, file: Path, media_type: str, digest: str, *, with_body: bool) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(file.stat().st_size))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if with_body:
            with file.open("rb") as blob:
                shutil.copyfileobj(blob, self.wfile, 1024 * 1024)

    def _reply(self, status: HTTPStatus, body: bytes, media_type: str, *, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
