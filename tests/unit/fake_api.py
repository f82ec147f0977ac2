"""An API server in a thread, which sends prepared answers over real connections."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]
"""A status code and a body. A string is sent unchanged, any other value as JSON."""


class FakeApi:
    """Records the requests, and sends the prepared answers. An unprepared request gets ``{}`` with status 200."""

    def __init__(self) -> None:
        """Start without prepared answers."""
        self.answers: dict[tuple[str, str], Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.bodies: list[Any] = []
        self.users: list[str] = []
        self.watched: list[str] = []
        self.silent: set[str] = set()
        self.released = threading.Event()
        self.kubeconfig = Path()

    @contextmanager
    def serve(self, folder: Path) -> Iterator[FakeApi]:
        """Serve until the block ends. The kubeconfig is written to *folder* with the context ``lab``."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(_kubeconfig(server.server_address[1]))
        try:
            yield self
        finally:
            self.released.set()
            server.shutdown()
            server.server_close()
            thread.join()


def _kubeconfig(port: int) -> str:
    return json.dumps(
        {
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "lab", "user": {"token": "secret"}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        }
    )


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            api.asked.append((self.command, url.path))
            api.queries.append(query)
            api.users.append(self.headers.get("Impersonate-User", ""))
            length = int(self.headers.get("Content-Length", 0))
            api.bodies.append(json.loads(self.rfile.read(length)) if length else None)
            if url.path in api.silent:
                api.released.wait(10)
                self.close_connection = True
                return
            if "watch" in query and (self.command, url.path) not in api.answers:
                self.stream()
                return
            default: Answer = (200, {"metadata": {"resourceVersion": "1"}, "items": []})
            status, body = api.answers.get((self.command, url.path), default)
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def stream(self) -> None:
            """Send the lines of a watch with a break within a line, and keep the watch open."""
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            text = "".join(f"{line}\n" for line in api.watched).encode()
            for part in (text[:5], text[5:]):
                if part:
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            api.released.wait(10)
            self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Log nothing."""

    return Handler
