"""Writes images with one layer of programs and links as archives that containerd imports."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": b"root:x:0:\n",
}


@dataclass(frozen=True)
class Image:
    """The name of an image, its command and its content."""

    names: Sequence[str]
    entrypoint: Sequence[str] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    """The programs by path in the image, without the leading slash. All are executable."""
    links: Mapping[str, str] = field(default_factory=dict)

    def write(self, archive: Path) -> None:
        """Write *archive* in the format of ``docker save``."""
        layer = archive.with_suffix(".layer")
        with tarfile.open(layer, "w") as tar:
            self._fill(tar)
        with layer.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        config = json.dumps(self._config(digest)).encode()
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": list(self.names), "Layers": [f"{digest}/layer.tar"]}]
        with tarfile.open(archive, "w") as tar:
            _add(tar, name, config)
            tar.add(layer, f"{digest}/layer.tar")
            _add(tar, "manifest.json", json.dumps(manifest).encode())
        layer.unlink()

    def _fill(self, tar: tarfile.TarFile) -> None:
        for folder in _folders([*self.files, *self.links, *_ACCOUNTS, "tmp/any"]):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, content in _ACCOUNTS.items():
            _add(tar, name, content)
        for name, target in self.links.items():
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.SYMTYPE
            entry.linkname = target
            tar.addfile(entry)
        for name, file in self.files.items():
            entry = tarfile.TarInfo(name)
            entry.size = file.stat().st_size
            entry.mode = 0o755
            with file.open("rb") as binary:
                tar.addfile(entry, binary)

    def _config(self, digest: str) -> dict[str, object]:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "architecture": machine,
            "os": "linux",
            "config": {"Entrypoint": list(self.entrypoint) or None, "Env": [path]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }


def _folders(names: Iterable[str]) -> list[str]:
    """Return the parent folders of all *names*, each after its own parent."""
    return sorted({str(each) for name in names for each in Path(name).parents} - {"."})


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(content))
