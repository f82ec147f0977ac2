"""Makes archives, both as common tools make them and as an attacker would."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: upcommerce\nversion: 0.1.0\n",
    "values.yaml": "replicaCount: 1\n",
    "templates/app.yaml": "kind: Deployment\n",
}
"""The smallest chart, as a map of paths to contents."""

Files = Mapping[str, str | bytes]


def chart(folder: str = "upcommerce/") -> dict[str, str | bytes]:
    """Return the files of a chart in a folder. ``""`` stands for no folder."""
    return {f"{folder}{path}": text for path, text in CHART.items()}


def write(folder: Path, files: Files) -> Path:
    """Write files to a folder, and return the folder."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(content))
    return folder


def pack_zip(archive: Path, files: Files, *, modes: Mapping[str, int] | None = None) -> Path:
    """Make a zip. *modes* maps paths to Unix modes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = (modes or {}).get(path, 0) << 16
            packed.writestr(info, _bytes(content), zipfile.ZIP_DEFLATED)
    return archive


def pack_tar(archive: Path, files: Files, *others: tarfile.TarInfo) -> Path:
    """Make a tar, compressed unless its name ends in ``.tar``. *others* are entries of other types."""
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as packed:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(_bytes(content))
            packed.addfile(info, io.BytesIO(_bytes(content)))
        for info in others:
            packed.addfile(info)
    return archive


def tar_entry(path: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a tar entry without content, such as a link, a device or a pipe."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return info


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
