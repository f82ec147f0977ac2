"""Serves the stand-ins to a kind node, from a registry in this process at the gateway of the nodes' network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from canaryproof.cluster.embedded.supervisor.image_registry import make_server
from canaryproof.cluster.kind.docker import Docker
from canaryproof.errors import ClusterError, CommandError
from canaryproof.system.background import in_background

_NO_SUCH_COMMAND = ("exit code 126", "exit code 127")


@contextmanager
def serving(layout: Path, node: str, docker: Docker) -> Iterator[str]:
    """Serve the images in *layout* for the length of the block. Yield the URL of the registry for *node*.

    Raises ClusterError when *node* cannot reach the registry, because Docker runs on another machine or a firewall
    blocks the connection.
    """
    gateway = _gateway(docker.container(node) or {}, docker.network)
    try:
        server = make_server((gateway, 0), layout)
    except OSError as error:
        raise ClusterError(
            f"stand-in images are served at {gateway}, the gateway of Docker's network {docker.network}, and this"
            f" machine does not have that address ({error.strerror}): Docker seems to run elsewhere; use --images"
            " upstream"
        ) from error
    with server, in_background("registry", lambda _: server.serve_forever(), server.shutdown):
        url = f"http://{gateway}:{server.server_address[1]}"
        _require_way(url, node, docker)
        yield url


def _gateway(container: dict[str, Any], network: str) -> str:
    networks = container.get("NetworkSettings", {}).get("Networks", {})
    gateway = networks.get(network, {}).get("Gateway")
    if not gateway:
        raise ClusterError(f"the kind node has no gateway in Docker's network {network}; use --images upstream")
    return str(gateway)


def _require_way(url: str, node: str, docker: Docker) -> None:
    limit = f"{docker.time_limits.registry:g}"
    try:
        docker("exec", node, "curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", limit, f"{url}/v2/")
    except CommandError as error:
        if error.outcome in _NO_SUCH_COMMAND:
            return
        raise ClusterError(
            f"the kind node does not reach the stand-in images at {url}: {error.stderr.strip() or error.outcome};"
            " let containers reach this machine, with ufw: ufw allow in from 172.16.0.0/12, or use --images upstream"
        ) from error
