"""Builds the images that the cluster cannot pull: stand-ins, and images from archives.

agnhost plays the images that have a stand-in. The cluster's registry serves all of them from a folder.

agnhost is the image of Kubernetes' own end-to-end tests. It is one static program that can serve, crash and wait. It
also plays the sandbox of each pod: the container that holds the pod's namespaces and does nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from canaryproof.cluster.image_archives import NO_ARCHIVES, Blob, architecture, opened_image
from canaryproof.errors import UsageError
from canaryproof.model.registries import full_name
from canaryproof.system.ownership import make_folder

SANDBOX = "canaryproof/sandbox:1"
"""The image of pod sandboxes. A node without a sandbox image of its own needs it in addition to the stand-ins."""
PAUSE = ("pause",)
"""The agnhost arguments that play the sandbox."""

_CHUNK = 1024 * 1024
_LAYER = "application/vnd.oci.image.layer.v1.tar"  # without compression, a node unpacks it as fast as it copies
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


def provide_images(
    agnhost: Path | None,
    stand_ins: Mapping[str, Sequence[str]],
    cache: Path,
    archives: Mapping[str, Path] = NO_ARCHIVES,
) -> Path:
    """Return a folder in the OCI image layout that contains the *stand_ins* and the images from *archives*.

    *stand_ins* maps an image reference, as charts write it, to the agnhost arguments that play it. *archives* maps an
    image reference to the archive that contains the image. The folder is created once and kept in *cache*. *agnhost*
    may be None without stand-ins.

    Raises UsageError when an archive does not contain its image.
    """
    folder = cache / "images" / _fingerprint(agnhost, stand_ins, archives)
    if not folder.is_dir():
        make_folder(folder.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
        try:
            _write_layout(unfinished, agnhost, stand_ins, archives)
            _publish(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _fingerprint(program: Path | None, stand_ins: Mapping[str, Sequence[str]], archives: Mapping[str, Path]) -> str:
    plays = [(full_name(name), list(arguments)) for name, arguments in stand_ins.items()]
    made_of = json.dumps([identity(program) if program else [], plays, archive_identities(archives)])
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def archive_identities(archives: Mapping[str, Path]) -> list[list[object]]:
    """Return what distinguishes *archives* from others, as JSON-compatible values."""
    return [[name, *identity(archive)] for name, archive in sorted(archives.items())]


def identity(file: Path) -> list[str | int]:
    """Return the path, the size and the time of the last change of a file. A folder changes with its index."""
    found = (file / "index.json" if file.is_dir() else file).stat()
    return [str(file.resolve()), found.st_size, found.st_mtime_ns]


def _publish(unfinished: Path, folder: Path) -> None:
    """Rename a finished layout to its final name, unless another run has done so already. Both layouts are the same."""
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _write_layout(
    folder: Path, program: Path | None, stand_ins: Mapping[str, Sequence[str]], archives: Mapping[str, Path]
) -> None:
    blobs = _Blobs(folder)
    entries = [_named(each, blobs.take(archive, each)) for each, archive in archives.items()]
    if stand_ins and program:
        layer = blobs.add(_LAYER, _layer_of(program))  # all stand-ins share it, so a node unpacks it once
        for reference, arguments in stand_ins.items():
            config = blobs.add(_CONFIG, _json(_config(layer["digest"], [f"/{program.name}", *arguments])))
            manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
            entries.append(_named(reference, blobs.add(_MANIFEST, _json(manifest))))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}))


def _named(reference: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of an image in the index. A registry is asked for its repository and tag."""
    return {**manifest, "annotations": {"org.opencontainers.image.ref.name": full_name(reference)}}


def _config(layer_digest: str, entrypoint: Sequence[str]) -> dict[str, Any]:
    return {
        "architecture": architecture(),
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

    def take(self, archive: Path, reference: str) -> dict[str, Any]:
        """Copy the image *reference* from *archive*, and return the descriptor of its manifest.

        Raises UsageError when the archive does not contain the image, or a part does not have its digest.
        """
        try:
            with opened_image(archive, reference) as image:
                for blob in image.blobs:
                    self._copy(blob, archive)
                return self.add(image.media_type, image.manifest)
        except (tarfile.TarError, EOFError) as error:
            raise UsageError(f"the image archive {archive} is damaged: {error}") from error

    def _copy(self, blob: Blob, archive: Path) -> None:
        wanted = blob.descriptor["digest"].removeprefix("sha256:")
        digest = hashlib.sha256()
        with blob.open() as source, (self._folder / wanted).open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != wanted:
            raise UsageError(f"the image archive {archive} is damaged: a part of it does not have the digest {wanted}")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
