"""Asks registries whether they have an image, as a node does before it pulls the image.

A kubelet reports why a pull failed in a sentence that can contain text of the submission, such as the image's
name. The answer of the registry itself tells an image that does not exist from a registry that has a problem.

Source: OCI distribution specification, "Pulling manifests"; distribution, "Token Authentication Specification".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from canaryproof.cluster.image_sources import Upstream
from canaryproof.kube.running_cluster import Cluster, ClusterProvider
from canaryproof.model.pull_answer import PullAnswer
from canaryproof.model.registries import DEFAULT_REGISTRY, Grant, registry_of
from canaryproof.redaction import redacted

_HUB = "registry-1.docker.io"
"""The host of Docker Hub's registry API (containerd, ``core/remotes/docker``)."""
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""The statuses of registries for images that do not exist, or that an anonymous user may not see."""
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LONGEST = 64 * 1024


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


_TOKENS = msgspec.json.Decoder(_Token)


@dataclass(frozen=True)
class AskingProvider:
    """Lends the cluster of *provider*, and asks the *upstream* sources of its images."""

    provider: ClusterProvider
    upstream: Upstream
    within: float
    """The limit of each request in seconds."""

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        with self.provider.lend() as cluster:
            pulls = cluster.images == "upstream"
            yield replace(cluster, ask_registry=self.ask) if pulls else cluster

    def ask(self, image: str) -> PullAnswer | None:
        """Return what the mirror and the registry of *image* say about it.

        The answer that says most counts: that one of them has the image, that one does not know it, or else that none
        answers.  Returns None if the run does not allow the registry.
        """
        if not self.upstream.allowed.has(image):
            return None
        answers = {answer.availability: answer for answer in self._answers(image)}
        return answers.get("present") or answers.get("missing") or answers.get("unavailable")

    def _answers(self, image: str) -> Iterator[PullAnswer]:
        registry, path = registry_of(image), _path_of(image)
        hub = registry == DEFAULT_REGISTRY
        yield self._answer(f"https://{_HUB if hub else registry}{path}")
        if hub and self.upstream.mirror:
            yield self._answer(f"{self.upstream.mirror.rstrip('/')}{path}?ns={DEFAULT_REGISTRY}")

    def _answer(self, url: str) -> PullAnswer:
        headers = {"Accept": ", ".join(_MANIFESTS)}
        try:
            status, challenge = self._head(url, headers)
            if status == HTTPStatus.UNAUTHORIZED and (token := self._token(challenge)):
                status, _ = self._head(url, {**headers, "Authorization": f"Bearer {token}"})
        except urllib3.exceptions.HTTPError as error:
            return PullAnswer("unavailable", redacted(str(error)))
        found = f"{urlsplit(url).hostname} answers {status}"
        if status == HTTPStatus.OK:
            return PullAnswer("present", found)
        return PullAnswer("missing" if status in _MISSING else "unavailable", found)

    def _token(self, challenge: str) -> str:
        """Return an anonymous token, or an empty string if the registry does not offer one.

        Raises HTTPError when the server of tokens gives none.
        """
        terms = dict(_CHALLENGE.findall(challenge))
        realm = urlsplit(terms.pop("realm", ""))
        if not isinstance(self.upstream.allowed.check(realm.scheme, realm.netloc), Grant):
            return ""
        url = f"{realm.geturl()}?{urlencode({name: terms[name] for name in ('service', 'scope') if name in terms})}"
        with self._requests(url) as pool:
            response = pool.request("GET", url, preload_content=False, redirect=False)
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise urllib3.exceptions.HTTPError(f"{realm.hostname} answers {response.status}")
            if response.status != HTTPStatus.OK:
                return ""
            try:
                found = _TOKENS.decode(response.read(_LONGEST))
            except msgspec.DecodeError:
                return ""
        return found.token or found.access_token

    def _head(self, url: str, headers: Mapping[str, str]) -> tuple[int, str]:
        with self._requests(url) as pool:
            response = pool.request("HEAD", url, headers=dict(headers), redirect=False)
            return response.status, response.headers.get("WWW-Authenticate", "")

    @contextmanager
    def _requests(self, url: str) -> Iterator[urllib3.PoolManager]:
        """Lend the way to a host, through the user's proxies."""
        parts = urlsplit(url)
        proxy = self.upstream.proxy_for(parts.scheme, parts.netloc)
        timeout, retries = urllib3.Timeout(self.within), urllib3.Retry(0)
        if proxy:
            where = proxy if "//" in proxy else f"http://{proxy}"
            user = urlsplit(where)
            login = f"{user.username}:{user.password or ''}" if user.username else None
            headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
            manager: urllib3.PoolManager = urllib3.ProxyManager(
                where, proxy_headers=headers, timeout=timeout, retries=retries
            )
        else:
            manager = urllib3.PoolManager(timeout=timeout, retries=retries)
        with manager:
            yield manager


def _path_of(image: str) -> str:
    """Return the path of the manifest of an image reference (distribution/reference)."""
    registry = registry_of(image)
    rest = image.removeprefix(f"{registry}/")
    name, at, digest = rest.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon:
        repository, tag = name, "latest"
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return f"/v2/{repository}/manifests/{digest if at else tag}"
