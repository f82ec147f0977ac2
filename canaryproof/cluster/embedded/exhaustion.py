"""Measures the exhausted resources of the embedded cluster's machine: space, files, inotify instances and keys.

The cluster's file systems are in its own mount namespace, which other processes reach through ``/proc/PID/root``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from canaryproof.cluster.embedded.components import STATE, memory_folder_paths

_LEAST = 2**20
"""A file system with fewer free bytes than this is full: the next program may not fit."""
_NEARLY = 0.98
"""The fraction of a kernel limit that counts as all of it."""


def exhausted_below(process: int, proc: Path = Path("/proc")) -> tuple[str, ...] | None:
    """Return the exhausted resources of the cluster's machine, such as ``/var/log has no space``.

    *process* is the one that started the cluster. Returns None if the cluster cannot be found.
    """
    root = next(
        (each for each in _roots(process, proc) if (each / STATE.relative_to("/") / "kubelet.yaml").exists()), None
    )
    if root is None:
        return None
    return (*_full(root), *_limits(proc))


def _roots(process: int, proc: Path) -> Iterator[Path]:
    """Yield the root folders of the descendants of *process*, those of its children first."""
    children: dict[int, list[int]] = {}
    for file in proc.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # the process has ended
            head, _, rest = file.read_text(encoding="utf-8", errors="replace").rpartition(")")
            children.setdefault(int(rest.split()[1]), []).append(int(head.partition(" ")[0]))
    waiting = [process]
    while waiting:
        found = [child for each in waiting for child in children.get(each, [])]
        yield from (proc / str(each) / "root" for each in found)
        waiting = found


def _full(root: Path) -> Iterator[str]:
    for folder in memory_folder_paths():
        with suppress(OSError):  # the cluster has ended
            size = os.statvfs(root / folder.lstrip("/"))
            if size.f_bavail * size.f_frsize < _LEAST:
                yield f"{folder} has no space"
            elif not size.f_favail:
                yield f"{folder} has no room for files"


def _limits(proc: Path) -> Iterator[str]:
    """Yield the limits of the kernel that are reached, for the user of this process."""
    with suppress(OSError, ValueError):
        used, _, most = map(int, (proc / "sys/fs/file-nr").read_text(encoding="ascii").split())
        if used >= most * _NEARLY:
            yield f"the machine has {used} of {most} open files"
    with suppress(OSError, ValueError):
        most = int((proc / "sys/fs/inotify/max_user_instances").read_text(encoding="ascii"))
        if (used := _inotify_instances(proc)) >= most * _NEARLY:
            yield f"the user has {used} of {most} inotify instances"
    with suppress(OSError, ValueError):
        for line in (proc / "key-users").read_text(encoding="ascii").splitlines():
            user, _, _, *quotas = line.split()
            if int(user.rstrip(":")) == os.geteuid():
                for used, most in (map(int, each.split("/")) for each in quotas):
                    if used >= most * _NEARLY:
                        yield f"the user has {used} of {most} keys, or bytes of keys"


def _inotify_instances(proc: Path) -> int:
    """Return the number of inotify instances of this user. One that several processes share counts several times."""
    count = 0
    for folder in proc.glob("[0-9]*/fd"):
        with suppress(OSError):  # the process has ended, or is of another user
            if folder.stat().st_uid == os.geteuid():
                count += sum(str(each.readlink()) == "anon_inode:inotify" for each in folder.iterdir())
    return count
