"""The plan of the embedded cluster is a value, which tests examine without starting the cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from canaryproof.cluster import pod_requests
from canaryproof.cluster.embedded import components
from canaryproof.cluster.embedded.certificates import make_certificates
from canaryproof.cluster.embedded.provider import refuse_unsuitable
from canaryproof.cluster.embedded.resource_limits import Machine, limits_on, memory_sizes
from canaryproof.cluster.embedded.supervisor.spec import (
    RESERVED_PROCESSES,
    MemoryFolder,
    Plan,
    Process,
    Rootless,
    from_json,
)
from canaryproof.cluster.image_sources import Upstream
from canaryproof.errors import ClusterError
from canaryproof.timeouts import TimeLimits

GIB = 2**30
LIMITS = limits_on(Machine(4 * GIB, 4 * GIB, 32768), pulls_images=False)
BINARIES = components.Binaries(lambda name: Path("/tools") / name)


def test_a_plan_survives_its_journey() -> None:
    """The first process receives exactly the plan that the harness made."""
    plan = Plan(
        hostname="node1",
        addresses=("192.0.2.10",),
        cgroups=(("/sys/fs/cgroup/ours", "/sys/fs/cgroup"),),
        memory_folders=(MemoryFolder("/run", 2**26),),
        program_folders=("/tools",),
        files={"/run/a": "text"},
        pods_processes=900,
        images="/images",
        registry_port=5000,
        api_port=6443,
        processes=(Process("etcd", "/tools/etcd", ("/tools/etcd", "--x"), "/logs/etcd.log", trial=("/nft",)),),
        environment={"PATH": "/bin"},
        rootless=Rootless("ours", (("newuidmap", "0", "1", "2"),), {"pids.max": "9"}),
        tick=0.01,
        answer=1,
    )

    assert from_json(plan.to_json()) == plan


def test_everything_the_cluster_writes_is_in_memory() -> None:
    """The cluster writes only to its own folders in memory. Only its logs go to the run folder."""
    files = components.files(BINARIES, make_certificates(components.SERVER_ADDRESSES), LIMITS)

    assert all(name.startswith("/run/canaryproof/") for name in files)
    # containerd's default folder for optional parts would be in the host's /opt
    assert 'path = "/run/canaryproof/opt"' in files["/run/canaryproof/containerd.toml"]


def test_only_what_pulls_images_gets_out_and_only_where_it_is_asked_to() -> None:
    """Only containerd gets network access, through the proxy and only for images that are pulled.

    Stand-ins come from the cluster's registry alone.
    """
    certificates, mirror = make_certificates(components.SERVER_ADDRESSES), Upstream("http://mirror:5000")
    place = f"/run/canaryproof/certs.d/{components.DOCKER_HUB}/hosts.toml"
    plain, pulled = (components.files(BINARIES, certificates, LIMITS, upstream=it)[place] for it in (None, mirror))

    assert plain.startswith('server = "http://127.0.0.1:5000"\n[host."http://127.0.0.1:5000"]')
    assert pulled.index('[host."http://127.0.0.1:5000"]') < pulled.index('[host."http://mirror:5000"]')
    assert "server =" not in pulled
    processes = components.processes(BINARIES, Path("/logs"), "1.37.2", TimeLimits(), upstream=mirror)
    assert [it.name for it in processes if "HTTPS_PROXY" in it.environment] == ["containerd"]


def test_images_of_every_registry_have_stand_ins() -> None:
    """The cluster's registry comes first for the images of all registries. The mirror is one of Docker's registry."""
    certificates, mirror = make_certificates(components.SERVER_ADDRESSES), Upstream("http://mirror:5000")
    place = "/run/canaryproof/certs.d/_default/hosts.toml"
    plain, pulled = (components.files(BINARIES, certificates, LIMITS, upstream=it)[place] for it in (None, mirror))

    assert plain.startswith('server = "http://127.0.0.1:5000"\n')
    assert pulled == '[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n'


def test_every_component_has_a_binary_and_a_log() -> None:
    """Each process of the plan runs a binary of the toolchain, and its log has the same name."""
    processes = components.processes(BINARIES, Path("/logs"), "1.37.2", TimeLimits())

    assert [it.name for it in processes][:2] == ["etcd", "kube-apiserver"]
    assert all(it.argv[0] == f"/tools/{it.name}" and it.log == f"/logs/{it.name}.log" for it in processes)
    assert all(it.program == it.argv[0] for it in processes)


def test_a_component_of_a_shared_program_starts_under_its_own_name() -> None:
    """A component whose file has the name of another starts under its own name, which selects the command."""
    shared = components.Binaries(lambda name: Path("/tools") / ("kubectl" if name.startswith("kube") else name))

    started = {it.name: it for it in components.processes(shared, Path("/logs"), "1.37.2", TimeLimits())}

    assert started["kube-apiserver"].program == "/tools/kubectl"
    assert started["kube-apiserver"].argv[0] == "/tools/kube-apiserver"


def test_kube_proxy_starts_where_nft_is_there_and_works() -> None:
    """Without nft, the plan has no kube-proxy. With it, kube-proxy depends on a trial of the rules it needs."""
    rich = components.Binaries(BINARIES.path, Path("/nft/nft"))
    poor, started = (
        {it.name: it for it in components.processes(each, Path("/logs"), "1.37.2", TimeLimits())}
        for each in (BINARIES, rich)
    )

    assert set(started) - set(poor) == {"kube-proxy"}
    assert started["kube-proxy"].trial == ("/nft/nft", "--file", "/run/canaryproof/nft-trial")
    assert started["kube-proxy"].environment["PATH"].startswith("/nft:")
    assert not [it.name for it in poor.values() if it.trial]


@pytest.mark.parametrize(("kubernetes", "without"), [("1.36.3", False), ("1.37.2", True), ("2.0.0", True)])
def test_endpoints_are_made_where_somebody_reads_them(*, kubernetes: str, without: bool) -> None:
    """The cluster writes Endpoints only up to Kubernetes 1.36, whose API server uses them to find a Service's pods."""
    started = {it.name: it.argv for it in components.processes(BINARIES, Path("/logs"), kubernetes, TimeLimits())}

    assert ("--controllers=*,-endpoints-controller" in started["kube-controller-manager"]) is without


@pytest.mark.parametrize("hidden", ["/run/user/0/cache", "/var/lib/someone/.cache", "/var/log"])
def test_a_cache_that_the_cluster_would_hide_is_refused(hidden: str) -> None:
    """The plan refuses a run folder below a folder that the cluster hides by a mount."""
    with pytest.raises(ClusterError, match="which the cluster hides; set XDG_CACHE_HOME"):
        refuse_unsuitable("linux", Path(hidden))


def test_a_machine_that_cannot_run_it_is_told_what_can() -> None:
    """The error names the providers that work if the machine is not Linux."""
    with pytest.raises(ClusterError, match=r"needs Linux, and this is darwin; use --cluster kind"):
        refuse_unsuitable("darwin", Path("/Users/me/.cache"))


def test_the_sharing_rule_spares_pods_that_no_node_could_hold() -> None:
    """The admission rule applies only to pods that fit on the node, so that impossible requests stay unschedulable."""
    conditions = [it["expression"] for it in pod_requests.policy(cores=2, memory=4096)["spec"]["matchConditions"]]

    assert conditions[0].endswith("<= 2.0")
    assert conditions[1].endswith("<= 4096.0")


def test_pods_reach_no_port_of_the_control_plane() -> None:
    """The components of the control plane listen on the loopback device unless they serve pods.

    Pods have their own loopback device, and therefore cannot reach them.
    """
    listening = {it.name: it.argv for it in components.processes(BINARIES, Path("/logs"), "1.37.2", TimeLimits())}

    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        assert "--bind-address=127.0.0.1" in listening[name]


def test_a_kubelet_limits_pods_one_by_one_and_together() -> None:
    """The kubelet limits the processes of each pod and the total of all pods, and enables seccomp for each."""
    certificates = make_certificates(components.SERVER_ADDRESSES)
    kubelet = json.loads(components.files(BINARIES, certificates, LIMITS)["/run/canaryproof/kubelet.yaml"])

    assert kubelet["seccompDefault"] is True
    assert kubelet["podPidsLimit"] == LIMITS.pod_processes
    assert kubelet["enforceNodeAllocatable"] == ["pods"]
    assert kubelet["systemReserved"] == {"memory": str(4 * GIB - LIMITS.pods_memory), "pid": RESERVED_PROCESSES}


def test_what_pods_can_fill_is_apart_from_etcd() -> None:
    """Image layers and volumes are on their own file systems, apart from etcd and the kubelet's records."""
    paths = [it.path for it in components.memory_folders(memory_sizes(LIMITS, pulls_images=False))]

    assert {"/run/canaryproof/etcd", "/run/canaryproof/containerd", "/run/canaryproof/kubelet/pods"} < set(paths)
    for number, path in enumerate(paths):  # a later mount would hide an earlier one below it
        assert not [later for later in paths[number:] if later != path and Path(path).is_relative_to(later)]
