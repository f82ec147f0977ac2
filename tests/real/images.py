"""Writes the images of the scenarios as archives, like those of ``docker save``, from programs and files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.cluster.image_archives import architecture

APPLETS = ("sh", "cp", "sed", "grep", "sleep", "kill", "pidof", "httpd", "wget", "cat")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SERVES = b"""#!/bin/sh
case "$*" in *--no-such-flag*) echo "unknown flag: --no-such-flag" >&2; exit 2;; esac
[ -z "$STOPS_SLOWLY" ] && trap 'exit 0' TERM
httpd -f -p "${PORT:-8200}" -h /www &
wait
"""


@dataclass(frozen=True)
class Layout:
    """The contents of an image and its configuration."""

    config: Mapping[str, object]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The content of each file by its path in the image. All files are executable."""
    links: Mapping[str, str] = field(default_factory=dict)
    owner: int = 0

    def write(self, names: Sequence[str], archive: Path) -> None:
        """Write *archive* with one image of these *names*."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            entry = tarfile.TarInfo("tmp")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
            for path, content in self.files.items():
                self._add(tar, path, content)
            for path, target in self.links.items():
                entry = tarfile.TarInfo(path)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                tar.addfile(entry)
        digest = hashlib.sha256(layer.getvalue()).hexdigest()
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
        config = {"architecture": architecture(), "os": "linux", "config": dict(self.config), "rootfs": rootfs}
        manifest = [{"Config": "config.json", "RepoTags": list(names), "Layers": [f"{digest}/layer.tar"]}]
        with tarfile.open(archive, "w") as tar:
            self._add(tar, "config.json", json.dumps(config).encode())
            self._add(tar, f"{digest}/layer.tar", layer.getvalue())
            self._add(tar, "manifest.json", json.dumps(manifest).encode())

    def _add(self, tar: tarfile.TarFile, path: str, content: bytes) -> None:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o755, self.owner, self.owner
        tar.addfile(entry, io.BytesIO(content))


def podinfo(programs: Path, source: Path) -> Layout:
    """Return the image that podinfo's Dockerfile describes: both programs, the pages, and the user ``app``."""
    pages = {f"home/app/ui/{each.relative_to(source / 'ui')}": each for each in sorted((source / "ui").rglob("*"))}
    return Layout(
        config={"Cmd": ["./podinfo"], "Env": [f"PATH={_PATH}"], "User": "100:101", "WorkingDir": "/home/app"},
        files={
            "home/app/podinfo": (programs / "podinfo").read_bytes(),
            "usr/local/bin/podcli": (programs / "podcli").read_bytes(),
            "etc/passwd": b"root:x:0:0::/:/bin/false\napp:x:100:101::/home/app:/bin/false\n",
            "etc/group": b"root:x:0:\napp:x:101:\n",
            **{path: file.read_bytes() for path, file in pages.items() if file.is_file()},
        },
        owner=100,
    )


def shell(busybox: Path) -> Layout:
    """Return an image with a shell, whose entry point serves HTTP on ``$PORT``, and exits on ``--no-such-flag``.

    With ``$STOPS_SLOWLY``, it ignores SIGTERM, as many programs do that are the first process of a container.
    """
    return Layout(
        config={"Entrypoint": ["/usr/local/bin/docker-entrypoint.sh"], "Env": [f"PATH={_PATH}"]},
        files={
            "bin/busybox": busybox.read_bytes(),
            "usr/local/bin/docker-entrypoint.sh": _SERVES,
            **{f"www/{each}": b"ok\n" for each in ("index.html", "metrics", "-/ready", "-/healthy")},
            "etc/passwd": b"root:x:0:0::/:/bin/sh\n",
        },
        links={f"bin/{each}": "busybox" for each in APPLETS},
    )
