"""Finds other users who could replace a program or a file before this process, which is often root, uses it.

A path is only as safe as every folder on the way to it. The owner of each folder must be trusted, and no other user may
have write permission. In a folder with the sticky bit, such as ``/tmp``, only the owner of an entry can replace it. The
check includes symbolic links and their targets.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from canaryproof.errors import UsageError

OVERFLOW = 65534
"""The uid that files have inside a user namespace if their owner is not mapped into it."""
UID_MAP = Path("/proc/self/uid_map")
MOST_LINKS = 40
"""The number of symbolic links that the kernel follows (``MAXSYMLINKS``)."""


class Reason(Enum):
    """The reason why another user could replace a file."""

    OTHERS_WRITE = "others-write"
    GROUP_WRITES = "group-writes"
    FOREIGN_OWNER = "foreign-owner"


@dataclass(frozen=True)
class Weakness:
    """A file or folder that another user controls."""

    path: Path
    reason: Reason
    mode: int
    owner: int
    group: int


@dataclass(frozen=True)
class Trusted:
    """The users and groups whose files this process trusts as its own."""

    users: frozenset[int]
    groups: frozenset[int] = frozenset()

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> Trusted:
        """Return root and the user of this process. For root, add the user who called ``sudo``.

        The private groups of these users, except root, are trusted too. A private group has the user's name, is the
        user's primary group and has no other member. Systems with umask 002 rely on private groups. In a user
        namespace, the overflow uid is trusted.
        """
        environment = os.environ if environment is None else environment
        own = os.geteuid()
        people = {own}
        if own == 0 and environment.get("SUDO_UID", "").isdecimal():
            people.add(int(environment["SUDO_UID"]))
        groups = {group for each in people - {0} if (group := _private_group(each)) is not None}
        outside = {OVERFLOW} if _in_user_namespace() else set()
        return cls(frozenset({0, *people, *outside}), frozenset(groups))


def weakness_of(path: Path, trusted: Trusted) -> Weakness | None:
    """Return the outermost weakness of *path* and the folders on the way to it, or None if there is none.

    A path that does not exist yet is as safe as its existing folders.
    """
    for each, status in _on_the_way(path):
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        reason = None
        if status.st_uid not in trusted.users:
            reason = Reason.FOREIGN_OWNER
        elif stat.S_ISLNK(status.st_mode) or sticky:
            continue
        elif status.st_mode & stat.S_IWOTH:
            reason = Reason.OTHERS_WRITE
        elif status.st_mode & stat.S_IWGRP and status.st_gid not in trusted.groups:
            reason = Reason.GROUP_WRITES
        if reason:
            return Weakness(each, reason, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return None


def require_own(path: Path, what: str) -> None:
    """Check that no other user could replace *path*. Messages refer to the path as *what*.

    Raises UsageError with the weakness and the command that fixes it.
    """
    if weakness := weakness_of(path, Trusted.here()):
        raise UsageError(f"{what} {path}: {describe(weakness)}")


def describe(weakness: Weakness) -> str:
    """Describe a weakness and its fix for the user."""
    path, place = weakness.path, shlex.quote(str(weakness.path))
    me = _user(os.geteuid())
    danger = f"could replace what {me} uses"
    match weakness.reason:
        case Reason.FOREIGN_OWNER:
            owner = _user(weakness.owner)
            return f"{path} belongs to {owner}, who {danger}; choose another, or chown {me} {place}"
        case Reason.GROUP_WRITES:
            group = _group(weakness.group)
            return f"{path} has mode {weakness.mode:04o}, so the group {group} {danger}; chmod g-w {place}"
        case Reason.OTHERS_WRITE:
            return f"{path} has mode {weakness.mode:04o}, so everybody {danger}; chmod go-w {place}"


def make_folder(folder: Path) -> None:
    """Create *folder* and its missing parents. Only this user can write to them, regardless of the umask.

    Raises OSError when a folder cannot be created.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o755, exist_ok=True)
        each.chmod(each.stat().st_mode & 0o755)


def _on_the_way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield each existing component on the way to *path*, including symbolic links and their targets."""
    here, waiting, links = Path("/"), list(path.absolute().parts[1:]), 0
    yield here, here.lstat()
    while waiting:
        part = waiting.pop(0)
        if part == os.pardir:
            here = here.parent
            continue
        step = here / part
        try:
            status = step.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        yield step, status
        if not stat.S_ISLNK(status.st_mode):
            here = step
        elif (links := links + 1) > MOST_LINKS:
            return
        else:
            target = step.readlink()
            here = Path("/") if target.is_absolute() else here
            waiting = [each for each in target.parts if each != "/"] + waiting


def _private_group(user: int) -> int | None:
    """Return the private group of a user, or None if the user has none."""
    try:
        person = pwd.getpwuid(user)
        group = grp.getgrgid(person.pw_gid)
    except KeyError:
        return None
    others = {each.pw_name for each in pwd.getpwall() if each.pw_gid == person.pw_gid} | set(group.gr_mem)
    return group.gr_gid if group.gr_name == person.pw_name and others <= {person.pw_name} else None


def _in_user_namespace() -> bool:
    """Report whether this process runs in a user namespace that does not map all users of the machine."""
    return UID_MAP.exists() and UID_MAP.read_text(encoding="ascii").split() != ["0", "0", str(2**32 - 1)]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
