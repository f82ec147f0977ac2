"""Without root, each gap of the machine is reported with its remedy, and ids are mapped as granted."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.cgroups import remove_cgroups
from canaryproof.cluster.embedded.provider import refuse_gaps
from canaryproof.cluster.embedded.rootless import Grants, ask, gaps, instructions, scope, session
from canaryproof.cluster.embedded.supervisor import cgroup_delegation
from canaryproof.errors import ClusterError
from canaryproof.timeouts import TimeLimits

GENEROUS = Grants(
    user="sam",
    kernel=(6, 1),
    unified=True,
    settings={"kernel.unprivileged_userns_clone": "1", "user.max_user_namespaces": "12345"},
    mappers={"newuidmap": "/usr/bin/newuidmap", "newgidmap": "/usr/bin/newgidmap"},
    subordinates={"/etc/subuid": ((100000, 65536),), "/etc/subgid": ((5, 10), (200000, 65536))},
    controllers=("cpuset", "cpu", "memory", "pids"),
)


def test_a_machine_that_grants_all_has_no_gaps() -> None:
    """A machine that grants everything has no gaps, such as Debian 12 with the package uidmap."""
    assert gaps(GENEROUS) == ()


@pytest.mark.parametrize(
    ("lacking", "problem", "remedy"),
    [
        ({"kernel": (5, 10)}, "the kernel is 5.10, and 5.11 is needed", "upgrade it"),
        (
            {"settings": {"kernel.unprivileged_userns_clone": "0"}},
            "kernel.unprivileged_userns_clone is 0: users get no namespaces",
            "sudo sysctl --write kernel.unprivileged_userns_clone=1",
        ),
        (
            {"settings": {"kernel.apparmor_restrict_unprivileged_userns": "1"}},
            "kernel.apparmor_restrict_unprivileged_userns is 1: users get no namespaces",
            "sudo sysctl --write kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            {"settings": {"user.max_user_namespaces": "0"}},
            "user.max_user_namespaces is 0",
            "sudo sysctl --write user.max_user_namespaces=10000",
        ),
        ({"mappers": {"newuidmap": "/x"}}, "there is no command newgidmap", "sudo apt-get install uidmap"),
        (
            {"subordinates": {**GENEROUS.subordinates, "/etc/subuid": ((100000, 65535),)}},
            "/etc/subuid gives sam no 65536 ids in a row",
            "sudo usermod --add-subuids 100000-165535 sam",
        ),
        ({"unified": False}, "not cgroup v2", "systemd.unified_cgroup_hierarchy=1"),
        ({"against_scope": "no bus"}, "no cgroup can be had from the user's systemd (no bus)", "log in as sam by ssh"),
        ({"controllers": ("memory", "pids")}, "the user's cgroup cannot limit cpu", "Delegate=cpu memory pids"),
    ],
)
def test_each_gap_has_the_command_that_closes_it(lacking: dict[str, object], problem: str, remedy: str) -> None:
    """Each gap names the command that closes it, and one fault of the machine gives one gap."""
    (gap,) = gaps(replace(GENEROUS, **lacking))  # type: ignore[arg-type]  # parametrized

    assert problem in gap.problem
    assert remedy in gap.remedy


def test_all_gaps_are_told_at_once() -> None:
    """One error lists all gaps, and names root and other clusters as alternatives."""
    bare = Grants(user="sam", kernel=(4, 18), unified=False)

    with pytest.raises(ClusterError) as caught:
        refuse_gaps(gaps(bare))

    told = str(caught.value)
    assert all(part in told for part in ("4.18", "newuidmap", "newgidmap", "subuid", "subgid", "cgroup v2"))
    assert all(part in told for part in ("needs root", "with sudo", "--cluster kind"))


def test_no_gaps_are_no_fault() -> None:
    """A machine without gaps is not refused."""
    refuse_gaps(())


def test_the_user_is_root_inside_and_has_the_granted_ids_beside() -> None:
    """The user is mapped to id 0, and the first granted range that is long enough to the ids from 1 on."""
    plan = instructions(GENEROUS, "ours", {"pids.max": "9"})
    user, group = str(os.geteuid()), str(os.getegid())

    assert plan.cgroup == "ours"
    assert plan.mappings == (
        ("/usr/bin/newuidmap", "0", user, "1", "1", "100000", "65535"),
        ("/usr/bin/newgidmap", "0", group, "1", "1", "200000", "65535"),
    )


def test_a_cgroup_is_asked_of_systemd_unless_it_is_there() -> None:
    """The cluster's cgroup comes from systemd, unless the process already runs in a delegated one."""
    assert scope(GENEROUS, "ours")[0] == "systemd-run"
    assert scope(GENEROUS, "ours")[-2:] == ("--unit=ours", "--")
    assert scope(replace(GENEROUS, delegated=True), "ours") == ()
    assert gaps(replace(GENEROUS, delegated=True, against_scope="there is no systemd")) == ()


def test_systemd_is_found_after_su_too() -> None:
    """The folder of systemd's user session is found even if its variable is lost, as after su."""
    assert session({})["XDG_RUNTIME_DIR"] == f"/run/user/{os.geteuid()}"
    assert session({"XDG_RUNTIME_DIR": "/elsewhere", "SECRET": "x"}) == {"XDG_RUNTIME_DIR": "/elsewhere"}


def test_a_machine_is_asked_by_its_files(tmp_path: Path) -> None:
    """The settings, ranges and commands are read from the files of the kernel and the distribution."""
    files = {
        "proc/sys/kernel/unprivileged_userns_clone": "0\n",
        "etc/subuid": f"someone:1:65536\n{os.geteuid()}:300000:65536\nbroken\n",
        "bin/newuidmap": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "bin" / "newuidmap").chmod(0o755)

    found = ask({"PATH": str(tmp_path / "bin")}, TimeLimits(), tmp_path)

    assert found.settings == {"kernel.unprivileged_userns_clone": "0"}
    assert found.subordinates == {"/etc/subuid": ((300000, 65536),), "/etc/subgid": ()}
    assert found.mappers == {"newuidmap": str(tmp_path / "bin" / "newuidmap")}
    assert found.kernel > (0, 0)
    assert not found.unified


def test_a_cgroup_is_made_in_the_delegated_one(tmp_path: Path) -> None:
    """A cgroup in a delegated one is created after its processes have moved to a leaf.

    A cgroup v2 that delegates controllers must not contain processes.
    """
    (tmp_path / "cgroup.procs").write_text("41\n42\n")
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")

    made = cgroup_delegation.make_cgroup("ours", tmp_path, {"pids.max": "9"})

    assert made == tmp_path / "ours"
    assert made.is_dir()
    assert (tmp_path / cgroup_delegation.LEAF / "cgroup.procs").read_text() == "42"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


@pytest.mark.parametrize("leaf", ["", f"/{cgroup_delegation.LEAF}"])
def test_a_second_cluster_finds_the_same_delegated_cgroup(tmp_path: Path, leaf: str) -> None:
    """A second cluster finds the same delegated cgroup, although the first start has moved this process to a leaf."""
    told = tmp_path / "cgroup"
    told.write_text(f"1:name=systemd:/old\n0::/user.slice/mine.scope{leaf}\n")

    assert cgroup_delegation.own_cgroup(Path("/sys/fs/cgroup"), told) == Path("/sys/fs/cgroup/user.slice/mine.scope")


def test_what_systemd_gave_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The removal of an ordinary user's cluster removes its systemd scope like any other cgroup."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    left = tmp_path / "user.slice/user-1000.slice/user@1000.service/app.slice/ours.scope/ours/kubepods"
    left.mkdir(parents=True)
    (tmp_path / "cgroup.controllers").touch()

    remove_cgroups("ours", 60, tmp_path)

    assert not left.parents[1].exists()
    assert left.parents[2].exists()
