"""The harness uses a program only if no one but its user and root could have put it there."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.errors import UsageError
from canaryproof.system.ownership import Reason, Trusted, describe, make_folder, require_own, weakness_of
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits

OWN = os.geteuid()
as_root = pytest.mark.skipif(OWN != 0, reason="needs root")


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """A program in two nested folders, all private to their owner."""
    tool = tmp_path / "above" / "tools" / "helm"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    for folder in (tool.parent, tool.parent.parent):
        folder.chmod(0o755)
    return tool


PLACES: dict[str, Callable[[Path], Path]] = {
    "the file": lambda tool: tool,
    "its folder": lambda tool: tool.parent,
    "the folder above": lambda tool: tool.parent.parent,
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("mode", "reason", "remedy"),
    [
        (0o775, Reason.GROUP_WRITES, "chmod g-w"),
        (0o777, Reason.OTHERS_WRITE, "chmod go-w"),
        (0o757, Reason.OTHERS_WRITE, "chmod go-w"),
    ],
)
def test_what_others_may_write_to_is_refused(
    tool: Path, place: Callable[[Path], Path], mode: int, reason: Reason, remedy: str
) -> None:
    """A program is refused if others can write to it, its folder or a parent.

    The error names the command that helps.
    """
    place(tool).chmod(mode)

    weakness = weakness_of(tool, Trusted(frozenset({0, OWN})))

    assert weakness
    assert (weakness.path, weakness.reason) == (place(tool), reason)
    assert f"{place(tool)} has mode {mode:04o}" in describe(weakness)
    assert describe(weakness).endswith(f"{remedy} {place(tool)}")


@as_root
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_belongs_to_somebody_else_is_refused(tool: Path, place: Callable[[Path], Path]) -> None:
    """A program of another owner is refused, who could change it. The user who called sudo is accepted."""
    os.chown(place(tool), 1234, 1234)

    with pytest.raises(UsageError, match=rf"--helm {tool}: {place(tool)} belongs to 1234, .*chown root {place(tool)}$"):
        require_own(tool, "--helm")
    assert weakness_of(tool, Trusted.here({"SUDO_UID": "1234"})) is None


def test_what_is_private_is_accepted(tool: Path) -> None:
    """A private program in a sticky folder such as /tmp is accepted, because others cannot replace it."""
    require_own(tool, "--helm")
    tool.parent.parent.chmod(0o1777)
    require_own(tool, "--helm")
    require_own(tool.parent / "not" / "there", "--helm")


@as_root
def test_in_a_sticky_folder_the_owner_of_an_entry_counts(tool: Path) -> None:
    """A program whose folder in a sticky folder has another owner is refused, because the owner can replace it."""
    tool.parent.parent.chmod(0o1777)
    os.chown(tool.parent, 1234, 1234)

    with pytest.raises(UsageError, match="belongs to 1234"):
        require_own(tool, "--helm")


def test_links_are_no_way_around(tool: Path, tmp_path: Path) -> None:
    """A link is refused if it or its target has another owner."""
    shared = tmp_path / "shared"
    shared.mkdir()
    link = tmp_path / "link"
    link.symlink_to(shared / "again")
    (shared / "again").symlink_to(Path("..") / "above" / "tools")
    require_own(link / "helm", "--helm")

    shared.chmod(0o777)

    assert (weakness_of(link / "helm", Trusted.here()) or pytest.fail("it is weak")).path == shared
    shared.chmod(0o755)
    tool.parent.chmod(0o777)
    assert (weakness_of(link / "helm", Trusted.here()) or pytest.fail("it is weak")).path == tool.parent
    link.unlink()
    link.symlink_to(link)
    assert weakness_of(link, Trusted.here()) is None  # no program is found there either


def test_the_private_group_of_a_user_may_write(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is writable for its owner's private group is accepted, as umask 002 makes it.

    A group of root's, a group with another member, or one with another name is refused.
    """
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    person = pwd.struct_passwd(("ann", "x", 1234, 1234, "", "/", "/bin/sh"))
    other = pwd.struct_passwd(("bob", "x", 1235, 1234, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: person)
    groups = {"private": ("ann", []), "shared": ("ann", ["bob"]), "users": ("users", [])}
    found = {}
    for name, (title, members) in groups.items():
        group = grp.struct_group((title, "x", 1234, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _, group=group: group)
        monkeypatch.setattr(pwd, "getpwall", lambda: [person])
        found[name] = Trusted.here({}).groups
    assert found == {"private": {1234}, "shared": set(), "users": set()}
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("ann", "x", 1234, [])))
    monkeypatch.setattr(pwd, "getpwall", lambda: [person, other])
    assert Trusted.here({}).groups == set()

    tool.chmod(0o775)
    assert weakness_of(tool, Trusted(frozenset({0, OWN}), frozenset({tool.stat().st_gid}))) is None


def test_a_toolchain_of_others_is_refused(tool: Path, tmp_path: Path) -> None:
    """A toolchain folder or a cache folder of another owner is refused before any of its programs run."""
    tool.write_text("#!/bin/sh\ntouch $(dirname $0)/ran\n")
    tool.parent.chmod(0o777)

    with pytest.raises(UsageError, match=r"--toolchain .* everybody could replace .*chmod go-w"):
        provide(cache=tmp_path, progress=Silence(), ready=tool.parent, tools=["helm"], machine=Machine(TimeLimits()))
    assert not (tool.parent / "ran").exists()
    with pytest.raises(UsageError, match=r"the cache folder .* everybody could replace"):
        cache_folder({"XDG_CACHE_HOME": str(tool.parent)})
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "canaryproof"


def test_own_folders_are_nobody_elses(tmp_path: Path) -> None:
    """A new folder is private whatever the umask is, and an existing one keeps its mode."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o770)
    before = os.umask(0)
    try:
        make_folder(tmp_path / "there" / "a" / "b")
    finally:
        os.umask(before)

    assert [(tmp_path / "there" / each).stat().st_mode & 0o777 for each in ("", "a", "a/b")] == [0o770, 0o755, 0o755]
