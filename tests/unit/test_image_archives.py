"""Images are read from all archives that people have: OCI layouts, and the output of old and new Docker versions."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.image_archives import (
    CONFIG,
    INDEXES,
    LAYER,
    MANIFEST,
    Image,
    architecture,
    opened_image,
    write_docker_archive,
)
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.errors import UsageError

NAME = "org.opencontainers.image.ref.name"
LAYERS = (b"first layer", b"second layer")
Files = dict[str, bytes]


def put(files: Files, content: object, media_type: str) -> dict[str, Any]:
    """Add a blob to the files of a layout, and return its descriptor."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    digest = hashlib.sha256(data).hexdigest()
    files[f"blobs/sha256/{digest}"] = data
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def image(files: Files, *, built: str = "") -> dict[str, Any]:
    """Add an image to the files of a layout, and return the descriptor of its manifest."""
    config = put(files, {"architecture": built or architecture(), "os": "linux"}, CONFIG)
    layers = [put(files, each, LAYER) for each in LAYERS]
    return put(files, {"schemaVersion": 2, "config": config, "layers": layers}, MANIFEST)


def layout(files: Files, *manifests: dict[str, Any]) -> Files:
    """Return the files of an OCI layout with these manifests."""
    index = {"schemaVersion": 2, "manifests": manifests}
    return {**files, "oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}


def oci(*names: str) -> Files:
    """Return a layout with one image for each name."""
    files: Files = {}
    return layout(files, *({**image(files), "annotations": {NAME: name}} for name in names))


def multi_arch() -> Files:
    """Return a layout with an index of several platforms and an attestation, as BuildKit writes it."""
    files: Files = {}
    platforms = [
        {**image(files, built="riscv64"), "platform": {"os": "linux", "architecture": "riscv64"}},
        {**image(files), "platform": {"os": "linux", "architecture": architecture()}},
        {**put(files, {}, MANIFEST), "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    nested = put(files, {"schemaVersion": 2, "manifests": platforms}, INDEXES[0])
    return layout(files, {**nested, "annotations": {NAME: "app:dev"}})


def docker(*tags: str, built: str = "") -> Files:
    """Return the files that old versions of ``docker save`` write."""
    config = json.dumps({"architecture": built or architecture(), "os": "linux"}).encode()
    paths = [f"{number}/layer.tar" for number, _ in enumerate(LAYERS)]
    listed = [{"Config": "config.json", "RepoTags": tags or None, "Layers": paths}]
    layers = dict(zip(paths, LAYERS, strict=True))
    return {**layers, "config.json": config, "manifest.json": json.dumps(listed).encode()}


def packed(files: Mapping[str, bytes], place: Path, *, prefix: str = "") -> Path:
    """Write a tar archive."""
    with tarfile.open(place, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(prefix + name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return place


def read(archive: Path, reference: str = "app:dev") -> tuple[Image, list[bytes]]:
    """Return an image and the contents of its layers."""
    with opened_image(archive, reference) as found:
        contents = []
        for blob in found.blobs[1:]:
            with blob.open() as content:
                contents.append(content.read())
        return found, contents


@pytest.mark.parametrize(
    "files",
    [
        oci("app:dev"),
        oci("dev"),
        oci("docker.io/library/app:dev"),
        oci("other:1", "app:dev"),
        oci("anything:1"),
        multi_arch(),
        docker("app:dev"),
        docker("app:dev", "app:latest"),
        docker(),
    ],
    ids=["oci", "tag", "full-name", "several", "only", "multi-arch", "docker", "docker-tags", "docker-nameless"],
)
@pytest.mark.parametrize("form", ["tar", "gzip", "folder", "dotted"])
def test_the_image_is_found(files: Files, form: str, tmp_path: Path) -> None:
    """An archive in any form gives the image of the name, or its only one, with all layers."""
    archive = tmp_path / "app.tar"
    if form == "folder":
        for name, content in files.items():
            (archive / name).parent.mkdir(parents=True, exist_ok=True)
            (archive / name).write_bytes(content)
    else:
        packed(files, archive, prefix="./" if form == "dotted" else "")
    if form == "gzip":
        archive.write_bytes(gzip.compress(archive.read_bytes()))

    found, layers = read(archive)

    assert layers == list(LAYERS)
    digests = [blob.descriptor["digest"] for blob in found.blobs[1:]]
    assert digests == [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in LAYERS]


def test_layers_keep_their_packing(tmp_path: Path) -> None:
    """The media type of a layer of docker save says how it is packed."""
    files = docker("app:dev") | {"0/layer.tar": gzip.compress(b"layer"), "1/layer.tar": b"\x28\xb5\x2f\xfd..."}

    found, _ = read(packed(files, tmp_path / "app.tar"))

    assert [blob.descriptor["mediaType"] for blob in found.blobs[1:]] == [f"{LAYER}+gzip", f"{LAYER}+zstd"]


def test_equal_layers_can_be_links(tmp_path: Path) -> None:
    """Old versions of docker save write a link for a layer that is equal to another one."""
    archive = packed({name: it for name, it in docker("app:dev").items() if name != "1/layer.tar"}, tmp_path / "a.tar")
    with tarfile.open(archive, "a") as tar:
        link = tarfile.TarInfo("1/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../0/layer.tar"
        tar.addfile(link)

    assert read(archive)[1] == [LAYERS[0], LAYERS[0]]


def without(part: str) -> Callable[[Files], Files]:
    """Return an edit that leaves out the files whose names contain *part*."""
    return lambda files: {name: content for name, content in files.items() if part not in name}


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"readme": b""}, "has no index.json and no manifest.json; expected an OCI image layout"),
        (oci("one:1", "two:2"), "must have the image app:dev; it has one:1, two:2"),
        (docker("app:dev", built="s390x"), "has app:dev for s390x, and this machine is"),
        (without("layer")(docker("app:dev")), "cannot be read: 0/layer.tar is missing"),
        (oci("app:dev") | {"index.json": b"[]"}, "cannot be read"),
        (oci("app:dev") | {"index.json": b"{"}, "cannot be read"),
        (without("blobs")(oci("app:dev")), "cannot be read: blobs/sha256/"),
    ],
)
def test_an_archive_of_no_use_is_named(files: Files, error: str, tmp_path: Path) -> None:
    """The error names the archive, and says what is missing in it."""
    archive = packed(files, tmp_path / "app.tar")

    with pytest.raises(UsageError, match=error) as raised:
        read(archive)
    assert str(archive) in str(raised.value)


def test_an_image_for_other_machines_is_refused(tmp_path: Path) -> None:
    """The error names the platforms of an image that is not for this machine."""
    files: Files = {}
    other = {**image(files, built="riscv64"), "platform": {"os": "linux", "architecture": "riscv64"}}
    nested = put(files, {"manifests": [other]}, INDEXES[1])

    with pytest.raises(UsageError, match=f"for linux/riscv64, and this machine is linux/{architecture()}"):
        read(packed(layout(files, nested), tmp_path / "app.tar"))


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    """The error says what was expected of a file that is missing or is no archive."""
    (tmp_path / "text").write_text("text")

    for name in ("text", "missing"):
        with pytest.raises(UsageError, match="expected an OCI image layout, or the output of docker save"):
            read(tmp_path / name)


@pytest.mark.parametrize("files", [oci("app:dev"), docker("app:dev")])
def test_an_image_becomes_part_of_the_layout(files: Files, tmp_path: Path) -> None:
    """The registry of the cluster gets an image from an archive under the name that the scenario gives it."""
    archive = packed(files, tmp_path / "app.tar")

    made = provide_images(None, {}, tmp_path / "cache", {"registry.example.com/team/app:1": archive})

    (entry,) = json.loads((made / "index.json").read_bytes())["manifests"]
    assert entry["annotations"] == {NAME: "registry.example.com/team/app:1"}
    blobs = {each.name: each.read_bytes() for each in (made / "blobs" / "sha256").iterdir()}
    assert {*LAYERS} <= {*blobs.values()}
    assert all(hashlib.sha256(content).hexdigest() == name for name, content in blobs.items())


def test_a_damaged_layer_is_noticed(tmp_path: Path) -> None:
    """A part of an image that does not have its digest is refused before a node could pull it."""
    files = oci("app:dev")
    name = next(name for name, content in files.items() if content == LAYERS[0])
    archive = packed(files | {name: b"other content"}, tmp_path / "app.tar")

    with pytest.raises(UsageError, match="damaged"):
        provide_images(None, {}, tmp_path / "cache", {"app:dev": archive})
    assert not list((tmp_path / "cache" / "images").iterdir())


def test_another_archive_gives_another_layout(tmp_path: Path) -> None:
    """A new build of an image is not taken for the old one."""
    archive = packed(oci("app:dev"), tmp_path / "app.tar")
    first = provide_images(None, {}, tmp_path / "cache", {"app:dev": archive})

    packed(docker("app:dev"), archive)

    assert provide_images(None, {}, tmp_path / "cache", {"app:dev": archive}) != first


def test_an_image_can_be_written_for_docker(tmp_path: Path) -> None:
    """What is loaded into minikube has the name that the scenario gives it, and the same layers."""
    with opened_image(packed(oci("app:dev"), tmp_path / "app.tar"), "app:dev") as found:
        write_docker_archive(found, "shop:2", tmp_path / "written.tar")

    with tarfile.open(tmp_path / "written.tar") as tar:
        listed = json.load(tar.extractfile("manifest.json") or io.BytesIO())
    assert listed[0]["RepoTags"] == ["docker.io/library/shop:2"]
    assert read(tmp_path / "written.tar", "shop:2")[1] == list(LAYERS)
