"""Lends the cluster of a minikube profile. Afterwards, restores its earlier state unless the cluster is to be kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.cluster.existing.provider import ExistingProvider
from canaryproof.cluster.image_archives import opened_image, write_docker_archive
from canaryproof.cluster.minikube.minikube_status import Profiles, is_running, read_profiles, read_status, shortcoming
from canaryproof.cluster.readiness import await_stage, default_account, sharing_pods
from canaryproof.errors import ClusterError, CommandError, UsageError, WaitError
from canaryproof.kube import kubeconfig
from canaryproof.kube.client import KubeClient
from canaryproof.kube.kubeconfig import Target
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.process import run
from canaryproof.system.progress import Progress, Silence
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class MinikubeProvider:
    """Lends the cluster of *profile*. minikube selects its driver and version, and the cluster pulls its own images."""

    environment: Mapping[str, str] = field(repr=False)
    time_limits: TimeLimits
    profile: str | None = None
    """The name of the profile. None for the active profile of minikube."""
    keep: bool = False
    """Whether a cluster that this run starts keeps running afterwards."""
    reading: bool = False
    """Whether the run only reads from the cluster. It then starts no cluster and creates no policy."""
    mirror: str = ""
    """The URL of a registry to try first. Only a cluster that this run creates uses it."""
    archives: Mapping[str, Path] = field(default_factory=dict)
    """Image references, each with the archive that contains the image."""
    progress: Progress = field(default_factory=Silence)

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        began = time.monotonic()
        profiles = self._profiles()
        name = self.profile or profiles.active
        with self._running(name, profiles) as note:
            target = self._target(name)
            existing = ExistingProvider(target, self.environment, self.time_limits, self.progress, reading=self.reading)
            self._load_images(name)
            with existing.lend() as cluster, self._useful(cluster):
                yield replace(cluster, provider="minikube", ready_after=time.monotonic() - began, note=note)

    def _profiles(self) -> Profiles:
        try:
            said = self._call("profile", "list", "--output=json")
        except CommandError as error:  # minikube exits with an error if it has no profile
            said = error.stdout if error.stdout.lstrip().startswith("{") else ""
        return read_profiles(said)

    @contextmanager
    def _running(self, name: str, profiles: Profiles) -> Iterator[str]:
        """Run the cluster for the length of the block. Yield a note that says whether this run started or created it.

        Afterwards, unless *keep* is set, stop a cluster that this run started, and delete one that it created.

        Raises ClusterError when minikube reports the profile as invalid or the cluster cannot be used, and UsageError
        when *reading* is set and the cluster does not run.
        """
        if name in profiles.broken:
            raise ClusterError(
                f"minikube calls its profile {name} invalid: minikube delete --profile {name} removes it"
            )
        known = profiles.has(name)
        if known and self._runs(name):
            yield f"profile {name}, which ran already"
            return
        if self.reading:
            raise UsageError(f"--observe looks at a cluster that runs, and minikube profile {name} does not")
        try:
            self._start(name, new=not known)
            yield f"profile {name}, {'started' if known else 'made'} for this run"
        finally:
            if not self.keep:
                with self.progress.step(f"{'stopping' if known else 'deleting'} minikube profile {name}"):
                    self._call("stop" if known else "delete", f"--profile={name}", within=self.time_limits.minikube)

    def _runs(self, name: str) -> bool:
        """Report whether the cluster runs.

        Raises ClusterError when the cluster runs but cannot be used. Its owner must repair it.
        """
        try:
            said = self._call("status", f"--profile={name}", "--output=json")
        except CommandError as error:  # the exit code is not 0 if a component does not work
            said = error.stdout
        nodes = read_status(said)
        if not is_running(nodes):
            return False
        if why := shortcoming(nodes, name):
            raise ClusterError(f"minikube profile {name} does not do: {why}")
        return True

    def _start(self, name: str, *, new: bool) -> None:
        options = [f"--profile={name}", "--interactive=false", "--keep-context"]
        options += [f"--registry-mirror={self.mirror}"] if new and self.mirror else []
        with self.progress.step(f"starting minikube profile {name}; it downloads what it does not have"):
            try:
                self._call("start", *options, within=self.time_limits.minikube)
            except CommandError as error:
                raise ClusterError(f"minikube did not start:\n{error}") from error

    def _load_images(self, name: str) -> None:
        """Load the images of the archives into all nodes, under the names that the scenario gives them.

        Raises UsageError when an archive does not contain its image, and ClusterError when minikube cannot load it.
        """
        for reference, archive in self.archives.items():
            with self.progress.step(f"loading {reference} into minikube"), scratch() as folder:
                file = folder / "image.tar"
                with opened_image(archive, reference) as image:
                    write_docker_archive(image, reference, file)
                try:
                    self._call("image", "load", str(file), f"--profile={name}", within=self.time_limits.minikube)
                except CommandError as error:
                    raise ClusterError(f"minikube did not load the image {reference} of {archive}:\n{error}") from error

    def _target(self, name: str) -> Target:
        files = kubeconfig.read(kubeconfig.paths(None, self.environment))
        try:
            return kubeconfig.target_of(files, name)
        except UsageError as error:
            raise ClusterError(f"{error}; minikube update-context --profile {name} writes it there") from error

    @contextmanager
    def _useful(self, cluster: Cluster) -> Iterator[None]:
        """Wait until the cluster takes pods. For the length of the block, let pods of runs share the node.

        Raises ClusterError when the cluster does not take pods within the time limit.
        """
        with closing(KubeClient(cluster.kubeconfig, cluster.context, self.time_limits)) as client:
            try:
                await_stage(
                    "default ServiceAccount",
                    lambda: default_account(client),
                    within=self.time_limits.cluster_start,
                    every=self.time_limits.start_tick,
                    doomed=lambda: None,
                )
            except WaitError as error:
                raise ClusterError(
                    f"minikube's cluster does not take pods: {error}; minikube logs may say why"
                ) from None
            with nullcontext() if self.reading else sharing_pods(client):
                yield

    def _call(self, *arguments: str, within: float | None = None) -> str:
        command = shutil.which("minikube", path=self.environment.get("PATH"))
        if command is None:
            raise ClusterError("there is no command minikube on PATH; install it, or use another --cluster")
        timeout = within or self.time_limits.command
        return run([command, *arguments], timeout=timeout, env=self.environment, grace=self.time_limits.grace)
