"""The kind provider uses pytest-kind with time limits, complete errors and full cleanup."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from canaryproof.cluster.kind.capabilities import lacks_sys_resource
from canaryproof.cluster.kind.cluster_record import Made, held_record
from canaryproof.cluster.kind.config import NODE_REGISTRIES, cluster_configuration, only_registry, registry_mirror
from canaryproof.cluster.kind.docker import Docker
from canaryproof.cluster.kind.node_registry import serving
from canaryproof.cluster.kind.pytest_kind_cluster import Kind, kind_of
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.errors import ClusterError, UsageError
from canaryproof.timeouts import TimeLimits

KUBECONFIG = """
current-context: kind-trial
clusters: [{name: kind-trial, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: kind-trial, context: {cluster: kind-trial, user: kind-trial}}]
users: [{name: kind-trial, user: {token: t}}]
"""
FAKE_KIND = """\
#!/bin/sh
echo "$*" >> {folder}/calls
if [ -e {folder}/hangs ]; then sleep 60; fi
if [ -e {folder}/broken ] && [ "$1" = create ]; then cat {folder}/broken >&2; exit 1; fi
for argument; do case $argument in --kubeconfig=*) file=${{argument#*=}};; esac; last=$argument; done
case "$1 $2" in
  "get clusters") cat {folder}/clusters ;;
  "create cluster") echo trial > {folder}/clusters; cat {folder}/kubeconfig > "$file" ;;
  "export kubeconfig") cat {folder}/kubeconfig > "$last" ;;
  "delete cluster") : > {folder}/clusters ;;
esac
"""
FAKE_DOCKER = """\
#!/bin/sh
case "$1" in
  info) cat {folder}/info || {{ echo "Cannot connect to the Docker daemon" >&2; exit 1; }} ;;
  container) cat {folder}/container || exit 1 ;;
  exec) cat {folder}/refusal >&2 && exit 7; exit 0 ;;
esac
"""


@dataclass(frozen=True)
class Stage:
    """A folder with a fake kind and a fake docker."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    @property
    def docker(self) -> Docker:
        return Docker({"PATH": f"{self.folder}:/usr/bin:/bin"}, TimeLimits())

    @contextmanager
    def kind(self, kubeconfig: Path | None = None, within: float = 60) -> Iterator[Kind]:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        binary = self.folder / "kind"
        with kind_of(
            "trial",
            binary,
            scratch,
            kubeconfig=kubeconfig,
            image=None,
            kubectl=None,
            time_limits=TimeLimits(kind=within),
        ) as kind:
            yield kind


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage without a cluster. The current folder is empty."""
    folder, current = tmp_path / "stage", tmp_path / "current"
    folder.mkdir()
    current.mkdir()
    monkeypatch.chdir(current)
    made = Stage(folder)
    for name, text in (("kind", FAKE_KIND), ("docker", FAKE_DOCKER)):
        made.write(name, text.format(folder=folder))
        (folder / name).chmod(0o755)
    made.write("clusters", "")
    made.write("kubeconfig", KUBECONFIG)
    return made


def test_a_cluster_is_created_with_a_configuration_file(stage: Stage) -> None:
    """The provider creates a cluster with a configuration file, which pytest-kind's stock fixture does not pass."""
    configuration = stage.folder / "cluster.json"

    with stage.kind() as kind:
        assert not kind.exists()
        kind.create(configuration)
        assert kind.exists()

    (call,) = (it for it in stage.calls if it.startswith("create"))
    assert f"--config {configuration}" in call


def test_a_cluster_of_another_folder_is_used(stage: Stage) -> None:
    """The provider uses a cluster from another folder, for which kind writes the kubeconfig first.

    Without it, pytest-kind fails on an empty kubeconfig that it creates itself.
    """
    stage.write("clusters", "other\ntrial\n")

    with stage.kind() as kind:
        kind.use()
        assert kind.kubeconfig == Path.cwd() / ".pytest-kind" / "trial" / "kubeconfig"
        assert "kind-trial" in kind.kubeconfig.read_text(encoding="utf-8")

    assert not any(it.startswith("create") for it in stage.calls)


def test_the_kubeconfig_is_where_the_user_says(stage: Stage, tmp_path: Path) -> None:
    """The provider writes the kubeconfig to the path in ``--kubeconfig``, as pytest-kind does."""
    with stage.kind(tmp_path / "mine") as kind:
        kind.create(stage.folder / "cluster.json")

    assert (tmp_path / "mine").read_text(encoding="utf-8") == KUBECONFIG


def test_the_folder_of_pytest_kind_goes_with_the_block(stage: Stage) -> None:
    """The provider removes pytest-kind's folder from the user's project if it contains only the kubeconfig."""
    with stage.kind() as kind:
        assert kind.kubeconfig.parent.is_dir()

    assert list(Path.cwd().iterdir()) == []


def test_a_folder_that_was_there_stays(stage: Stage) -> None:
    """The provider keeps a folder that existed before, with a binary that pytest-kind fetched for other tests."""
    fetched = Path(".pytest-kind/trial/kind-v0.17.0")
    fetched.parent.mkdir(parents=True)
    fetched.touch()

    with stage.kind():
        pass

    assert fetched.exists()


def test_what_kind_says_is_told(stage: Stage) -> None:
    """The provider's error quotes kind and names a remedy. That of pytest-kind has only the exit code."""
    stage.write("broken", "runc: unable to apply caps: operation not permitted")

    with stage.kind() as kind, pytest.raises(ClusterError, match=r"(?s)unable to apply caps.*CAP_SYS_RESOURCE"):
        kind.create(stage.folder / "cluster.json")


def test_no_call_of_kind_waits_for_ever(stage: Stage) -> None:
    """The provider ends every call of kind at a time limit, and the error names the command."""
    stage.write("hangs", "")

    with (
        stage.kind(within=0.5) as kind,
        pytest.raises(ClusterError, match=r"delete cluster .*\ndid not end within 0.5 s"),
    ):
        kind.delete()


def test_a_node_is_told_what_the_machine_needs() -> None:
    """The node configuration mounts a folder of registries, and allows for cgroup v1 and a missing capability."""
    plain = json.loads(cluster_configuration(Path("/r"), cgroups="2", clamped=False))
    odd = json.loads(cluster_configuration(Path("/r"), cgroups="1", clamped=True))

    (node,) = plain["nodes"]
    assert node["extraMounts"] == [{"hostPath": "/r", "containerPath": NODE_REGISTRIES, "readOnly": True}]
    assert ["failCgroupV1: false" in str(it["kubeadmConfigPatches"]) for it in (plain, odd)] == [False, True]
    for setting in ("serializeImagePulls: false", "seccompDefault: true", "podPidsLimit: 512"):
        assert setting in plain["kubeadmConfigPatches"][0]
    assert ["restrict_oom_score_adj" in str(it["containerdConfigPatches"]) for it in (plain, odd)] == [False, True]


@pytest.mark.parametrize(("bounding", "lacks"), [("000001ffffffffff", False), ("000001fffeffffff", True)])
def test_a_missing_capability_is_seen(bounding: str, lacks: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """The provider detects a missing CAP_SYS_RESOURCE, which Docker's ``--privileged`` needs.

    Unknown counts as present.
    """
    assert lacks_sys_resource(f"Name: x\nCapBnd:\t{bounding}\n") is lacks
    assert lacks_sys_resource("Name: x\n") is False


def test_stand_ins_have_no_way_around() -> None:
    """The configuration for stand-ins allows no other registry, and that for a mirror falls back to the original."""
    assert only_registry("http://10.0.0.1:5").startswith('server = "http://10.0.0.1:5"\n[host."http://10.0.0.1:5"]')
    assert "server =" not in registry_mirror("http://10.0.0.1:5")


def test_a_record_is_of_one_run_at_a_time(tmp_path: Path) -> None:
    """Only one run at a time can hold a cluster's record, so that no run deletes another one's cluster."""
    with (
        held_record(tmp_path, "trial"),
        pytest.raises(ClusterError, match=rf"another run \(process {os.getpid()}\).*--cluster-name"),
        held_record(tmp_path, "trial"),
    ):
        pass
    with held_record(tmp_path, "trial"), held_record(tmp_path, "other"):
        pass


@pytest.mark.parametrize("name", ["../up", "", "Upper", "a/b"])
def test_a_name_is_one_that_kind_takes(tmp_path: Path, name: str) -> None:
    """The provider accepts only cluster names that kind allows, because a name is also a cache folder."""
    with pytest.raises(UsageError, match="small letters"), held_record(tmp_path, name):
        pass


def test_a_record_says_how_a_cluster_was_made(tmp_path: Path) -> None:
    """The record states the kind of images, so that a cluster with stand-ins is never used for upstream images."""
    with held_record(tmp_path, "trial") as record:
        assert record.made() is None
        record.note(Made(images="stand-in", node_image="", network=True))
        record.send_to("server")
        assert record.made() == Made(images="stand-in", node_image="", network=True)
        record.forget()
        assert record.made() is None

    assert [it.name for it in (tmp_path / "trial").iterdir()] == ["lock"]


def test_docker_is_asked_what_it_runs_on(stage: Stage) -> None:
    """The provider asks Docker for the cores of its machine, which may be a remote one."""
    stage.write("info", '{"NCPU": 6, "CgroupVersion": "2"}')

    assert (stage.docker.engine().cores, stage.docker.engine().cgroups) == (6, "2")


def test_a_docker_that_does_not_answer_is_told(stage: Stage) -> None:
    """The provider's error quotes Docker and names a remedy if Docker does not answer."""
    with pytest.raises(ClusterError, match=r"Cannot connect to the Docker daemon; start it"):
        stage.docker.engine()
    stage.write("info", '{"ServerErrors": ["Cannot connect"]}')
    with pytest.raises(ClusterError, match=r"Cannot connect; start it"):
        stage.docker.engine()
    with pytest.raises(ClusterError, match="no command docker on PATH"):
        Docker({"PATH": "/nowhere"}, TimeLimits()).engine()


def _node_at(gateway: str) -> str:
    return json.dumps([{"NetworkSettings": {"Networks": {"kind": {"Gateway": gateway}}}}])


def test_stand_ins_are_served_where_nodes_see_the_machine(stage: Stage, tmp_path: Path) -> None:
    """The registry for stand-ins listens only at the gateway of Docker's network."""
    stage.write("container", _node_at("127.0.0.1"))
    layout = provide_images(Path(sys.executable), {"course/app:v1": ("serve",)}, tmp_path)

    with (
        serving(layout, "trial-control-plane", stage.docker) as url,
        urllib.request.urlopen(f"{url}/v2/course/app/manifests/v1") as answer,  # noqa: S310  # the test's own URL
    ):
        assert url.startswith("http://127.0.0.1:")
        assert answer.status == 200


def test_a_firewall_between_node_and_images_is_told(stage: Stage, tmp_path: Path) -> None:
    """The provider reports a firewall between nodes and registry before any submission fails for a missing image."""
    stage.write("container", _node_at("127.0.0.1"))
    stage.write("refusal", "curl: (28) Connection timed out")
    layout = provide_images(Path(sys.executable), {}, tmp_path)

    with (
        pytest.raises(ClusterError, match=r"(?s)Connection timed out.*ufw allow.*--images upstream"),
        serving(layout, "trial-control-plane", stage.docker),
    ):
        pass


@pytest.mark.parametrize("gateway", ["192.0.2.77", ""])
def test_a_docker_elsewhere_has_no_stand_ins(stage: Stage, tmp_path: Path, gateway: str) -> None:
    """The provider refuses stand-ins with a remote Docker, and the error names the alternative."""
    stage.write("container", _node_at(gateway))
    layout = provide_images(Path(sys.executable), {}, tmp_path)

    with (
        pytest.raises(ClusterError, match="use --images upstream"),
        serving(layout, "trial-control-plane", stage.docker),
    ):
        pass


def test_a_lock_is_the_kernels(tmp_path: Path) -> None:
    """The lock is released by the kernel when a run is killed."""
    with held_record(tmp_path, "trial"):
        pass
    with (tmp_path / "trial" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
