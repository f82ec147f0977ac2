"""A registry's own answer tells an image that does not exist from a registry that has a problem."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from canaryproof.cluster.image_sources import Upstream
from canaryproof.cluster.registry_answers import AskingProvider
from canaryproof.model.pull_answer import Availability, PullAnswer

MIRROR = "http://mirror.invalid"
IMAGE = "uonyeka/canary:linux-amd64"
PATH = "/v2/uonyeka/canary/manifests/linux-amd64?ns=docker.io"


class Nobody:
    """A provider that lends nothing, because these tests only ask."""

    def lend(self) -> None:
        raise AssertionError


@contextmanager
def proxy(answers: Mapping[str, tuple[int, str]]) -> Iterator[tuple[str, list[str]]]:
    """Lend a proxy that gives *answers* by URL: a status, and a body or a challenge. No other host can be reached.

    Yields its URL, and the list of requests.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Log nothing."""

        def do_CONNECT(self) -> None:
            self.send_error(502)

        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            status, text = answers.get(asked[-1], answers.get(self.path, (404, "")))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", text)
                text = ""
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(text.encode())

        do_HEAD = do_GET  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, image: str = IMAGE, *, mirror: str = MIRROR) -> PullAnswer | None:
    """Ask about *image* through the proxy at *url*."""
    upstream = Upstream(mirror, {"http": url, "https": url}, images=(IMAGE,))
    return AskingProvider(Nobody(), upstream, 5).ask(image)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "availability"),
    [
        (200, "present"),
        (404, "missing"),
        (403, "missing"),
        (401, "missing"),
        (429, "unavailable"),
        (500, "unavailable"),
        (503, "unavailable"),
        (307, "unavailable"),
    ],
)
def test_the_status_of_a_mirror_decides(status: int, availability: Availability) -> None:
    """Only a mirror that does not know an image, or does not show it, tells that the image is at fault."""
    with proxy({f"{MIRROR}{PATH}": (status, "")}) as (url, asked):
        answer = ask(url)

    assert answer
    assert answer.availability == availability
    assert asked == [f"{MIRROR}{PATH}"]


def test_a_registry_that_cannot_be_reached_tells_nothing() -> None:
    """A failed connection is a problem of the registry, or of the way to it."""
    with proxy({}) as (url, _):
        answer = ask(url, mirror="")

    assert answer
    assert answer.availability == "unavailable"
    assert answer.detail


@pytest.mark.parametrize(
    ("status", "body", "availability"),
    [(200, '{"token": "t"}', "present"), (503, "", "unavailable"), (200, "no token", "missing")],
)
def test_an_anonymous_token_is_fetched(status: int, body: str, availability: Availability) -> None:
    """A registry may ask for a token, which everybody gets for a public image."""
    challenge = f'Bearer realm="{MIRROR}/token",service="hub",scope="pull"'
    answers = {
        f"{MIRROR}{PATH}": (401, challenge),
        f"{MIRROR}/token?service=hub&scope=pull": (status, body),
        f"{MIRROR}{PATH} Bearer t": (200, ""),
    }
    with proxy(answers) as (url, _):
        answer = ask(url)

    assert answer
    assert answer.availability == availability


def test_a_token_is_not_fetched_from_any_host() -> None:
    """A registry cannot send this machine to a host that is none of the run's registries."""
    with proxy({f"{MIRROR}{PATH}": (401, 'Bearer realm="http://elsewhere.invalid/token"')}) as (url, asked):
        answer = ask(url)

    assert answer
    assert answer.availability == "missing"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("busybox", "/v2/library/busybox/manifests/latest"),
        ("docker.io/uonyeka/canary", "/v2/uonyeka/canary/manifests/latest"),
        ("uonyeka/canary:1@sha256:00", "/v2/uonyeka/canary/manifests/sha256:00"),
    ],
)
def test_an_image_reference_leads_to_its_manifest(image: str, path: str) -> None:
    """The path follows from the reference: the library of Docker Hub, the tag ``latest`` and a digest."""
    with proxy({}) as (url, asked):
        ask(url, image)

    assert asked == [f"{MIRROR}{path}?ns=docker.io"]


def test_a_registry_that_is_not_the_runs_is_not_asked() -> None:
    """A submission cannot make this machine connect to a host of its choice."""
    with proxy({}) as (url, asked):
        assert ask(url, "elsewhere.invalid/app:1") is None

    assert not asked
