"""A kept cluster has a name, lives as long as its holder's lock, and is reused only for the same tools and images."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.persistent.messages import instructions, line_about, stays
from canaryproof.cluster.embedded.persistent.provider import end, unfitness
from canaryproof.cluster.embedded.persistent.state import Kept, Place, fingerprint, place_of, places
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import UsageError
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import detached
from canaryproof.timeouts import TimeLimits

KEPT = Kept("2026-01-01T12:00:00+00:00", "tools", "1.37.2", 1, 2, "stand-in", "canaryproof", 4.1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return the folder in which a cluster may be kept."""
    return place_of(tmp_path, "lab")


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    """Return an existing toolchain."""
    for name in ("kubectl", "etcd"):
        (tmp_path / name).write_text(name)
    return Toolchain("1.37.2", "4.3.1", {name: tmp_path / name for name in ("kubectl", "etcd")})


def test_a_cluster_lives_as_long_as_its_holder(place: Place, toolchain: Toolchain) -> None:
    """A reader finds the cluster's description, kubeconfig and commands, and later the message about its end."""
    with place.held():
        place.publish(KEPT, Path("/run/kubeconfig"), toolchain)

        assert place.is_held
        assert place.holder == os.getpid()
        assert place.read() == KEPT
        assert place.kubeconfig.readlink() == Path("/run/kubeconfig")
        assert [file.name for file in place.binaries.iterdir()] == ["kubectl"]
        assert unfitness(place, place.read(), "tools") == ""
        place.note("etcd ended\nits log")

    assert not place.is_held
    assert unfitness(place, place.read(), "tools") == "has ended (etcd ended its log)"


def test_a_holder_that_was_killed_could_say_nothing(place: Place) -> None:
    """The lock shows the end of a holder that was killed without a message."""
    with place.held():
        pass

    assert unfitness(place, KEPT, "tools") == "has ended (it was killed)"
    assert unfitness(place, None, "tools") == ""  # a holder that was never ready is no loss


def test_a_cluster_of_other_tools_does_not_fit(place: Place) -> None:
    """A cluster with other tools, or from another version of the harness, is not reused."""
    with place.held():
        assert unfitness(place, KEPT, "other") == "has other tools or images"
        (place.folder / "cluster.json").write_text("{}")
        assert unfitness(place, place.read(), "tools") == "has other tools or images"


def test_tools_and_images_tell_clusters_apart(toolchain: Toolchain) -> None:
    """A cluster is not reused if the content of a binary has changed."""
    own = fingerprint(toolchain, {"image:1": ("serve",)})

    assert fingerprint(toolchain, {"image:1": ("serve",)}) == own
    assert fingerprint(toolchain, {"image:1": ("crash",)}) != own
    toolchain.path("etcd").write_text("newer etcd")
    assert fingerprint(toolchain, {"image:1": ("serve",)}) != own


def test_the_next_holder_begins_with_an_empty_folder(place: Place, toolchain: Toolchain) -> None:
    """A new holder begins with an empty folder, without the files of a dead cluster."""
    with place.held():
        place.publish(KEPT, Path("/run/kubeconfig"), toolchain)
        place.note("etcd ended")
    with place.held():
        assert (place.read(), place.fault) == (None, "")


def test_ending_what_has_ended_removes_it(place: Place) -> None:
    """The end of a cluster that has already ended removes its folder, without a signal."""
    with place.held():
        pass

    assert not end(place, TimeLimits())
    assert not place.folder.exists()


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b", "x" * 64])
def test_names_are_those_of_folders(tmp_path: Path, name: str) -> None:
    """A cluster name that leads out of the folder of kept clusters is refused."""
    with pytest.raises(UsageError, match="a cluster cannot be called"):
        place_of(tmp_path, name)


def test_all_kept_clusters_are_listed(tmp_path: Path, place: Place, toolchain: Toolchain) -> None:
    """The list contains the clusters that run, that start, and that have ended unnoticed."""
    other, third = place_of(tmp_path, "other"), place_of(tmp_path, "third")
    with place.alone(), place.held(), other.held():
        place.publish(KEPT, Path("/run/kubeconfig"), toolchain)
        with third.held():
            third.note("etcd ended")

        assert [line_about(each) for each in places(tmp_path)] == [
            f"lab: Kubernetes 1.37.2, up since {KEPT.started}, KUBECONFIG={place.kubeconfig}",
            "other: starting",
            "third: ended: etcd ended",
        ]
    assert places(tmp_path / "nothing") == ()


def test_a_person_is_told_all_that_it_takes(place: Place) -> None:
    """The instructions state how to reach and end the cluster, and the assignment's commands, as a shell script."""
    text = instructions(place, KEPT, load_scenario(), "re-used")

    commands = [line for line in text.splitlines() if not line.startswith("#")]
    assert commands == [
        f"export KUBECONFIG={place.kubeconfig}",
        f"export PATH={place.binaries}:$PATH  # kubectl, helm",
    ]
    for told in ("is up: re-used", "helm rollback upcommerce 1 --namespace sre", "# to end it: canaryproof down"):
        assert told in text
    assert stays(place)[1] == "canaryproof down lab"
    assert stays(Place(place.kept, "canaryproof"))[1] == "canaryproof down"


def test_a_person_is_told_what_the_cluster_lacks(place: Place) -> None:
    """The instructions give the reason why Services have no addresses, as a comment of one line."""
    text = instructions(place, replace(KEPT, lack="no nft\nhere"), load_scenario())

    assert "# Services have no addresses: no nft here" in text.splitlines()


def test_a_program_that_stays_is_given_its_order(tmp_path: Path) -> None:
    """A detached program gets its order. Its lines are passed on until it falls silent, and the rest is logged."""
    with detached("json.tool", order=b"[1]", log=tmp_path / "log") as lines:
        assert list(lines) == [b"[\n", b"    1\n", b"]\n"]
    with detached("json.tool", order=b"no", log=tmp_path / "log") as lines:
        assert list(lines) == []
    assert "Expecting value" in (tmp_path / "log").read_text()
