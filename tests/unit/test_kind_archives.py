"""The written image archives are complete and valid for containerd and Docker."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.kind.archives import Image


def contents(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {each.name: file.read() for each in tar if (file := tar.extractfile(each))}


def described(image: Image, folder: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Write *image*, and return the files of its archive and its manifest entry."""
    archive = folder / "image.tar"
    image.write(archive)
    written = contents(archive.read_bytes())
    (entry,) = json.loads(written["manifest.json"])
    return written, entry


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program file without execute permission."""
    file = tmp_path / "program"
    file.write_bytes(b"\x7fELF")
    file.chmod(0o600)
    return file


@pytest.fixture
def layer(program: Path, tmp_path: Path) -> list[tarfile.TarInfo]:
    """Return the entries of an image with one program and one link, in order."""
    image = Image(["a:1"], files={"usr/local/bin/program": program}, links={"usr/sbin/other": "../local/bin/program"})
    written, entry = described(image, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(written[entry["Layers"][0]])) as tar:
        return tar.getmembers()


def test_the_manifest_leads_to_what_the_digests_say(program: Path, tmp_path: Path) -> None:
    """The manifest names the configuration and the layer, whose digest is in the configuration."""
    written, entry = described(Image(["a:1", "b:2"], files={"program": program}), tmp_path)
    config, (layer,) = written[entry["Config"]], entry["Layers"]

    assert entry["RepoTags"] == ["a:1", "b:2"]
    assert entry["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(written[layer]).hexdigest()}"]


@pytest.mark.parametrize(("entrypoint", "told"), [(("/agnhost", "pause"), ["/agnhost", "pause"]), ((), None)])
def test_an_image_runs_what_it_says(tmp_path: Path, entrypoint: tuple[str, ...], told: list[str] | None) -> None:
    """An image of components has no entry point, because static pods set the command."""
    written, entry = described(Image(["a:1"], entrypoint=entrypoint), tmp_path)

    assert json.loads(written[entry["Config"]])["config"]["Entrypoint"] == told


def test_programs_and_links_are_where_they_belong(layer: list[tarfile.TarInfo]) -> None:
    """Programs in an image are executable by all users, and links are links."""
    found = {each.name: each for each in layer}

    assert (found["usr/local/bin/program"].mode, found["usr/local/bin/program"].size) == (0o755, 4)
    assert (found["usr/sbin/other"].issym(), found["usr/sbin/other"].linkname) == (True, "../local/bin/program")


def test_each_folder_stands_before_what_is_in_it(layer: list[tarfile.TarInfo]) -> None:
    """Each folder precedes its content in a layer, so that its permissions are defined."""
    names = [each.name for each in layer]

    for place, name in enumerate(names):
        assert {str(it) for it in Path(name).parents} - {"."} <= set(names[:place])


def test_an_image_is_fit_for_any_user(layer: list[tarfile.TarInfo]) -> None:
    """An image names the users root and nobody, and all users may write to /tmp."""
    found = {each.name: each for each in layer}

    assert {"etc/passwd", "etc/group"} <= found.keys()
    assert found["tmp"].mode == 0o1777


def test_nothing_but_the_archive_stays(tmp_path: Path) -> None:
    """The writer keeps only the archive and no copy of the large layers."""
    Image(["a:1"]).write(tmp_path / "image.tar")

    assert [it.name for it in tmp_path.iterdir()] == ["image.tar"]
