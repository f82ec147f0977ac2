"""Stand-in images: what the course's images do, played by agnhost, in a folder that the cluster's registry serves.

agnhost is the test image of Kubernetes' own end-to-end tests: one static program that can serve, crash and wait.  What
holds the namespaces of a pod does nothing but sleep: it is there for each pod, so it is the smallest program there is.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canaryproof.system.ownership import make_folder

SANDBOX = "canaryproof/sandbox:1"
"""The image that holds a pod's namespaces."""

FOREVER = "87600h"

_LAYER = "application/vnd.oci.image.layer.v1.tar"  # not compressed: a node unpacks it at the speed of a copy
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Image:
    """An image that holds one static program, and its arguments."""

    program: Path
    arguments: tuple[str, ...]


def provide_images(agnhost: Path, sleep: Path | None, stand_ins: Mapping[str, Sequence[str]], cache: Path) -> Path:
    """Return a folder in the OCI image layout with the *stand_ins*; made once, kept in *cache*.

    A stand-in is an image reference as charts write it, and the arguments with which agnhost plays it.  With *sleep*
    the sandbox is among the images, for clusters that have none of their own.
    """
    images = {SANDBOX: Image(sleep, (FOREVER,))} if sleep else {}
    images |= {reference: Image(agnhost, tuple(arguments)) for reference, arguments in stand_ins.items()}
    folder = cache / "images" / _fingerprint(images)
    if not folder.is_dir():
        make_folder(folder.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
        try:
            _write_layout(unfinished, images)
            _publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _fingerprint(images: Mapping[str, Image]) -> str:
    made_of = json.dumps([(name, *_identity(each.program), each.arguments) for name, each in images.items()])
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def _identity(program: Path) -> tuple[str, int, int]:
    binary = program.stat()
    return str(program.resolve()), binary.st_size, binary.st_mtime_ns


def _publish(unfinished: Path, folder: Path) -> None:
    """Give a finished layout its name, unless another run was quicker: both are the same."""
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _write_layout(folder: Path, images: Mapping[str, Image]) -> None:
    blobs = _Blobs(folder)
    programs = {each.program for each in images.values()}
    layers = {program: blobs.add(_LAYER, _layer_of(program)) for program in programs}
    entries = []
    for reference, image in images.items():
        layer = layers[image.program]
        config = blobs.add(_CONFIG, _json(_config(layer["digest"], image)))
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
        named = {"org.opencontainers.image.ref.name": reference}
        entries.append({**blobs.add(_MANIFEST, _json(manifest)), "annotations": named})
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}))


def _config(layer_digest: str, image: Image) -> dict[str, Any]:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return {
        "architecture": machine,
        "os": "linux",
        "config": {"Entrypoint": [f"/{image.program.name}", *image.arguments]},
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
    """Writes blobs under their digests."""

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
