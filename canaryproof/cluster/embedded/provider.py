"""Lends the embedded cluster, which needs Linux, and either root or the grants of :mod:`rootless`."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from canaryproof.cluster.embedded import components, node_sockets, service_network
from canaryproof.cluster.embedded.certificates import Certificates, make_certificates
from canaryproof.cluster.embedded.cgroups import make_cgroups, parents_of_cgroups
from canaryproof.cluster.embedded.egress_proxy import NAME as WAY_OUT
from canaryproof.cluster.embedded.egress_proxy import way_out
from canaryproof.cluster.embedded.exhaustion import exhausted_below
from canaryproof.cluster.embedded.process_tree import PLAINLY, Start, running_tree
from canaryproof.cluster.embedded.resource_limits import Machine, limits_on, measure, memory_sizes
from canaryproof.cluster.embedded.rootless import Gap, Grants, ask, gaps, instructions, parent_of_cgroup, scope, session
from canaryproof.cluster.embedded.run_dirs import Run, lent_run
from canaryproof.cluster.embedded.startup import await_ready
from canaryproof.cluster.embedded.supervisor.spec import Plan
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.embedded.toolchain.nft import NFT
from canaryproof.cluster.image_sources import Upstream
from canaryproof.cluster.stand_ins import PAUSE, SANDBOX, provide_images
from canaryproof.errors import ClusterError
from canaryproof.kube.running_cluster import Cluster, Vitals
from canaryproof.system.progress import Progress, Silence
from canaryproof.timeouts import TimeLimits

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class EmbeddedProvider:
    """Kubernetes as one process tree in its own PID, mount, network, UTS, IPC and cgroup namespaces.

    No process of the cluster outlives the block, nor this process. The kernel does not remove run folders and cgroups
    of a process that was killed. The next start removes them.
    """

    toolchain: Toolchain
    cache: Path
    """The folder for runs and images. Not below ``/run``, ``/var/lib`` or ``/var/log``, on which the cluster mounts."""
    stand_ins: Mapping[str, Sequence[str]]
    """Image references, each with the agnhost arguments that play it. Pods can pull no other image."""
    time_limits: TimeLimits
    progress: Progress = field(default_factory=Silence)
    port: int = 0
    """The API's port on the host's loopback address; 0 for a free port."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    upstream: Upstream | None = None
    """The sources of the real images. If set, the cluster uses no stand-ins."""
    archives: Mapping[str, Path] = field(default_factory=dict)
    """Image references, each with the archive that contains the image."""
    machine: Machine | None = None
    """The machine from which the cluster's limits follow; None to measure this machine."""

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield a cluster that is ready for pods; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        grants = suitable(self.cache, self.environment, self.time_limits)
        cache = self.cache.absolute()  # the cluster has another working directory
        stand_ins = {SANDBOX: PAUSE, **({} if self.upstream else self.stand_ins)}
        images = provide_images(self.toolchain.path("agnhost"), stand_ins, cache, self.archives)
        began, within = time.monotonic(), self.time_limits.cluster_stop
        with (
            lent_run(cache / "runs", within) as run,
            _listening(self.port) as listener,
            node_sockets.lending(run.folder / node_sockets.NAME) as lender,
        ):
            certificates = make_certificates(components.SERVER_ADDRESSES)
            plan = self._plan(run, certificates, images, grants)
            kubeconfig = _write_kubeconfig(run, listener, certificates)
            vitals = Vitals()
            vitals.listen(run.failed.set)
            if lack := self.toolchain.lacks.get(NFT):
                vitals.go_without(f"kube-proxy cannot work here: {lack}")
            tree = running_tree(plan, run, (listener, lender), vitals, within=within, start=self._start(run, grants))
            with self._way_out(run), tree:
                with self.progress.step("starting the embedded Kubernetes") as say, _logs_kept_on_failure(run):
                    await_ready(kubeconfig, run, vitals, say, self.time_limits, tokens=self.upstream is not None)
                yield Cluster(
                    provider="embedded",
                    kubeconfig=kubeconfig,
                    context="canaryproof",
                    kubernetes=self.toolchain.kubernetes,
                    nodes=1,
                    cores=os.cpu_count() or 1,
                    images="upstream" if self.upstream else "stand-in",
                    ready_after=time.monotonic() - began,
                    vitals=vitals,
                    registries=self.upstream.allowed if self.upstream else None,
                    dial=None if vitals.lack else node_sockets.dial(run.folder),
                    lack=vitals.lack,
                    exhausted=partial(exhausted_below, os.getpid()),
                )

    def _way_out(self, run: Run) -> AbstractContextManager[object]:
        within = self.time_limits.connection
        return way_out(run.folder, self.upstream, within) if self.upstream else nullcontext()

    def _start(self, run: Run, grants: Grants | None) -> Start:
        return Start(scope(grants, run.name), session(self.environment)) if grants else PLAINLY

    def _plan(self, run: Run, certificates: Certificates, images: Path, grants: Grants | None) -> Plan:
        binaries = components.Binaries(self.toolchain.path, self.toolchain.binaries.get(NFT))
        pulls_images = self.upstream is not None
        limits = limits_on(self.machine or machine_of(grants), pulls_images=pulls_images)
        return Plan(
            hostname=components.NODE_NAME,
            addresses=(components.NODE_ADDRESS, service_network.DNS_ADDRESS),
            cgroups=() if grants else make_cgroups(run.name, settings=limits.cgroup_settings),
            memory_folders=components.memory_folders(memory_sizes(limits, pulls_images=pulls_images)),
            program_folders=tuple(sorted({str(path.parent) for path in self.toolchain.binaries.values()})),
            files=components.files(binaries, certificates, limits, rootless=grants is not None, upstream=self.upstream),
            pods_processes=limits.pods_processes,
            images=str(images),
            registry_port=components.REGISTRY_PORT,
            api_port=components.API_PORT,
            processes=components.processes(
                binaries,
                run.logs,
                self.toolchain.kubernetes,
                self.time_limits,
                upstream=self.upstream,
                pod_memory=limits.pod_memory,
            ),
            environment=components.environment(binaries),
            tick=self.time_limits.start_tick,
            answer=self.time_limits.start_probe,
            rootless=instructions(grants, run.name, limits.cgroup_settings) if grants else None,
            way_out=str(run.folder / WAY_OUT) if self.upstream else "",
            way_out_port=components.WAY_OUT_PORT,
        )


def machine_of(grants: Grants | None) -> Machine:
    """Measure this machine, and how much of it a cluster may use: root's, or that of the user with *grants*."""
    return measure([parent_of_cgroup(grants)] if grants else parents_of_cgroups())


def suitable(cache: Path, environment: Mapping[str, str], time_limits: TimeLimits) -> Grants | None:
    """Return what this machine grants its user for the embedded cluster, or None for root, who needs no grants.

    Raises ClusterError when the embedded cluster cannot run here. The message names the alternatives.
    """
    refuse_unsuitable(sys.platform, cache)
    if os.geteuid() == 0:
        return None
    grants = ask(environment, time_limits)
    refuse_gaps(gaps(grants))
    return grants


def refuse_gaps(found: Sequence[Gap]) -> None:
    """Raise ClusterError if *found* has gaps. The message lists each gap with its remedy."""
    if found:
        told = "".join(f"\n  {gap}" for gap in found)
        raise ClusterError(
            f"the embedded cluster needs root, or a machine without these gaps:{told}\n"
            "run the same command with sudo, close the gaps, or use --cluster kind or minikube"
        )


def refuse_unsuitable(platform: str, cache: Path) -> None:
    """Raise ClusterError if not even root can run the embedded cluster here. The message names the remedy."""
    if platform != "linux":
        raise ClusterError(
            f"the embedded cluster needs Linux, and this is {platform}", "use --cluster kind or minikube"
        )
    hidden = [it for it in components.COVERED_FOLDERS if cache.resolve().is_relative_to(it)]
    if hidden:
        raise ClusterError(
            f"{cache} lies below {hidden[0]}, which the cluster hides", "set XDG_CACHE_HOME to another folder"
        )


@contextmanager
def _logs_kept_on_failure(run: Run) -> Iterator[None]:
    try:
        yield
    except ClusterError:
        run.failed.set()
        raise


def _write_kubeconfig(run: Run, listener: socket.socket, certificates: Certificates) -> Path:
    file = run.folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(components.kubeconfig(f"https://{_LOOPBACK}:{listener.getsockname()[1]}", certificates))
    return file


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Open the API's listening socket in the host's network namespace, before the cluster starts."""
    with socket.socket() as listener:
        try:
            listener.bind((_LOOPBACK, port))
        except OSError as error:
            raise ClusterError(
                f"cannot listen on {_LOOPBACK}:{port}: {error.strerror}; choose another port, or 0 for a free one"
            ) from error
        listener.listen(128)
        yield listener
