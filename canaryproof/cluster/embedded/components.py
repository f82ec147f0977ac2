"""Defines the command lines and configuration files of the components. All paths are those inside the cluster."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from canaryproof.cluster.embedded import service_network
from canaryproof.cluster.embedded.certificates import ADMINISTRATOR, ADMINISTRATORS, Certificates
from canaryproof.cluster.embedded.resource_limits import Limits, MemorySizes
from canaryproof.cluster.embedded.supervisor.spec import RESERVED_PROCESSES, MemoryFolder, Moment, Process
from canaryproof.cluster.image_sources import Upstream
from canaryproof.cluster.stand_ins import SANDBOX
from canaryproof.timeouts import TimeLimits

STATE = Path("/run/canaryproof")
"""The folder for everything that the cluster writes: in memory, private to the cluster, and gone when it ends."""
COVERED_FOLDERS = ("/run", "/var/lib", "/var/log")
"""The folders below which kubelet, containerd and CNI write to fixed paths that no option changes."""
NODE_NAME = "node1"
NODE_ADDRESS = "192.0.2.10"  # in TEST-NET-1 (RFC 5737), which no real host uses
API_PORT = 6443
REGISTRY_PORT = 5000
WAY_OUT_PORT = 3128
_PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), f"http://127.0.0.1:{WAY_OUT_PORT}")
"""The proxy variables of containerd for image pulls. Go's net/http does not use them for the loopback address."""
POD_MEMORY = "CANARYPROOF_POD_MEMORY"
"""The environment variable that gives containerd's shim the memory limit of a pod, in bytes."""
DOCKER_HUB = "docker.io"
"""The registry of images without a host in their name, such as those of the UpCommerce course."""

_ETCD = STATE / "etcd"
_CONTAINERD = STATE / "containerd"
_KUBELET = STATE / "kubelet"
_VOLUMES = _KUBELET / "pods"
_LOOPBACK_ONLY = "--bind-address=127.0.0.1"
"""Hides a server from pods, which can reach every other address of the node."""
_ETCD_PORT = 2379
_ETCD_PEER_PORT = 2380
_API_SERVICE_ADDRESS = "10.96.0.1"
_KUBECONFIG = STATE / "admin.conf"
_CONTAINERD_SOCKET = STATE / "containerd.sock"
_CNI_CONFIG = STATE / "cni"
_CERTS_D = STATE / "certs.d"
_CONTEXT = "canaryproof"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ONE_CORE = {"GOMAXPROCS": "1"}
"""The environment of components with little work, which spares them the threads of Go's garbage collection."""
_ANY_KERNEL = {"KUBE_PROXY_NFTABLES_SKIP_KERNEL_VERSION_CHECK": "1"}
"""Allows kube-proxy on old kernels. Its check protects the host's rules, which the cluster cannot change."""
_NEVER = 86_400
"""The interval of periodic work that the cluster does not need, in seconds: one day."""

SERVER_ADDRESSES = ("127.0.0.1", _API_SERVICE_ADDRESS)


@dataclass(frozen=True)
class Binaries:
    """The paths of the toolchain's binaries."""

    path: Callable[[str], Path]
    nft: Path | None = None
    """The command ``nft``, or None if the machine has none."""

    def folder_of(self, name: str) -> Path:
        """Return the folder that holds the binary *name*."""
        return self.path(name).parent


def memory_folders(sizes: MemorySizes) -> tuple[MemoryFolder, ...]:
    """Return the folders in memory. Separates those that pods can fill from those that the control plane needs."""
    run, lib, log = COVERED_FOLDERS
    return (
        MemoryFolder(run, sizes.run),
        MemoryFolder(str(_ETCD), sizes.etcd),
        MemoryFolder(str(_CONTAINERD), sizes.images),
        MemoryFolder(str(_CONTAINERD / "io.containerd.snapshotter.v1.overlayfs" / "snapshots"), sizes.layers),
        MemoryFolder(str(_CONTAINERD / "io.containerd.grpc.v1.cri" / "sandboxes"), sizes.sandboxes),
        MemoryFolder(str(_VOLUMES), sizes.volumes),
        MemoryFolder(lib, sizes.state),
        MemoryFolder(log, sizes.logs),
    )


def memory_folder_paths() -> tuple[str, ...]:
    """Return the paths of all folders in memory."""
    return tuple(folder.path for folder in memory_folders(MemorySizes(*([0] * len(fields(MemorySizes))))))


def files(
    binaries: Binaries,
    certificates: Certificates,
    limits: Limits,
    *,
    rootless: bool = False,
    upstream: Upstream | None = None,
) -> dict[str, str]:
    """Return the contents of every file that the components read, by path inside the cluster."""
    contents = {
        "ca.crt": certificates.authority,
        "server.crt": certificates.server.certificate,
        "server.key": certificates.server.key,
        "admin.crt": certificates.admin.certificate,
        "admin.key": certificates.admin.key,
        "tokens.csv": f"{certificates.token},{ADMINISTRATOR},{ADMINISTRATOR},{ADMINISTRATORS}\n",
        "service-accounts.key": certificates.service_accounts,
        "admin.conf": kubeconfig(f"https://127.0.0.1:{API_PORT}", certificates),
        "resolv.conf": "",
        "kube-proxy.yaml": json.dumps(service_network.kube_proxy_configuration(_KUBECONFIG, NODE_NAME)),
        "nft-trial": service_network.TRIAL,
        "Corefile": service_network.corefile(_KUBECONFIG, _CONTEXT),
        "kubelet.yaml": json.dumps(_kubelet_configuration(limits, rootless=rootless)),
        "containerd.toml": _containerd_configuration(binaries, rootless=rootless),
        "cni/10-canaryproof.conflist": json.dumps(_network_configuration()),
        f"certs.d/{DOCKER_HUB}/hosts.toml": _hosts(upstream, upstream.mirror if upstream else ""),
        "certs.d/_default/hosts.toml": _hosts(upstream),  # all other registries (containerd, "Registry Configuration")
    }
    return {str(STATE / name): text for name, text in contents.items()}


def processes(
    binaries: Binaries,
    logs: Path,
    kubernetes: str,
    time_limits: TimeLimits,
    *,
    upstream: Upstream | None = None,
    pod_memory: int = 0,
) -> tuple[Process, ...]:
    """Return the components in start order. *kubernetes* is their version, such as ``1.37.2``.

    *pod_memory* is the memory limit of each pod in bytes; 0 means no limit.
    """
    commands: list[tuple[str, list[str], Moment]] = [
        ("etcd", _etcd(time_limits), "at once"),
        ("kube-apiserver", _kube_apiserver(), "at once"),
        ("containerd", [f"--config={STATE / 'containerd.toml'}"], "at once"),
        ("kubelet", _kubelet(), "API reachable"),
        ("kube-scheduler", _kube_scheduler(), "API reachable"),
        # It checks for a healthy API server once per second. Once there is one, its first check succeeds.
        ("kube-controller-manager", _kube_controller_manager(kubernetes), "API healthy"),
        ("coredns", ["-conf", str(STATE / "Corefile")], "API healthy"),
    ]
    limit = {POD_MEMORY: str(pod_memory)} if pod_memory else {}
    further = {"containerd": {**limit, **(_PROXIES if upstream else {})}, "coredns": _ONE_CORE}
    needed = tuple(
        Process(
            name,
            program=str(path := binaries.path(name)),
            argv=(str(path.with_name(name)), *arguments),
            log=str(logs / f"{name}.log"),
            start=start,
            environment=further.get(name, {}),
        )
        for name, arguments, start in commands
    )
    return (*needed, _kube_proxy(binaries, binaries.nft, logs)) if binaries.nft else needed


def _kube_proxy(binaries: Binaries, nft: Path, logs: Path) -> Process:
    path = binaries.path("kube-proxy")
    return Process(
        "kube-proxy",
        program=str(path),
        argv=(str(path.with_name("kube-proxy")), f"--config={STATE / 'kube-proxy.yaml'}"),
        log=str(logs / "kube-proxy.log"),
        start="API healthy",
        # The libraries of an nft that was fetched lie beside it.
        environment={
            **_ONE_CORE,
            **_ANY_KERNEL,
            "PATH": f"{nft.parent}:{_SYSTEM_PATH}",
            "LD_LIBRARY_PATH": str(nft.parent),
        },
        trial=(str(nft), "--file", str(STATE / "nft-trial")),
    )


def kubeconfig(server: str, certificates: Certificates) -> str:
    """Return an administrator's kubeconfig, as a JSON document, which is valid YAML."""
    name = _CONTEXT
    authority = _base64(certificates.authority)
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": certificates.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
    )


def _etcd(time_limits: TimeLimits) -> list[str]:
    client, peer = f"http://127.0.0.1:{_ETCD_PORT}", f"http://127.0.0.1:{_ETCD_PEER_PORT}"
    return [
        f"--data-dir={_ETCD}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--heartbeat-interval={_milliseconds(time_limits.heartbeat)}",
        f"--election-timeout={_milliseconds(10 * time_limits.heartbeat)}",
        "--unsafe-no-fsync",  # the data is in memory, so fsync protects nothing
    ]


def _kube_apiserver() -> list[str]:
    service_accounts = STATE / "service-accounts.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{_ETCD_PORT}",
        f"--secure-port={API_PORT}",
        _LOOPBACK_ONLY,
        "--enable-priority-and-fairness=false",
        f"--advertise-address={NODE_ADDRESS}",
        f"--token-auth-file={STATE / 'tokens.csv'}",
        f"--tls-cert-file={STATE / 'server.crt'}",
        f"--tls-private-key-file={STATE / 'server.key'}",
        f"--service-cluster-ip-range={service_network.SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={service_accounts}",
        f"--service-account-signing-key-file={service_accounts}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={STATE / 'admin.crt'}",
        f"--kubelet-client-key={STATE / 'admin.key'}",
        "--kubelet-preferred-address-types=InternalIP",  # no DNS server resolves the node's name
    ]


# At their default of 20 requests per second, controllers need seconds before they create the first pod.
_UNTHROTTLED = ("--kube-api-qps=500", "--kube-api-burst=1000")


def _kube_controller_manager(kubernetes: str) -> list[str]:
    return [
        f"--kubeconfig={_KUBECONFIG}",
        f"--service-account-private-key-file={STATE / 'service-accounts.key'}",
        f"--root-ca-file={STATE / 'ca.crt'}",
        "--leader-elect=false",
        _LOOPBACK_ONLY,
        *(["--controllers=*,-endpoints-controller"] if _finds_pods_by_slices(kubernetes) else []),
        *_UNTHROTTLED,
    ]


def _finds_pods_by_slices(kubernetes: str) -> bool:
    """Report whether the API server uses EndpointSlices to find the pods of a Service, so that none needs Endpoints."""
    major, minor = kubernetes.split(".")[:2]
    return (int(major), int(minor)) >= (1, 37)


def _kube_scheduler() -> list[str]:
    return [f"--kubeconfig={_KUBECONFIG}", "--leader-elect=false", _LOOPBACK_ONLY, *_UNTHROTTLED]


def _kubelet() -> list[str]:
    return [
        f"--config={STATE / 'kubelet.yaml'}",
        f"--kubeconfig={_KUBECONFIG}",
        f"--root-dir={_KUBELET}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
        f"--housekeeping-interval={_NEVER}s",  # nothing reads these statistics
    ]


def _kubelet_configuration(limits: Limits, *, rootless: bool) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(STATE / "ca.crt")},
        },
        "featureGates": {"KubeletInUserNamespace": True} if rootless else {},  # tolerates settings that it may not set
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "failCgroupV1": False,  # kubelet >= 1.35 refuses cgroup v1 otherwise
        "failSwapOn": False,
        "volumePluginDir": str(STATE / "volume-plugins"),
        "containerRuntimeEndpoint": f"unix://{_CONTAINERD_SOCKET}",
        "resolvConf": str(STATE / "resolv.conf"),  # the host's file is often a link into /run
        "clusterDNS": [service_network.DNS_ADDRESS],
        "clusterDomain": service_network.DOMAIN,
        "nodeStatusUpdateFrequency": "2s",
        "nodeStatusReportFrequency": "5m",  # this node does not change
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "maxPods": 250,
        "seccompDefault": True,  # RuntimeDefault for containers without a profile
        "podPidsLimit": limits.pod_processes,
        "enforceNodeAllocatable": ["pods"],
        "systemReserved": {"memory": str(limits.reserved_memory), "pid": RESERVED_PROCESSES},
        "containerLogMaxFiles": 2,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": not rootless,  # else the node reports no local storage, and limits it for none
    }


def _containerd_configuration(binaries: Binaries, *, rootless: bool) -> str:
    only = str(rootless).lower()
    return f"""\
version = 3
root = "{_CONTAINERD}"
state = "{STATE}/containerd-state"
[grpc]
  address = "{_CONTAINERD_SOCKET}"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  stats_collect_period = {_NEVER}
[plugins.'io.containerd.internal.v1.opt']
  path = "{STATE}/opt"  # or it makes folders in the host's /opt
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{SANDBOX}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{_CERTS_D}"
[plugins.'io.containerd.cri.v1.runtime']
  stats_collect_period = "{_NEVER}s"  # it would look at every container every second
  restrict_oom_score_adj = true  # for machines without CAP_SYS_RESOURCE
  ignore_image_defined_volumes = true  # they would lie where containerd keeps its notes
  disable_apparmor = {only}  # only root loads its profiles
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [{json.dumps(str(binaries.folder_of("namespace-ptp")))}]
  conf_dir = "{_CNI_CONFIG}"
  use_internal_loopback = true  # a process less for each pod, and for its end
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = {json.dumps(str(binaries.path("runc")))}
  SystemdCgroup = false
  NoNewKeyring = {only}  # an ordinary user has 200 keys in all
"""


def _network_configuration() -> dict[str, object]:
    """Return the configuration of the CNI plugin, which isolates the pods of each namespace from those of others.

    The version is 1.0.0: from 1.1.0 on, containerd also starts the plugin for each status check.
    """
    plugin = {
        "type": "namespace-ptp",
        "subnet": service_network.PODS,
        "services": service_network.SERVICES,
        "nameServer": service_network.DNS_ADDRESS,
        "stateDir": str(STATE / "addresses"),
    }
    return {"cniVersion": "1.0.0", "name": "canaryproof", "plugins": [plugin]}


def _hosts(upstream: Upstream | None, mirror: str = "") -> str:
    """Return containerd's ``hosts.toml``: the cluster's registry first, then the mirror and upstream, if any."""
    own = f"http://127.0.0.1:{REGISTRY_PORT}"
    hosts = [own, *([mirror] if mirror else [])]
    lines = [f'[host."{host}"]\n  capabilities = ["pull", "resolve"]\n' for host in hosts]
    return "".join(lines if upstream else [f'server = "{own}"\n', *lines])


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def environment(binaries: Binaries) -> dict[str, str]:
    """Return the environment of all components. On PATH, containerd finds its shim, and kubelet finds ``mount``."""
    path = f"{binaries.folder_of('containerd-shim-runc-v2')}:{_SYSTEM_PATH}"
    return {"PATH": path, "HOME": str(STATE), "GOGC": "400"}
