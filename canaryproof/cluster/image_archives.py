"""Reads images from archives: OCI image layouts, and the output of ``docker save``.

An archive is a tar file, compressed with gzip or not, or a folder.  An OCI image layout has the files ``oci-layout``
and ``index.json`` (OCI, "Image Layout Specification").  Older versions of ``docker save`` write ``manifest.json``
instead (Docker, "Image Specification v1.2").  There, layers have no digests: they are computed here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import posixpath
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from canaryproof.errors import UsageError
from canaryproof.model.registries import full_name, repository_of

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""The annotations with the name of an image in an index. ``docker save`` writes the first, and the tag alone as the
second."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's names of architectures, by the kernel's."""
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_FORMATS = "an OCI image layout, or the output of docker save, as a tar archive or a folder"
_CHUNK = 1024 * 1024

NO_ARCHIVES: Mapping[str, Path] = MappingProxyType({})

Json = dict[str, Any]


@dataclass(frozen=True)
class Blob:
    """A part of an image: its descriptor, and the function that opens its content."""

    descriptor: Json
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Image:
    """An image in an archive."""

    manifest: bytes
    media_type: str
    blobs: tuple[Blob, ...]
    """The configuration and the layers."""

    @property
    def descriptor(self) -> Json:
        """Return the descriptor of the manifest."""
        digest = hashlib.sha256(self.manifest).hexdigest()
        return {"mediaType": self.media_type, "digest": f"sha256:{digest}", "size": len(self.manifest)}


def architecture() -> str:
    """Return the architecture of this machine, as images name it."""
    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


@contextmanager
def opened_image(archive: Path, reference: str) -> Iterator[Image]:
    """Yield the image in *archive* that plays *reference*: the one of this name, or the only one.

    Raises UsageError when the archive cannot be read, has no such image, or has it for other machines only.
    """
    with ExitStack() as stack:
        try:
            image = _Archive(archive, stack.enter_context(_opened(archive))).image(reference)
        except (OSError, tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the image archive {archive} cannot be read: {error}; expected {_FORMATS}") from error
        yield image


def write_docker_archive(image: Image, reference: str, file: Path) -> None:
    """Write *image* to *file* as ``docker save`` does, with the name *reference*."""
    config, *layers = ((each.descriptor["digest"].removeprefix("sha256:"), each) for each in image.blobs)
    paths = [f"{digest}/layer.tar" for digest, _ in layers]
    listed = [{"Config": f"{config[0]}.json", "RepoTags": [full_name(reference)], "Layers": paths}]
    with tarfile.open(file, "w") as tar, tempfile.TemporaryFile() as manifest:
        manifest.write(json.dumps(listed).encode())
        _add(tar, "manifest.json", manifest.tell(), manifest)
        for path, blob in ((f"{config[0]}.json", config[1]), *zip(paths, (blob for _, blob in layers), strict=True)):
            with blob.open() as content:
                _add(tar, path, blob.descriptor["size"], content)


def _add(tar: tarfile.TarFile, path: str, size: int, content: BinaryIO) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = size
    content.seek(0)
    tar.addfile(entry, content)


Opener = Callable[[], BinaryIO]


@contextmanager
def _opened(archive: Path) -> Iterator[Mapping[str, Opener]]:
    """Yield the functions that open the files of an archive, by their paths."""
    if archive.is_dir():
        files = (each for each in archive.rglob("*") if each.is_file())
        yield {each.relative_to(archive).as_posix(): _opener_of(each) for each in files}
        return
    with ExitStack() as stack:
        file = stack.enter_context(archive.open("rb"))
        if file.read(len(GZIP)) == GZIP:  # unpacked once: its parts are read in any order
            plain = stack.enter_context(tempfile.TemporaryFile())
            file.seek(0)
            with gzip.open(file) as packed:
                shutil.copyfileobj(packed, plain, _CHUNK)
            file = plain  # type: ignore[assignment]  # both are binary files
        file.seek(0)
        tar = stack.enter_context(tarfile.open(fileobj=file, mode="r:"))
        members = (each for each in tar.getmembers() if not each.isdir())
        yield {posixpath.normpath(each.name): _member_opener(tar, each) for each in members}


def _opener_of(file: Path) -> Opener:
    return lambda: file.open("rb")


def _member_opener(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Opener:
    def opened() -> BinaryIO:
        content = tar.extractfile(member)  # follows links, which old versions of docker save write for equal layers
        if content is None:
            raise ValueError(f"{member.name} is not a file")
        return content  # type: ignore[return-value]  # IO[bytes]

    return opened


@dataclass(frozen=True)
class _Archive:
    place: Path
    files: Mapping[str, Opener]

    def image(self, reference: str) -> Image:
        if "index.json" in self.files and "oci-layout" in self.files:
            return self._oci_image(reference)
        if "manifest.json" in self.files:
            return self._docker_image(reference)
        raise UsageError(f"the image archive {self.place} has no index.json and no manifest.json; expected {_FORMATS}")

    def _oci_image(self, reference: str) -> Image:
        entries: list[Json] = self._json("index.json")["manifests"]
        entry = self._choose(reference, [(_names(each), each) for each in entries])
        while entry["mediaType"] in INDEXES:
            entry = self._platform(self._json(_path(entry))["manifests"], reference)
        with self._open(_path(entry)) as file:
            manifest = file.read()
        listed = json.loads(manifest)
        self._require_machine(self._json(_path(listed["config"])), reference)
        blobs = (Blob(each, self._opener(_path(each))) for each in (listed["config"], *listed["layers"]))
        return Image(manifest, entry["mediaType"], tuple(blobs))

    def _docker_image(self, reference: str) -> Image:
        images: list[Json] = self._json("manifest.json")
        chosen = self._choose(reference, [(tuple(each.get("RepoTags") or ()), each) for each in images])
        self._require_machine(self._json(posixpath.normpath(chosen["Config"])), reference)
        config = self._measured(CONFIG, posixpath.normpath(chosen["Config"]))
        layers = [self._measured("", posixpath.normpath(each)) for each in chosen["Layers"]]
        described = [each.descriptor for each in layers]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor, "layers": described}
        return Image(json.dumps(manifest, sort_keys=True).encode(), MANIFEST, (config, *layers))

    def _choose(self, reference: str, images: Sequence[tuple[tuple[str, ...], Json]]) -> Json:
        """Return the image with the name *reference*, else the only one of its repository or tag, else the only one."""
        for part in (full_name, repository_of, _tag_of):
            wanted = part(reference)
            found = [each for names, each in images if wanted in map(part, names)]
            if len(found) == 1:
                return found[0]
        if len(images) == 1:
            return images[0][1]
        known = ", ".join(name for names, _ in images for name in names) or "images without names"
        raise UsageError(f"the image archive {self.place} must have the image {reference}; it has {known}")

    def _platform(self, entries: Sequence[Json], reference: str) -> Json:
        """Return the manifest for this machine from an index of several platforms."""
        platforms = [each.get("platform") or {} for each in entries]
        wanted = ("linux", architecture())
        for entry, platform in zip(entries, platforms, strict=True):
            if (platform.get("os"), platform.get("architecture")) == wanted and _path(entry) in self.files:
                return entry
        known = [f"{it['os']}/{it['architecture']}" for it in platforms if it.get("os") not in {None, "unknown"}]
        if not known and len(entries) == 1:
            return entries[0]
        raise UsageError(
            f"the image archive {self.place} has {reference} for {', '.join(known) or 'no platform'}, and this machine"
            f" is {'/'.join(wanted)}; save the image for this platform"
        )

    def _require_machine(self, config: Json, reference: str) -> None:
        built = config.get("architecture", "")
        if built and built != architecture():
            raise UsageError(
                f"the image archive {self.place} has {reference} for {built}, and this machine is {architecture()};"
                " build the image for this platform"
            )

    def _measured(self, media_type: str, path: str) -> Blob:
        """Return a part with its digest. The media type of a layer follows from its first bytes."""
        digest, size, first = hashlib.sha256(), 0, b""
        with self._open(path) as file:
            while chunk := file.read(_CHUNK):
                first = first or chunk[: len(ZSTD)]
                digest.update(chunk)
                size += len(chunk)
        packing = "+gzip" if first.startswith(GZIP) else "+zstd" if first.startswith(ZSTD) else ""
        described = {"mediaType": media_type or LAYER + packing, "digest": f"sha256:{digest.hexdigest()}", "size": size}
        return Blob(described, self._opener(path))

    def _json(self, path: str) -> Any:
        with self._open(path) as file:
            return json.load(file)

    def _open(self, path: str) -> BinaryIO:
        return self._opener(path)()

    def _opener(self, path: str) -> Opener:
        if path not in self.files:
            raise ValueError(f"{path} is missing")
        return self.files[path]


def _names(entry: Json) -> tuple[str, ...]:
    annotations = entry.get("annotations") or {}
    return tuple(str(annotations[each]) for each in NAMES if each in annotations)


def _tag_of(name: str) -> str:
    """Return the tag of an image name, which can also be all of the name."""
    return name.rpartition(":")[2]


def _path(descriptor: Json) -> str:
    found = _DIGEST.fullmatch(descriptor["digest"])
    if not found:
        raise ValueError(f"{descriptor['digest']!r} is no SHA-256 digest")
    return f"blobs/sha256/{found[1]}"
