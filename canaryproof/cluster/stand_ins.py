"""Builds the stand-in images: agnhost plays the images of a scenario. The cluster's registry serves them from a folder.

agnhost is the image of Kubernetes' own end-to-end tests. It is one static program that can serve, crash and wait. It
also plays the sandbox of each pod: the container that holds the pod's namespaces and does nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from canaryproof.system.ownership import make_folder

SANDBOX = "canaryproof/sandbox:1"
"""The image of pod sandboxes. A node without a sandbox image of its own needs it in addition to the stand-ins."""
PAUSE = ("pause",)
"""The agnhost arguments that play the sandbox."""

_LAYER = "application/vnd.oci.image.layer.v1.tar"  # without compression, a node unpacks it as fast as it copies
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


def provide_images(agnhost: Path, stand_ins: Mapping[str, Sequence[str]], cache: Path) -> Path:
    """Return a folder in the OCI image layout that contains the *stand_ins*.

    *stand_ins* maps an image reference, as charts write it, to the agnhost arguments that play it. The folder is
    created once and kept in *cache*.
    """
    folder = cache / "images" / _fingerprint(agnhost, stand_ins)
    if not folder.is_dir():
        make_folder(folder.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
        try:
            _write_layout(unfinished, agnhost, stand_ins)
            _publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def served_name(reference: str) -> str:
    """Return the name under which a node requests an image from a mirror: without the host, but with a tag.

    The repositories of Docker's official images have the prefix ``library/`` (distribution/reference, "normalize.go").
    """
    host, slash, rest = reference.partition("/")
    is_host = bool(slash) and (host == "localhost" or "." in host or ":" in host)
    path = rest if is_host else reference
    if "/" not in path and (not is_host or host in {"docker.io", "index.docker.io"}):
        path = f"library/{path}"
    return path if ":" in path.rpartition("/")[2] else f"{path}:latest"


def _fingerprint(program: Path, stand_ins: Mapping[str, Sequence[str]]) -> str:
    binary = program.stat()
    identity = (str(program.resolve()), binary.st_size, binary.st_mtime_ns)
    made_of = json.dumps([*identity, *((served_name(name), list(arguments)) for name, arguments in stand_ins.items())])
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def _publish(unfinished: Path, folder: Path) -> None:
    """Rename a finished layout to its final name, unless another run has done so already. Both layouts are the same."""
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _write_layout(folder: Path, program: Path, stand_ins: Mapping[str, Sequence[str]]) -> None:
    blobs = _Blobs(folder)
    layer = blobs.add(_LAYER, _layer_of(program))  # all images share it, so a node unpacks it once
    entries = []
    for reference, arguments in stand_ins.items():
        config = blobs.add(_CONFIG, _json(_config(layer["digest"], [f"/{program.name}", *arguments])))
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
        named = {"org.opencontainers.image.ref.name": served_name(reference)}
        entries.append({**blobs.add(_MANIFEST, _json(manifest)), "annotations": named})
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}))


def _config(layer_digest: str, entrypoint: Sequence[str]) -> dict[str, Any]:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return {
        "architecture": machine,
        "os": "linux",
        "config": {"Entrypoint": entrypoint},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    }


def _layer_of(program: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar, program.open("rb") as binary:
        entry = tarfile.TarInfo(program.name)
        entry.size = program.stat().st_size
        entry.mode = 0o755
        tar.addfile(entry, binary)
    return archive.getvalue()


class _Blobs:
    """Writes blobs to files that are named by digest."""

    def __init__(self, layout: Path) -> None:
        self._folder = layout / "blobs" / "sha256"
        self._folder.mkdir(parents=True)

    def add(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Write *content* and return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        (self._folder / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
