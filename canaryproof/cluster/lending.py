"""Finds the provider, Helm and the other binaries according to the user's options."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from canaryproof.cluster import kind
from canaryproof.cluster.detection import ThisMachine
from canaryproof.cluster.embedded.persistent.provider import KeptProvider
from canaryproof.cluster.embedded.persistent.state import DEFAULT_NAME
from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, Toolchain, provide
from canaryproof.cluster.existing.provider import ExistingProvider
from canaryproof.cluster.image_archives import NO_ARCHIVES
from canaryproof.cluster.image_sources import Upstream, upstream_of
from canaryproof.cluster.kind.provider import KindProvider, StandIns
from canaryproof.cluster.minikube.provider import MinikubeProvider
from canaryproof.cluster.registry_answers import AskingProvider
from canaryproof.cluster.selection import Choice, choose
from canaryproof.kube import kubeconfig
from canaryproof.kube.kubeconfig import Target
from canaryproof.kube.running_cluster import ClusterProvider
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits

HELM = "helm"
EMBEDDED_PROVIDER = "embedded"


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """The user's options for the cluster and Helm. None leaves the choice to the provider."""

    cluster: str = "auto"
    images: str | None = None
    image_mirror: str | None = None
    image_registries: tuple[str, ...] = ()
    """Registries, ``HOST[:PORT]``, that are allowed in addition to those of the scenario's images."""
    toolchain: Path | None = None
    helm: Path | None = None
    patience: float = 1
    """The factor for all time limits."""
    kubeconfig: Path | None = None
    kube_context: str | None = None
    observe: bool = False
    """Whether the run only reads from the cluster and changes nothing."""
    cluster_name: str | None = None
    keep_cluster: bool = False
    kind_image: str | None = None
    kind_bin: Path | None = None
    kind_kubectl_bin: Path | None = None
    kubernetes: str | None = None
    """The minor version of Kubernetes in the embedded cluster, such as ``1.36``."""

    @property
    def time_limits(self) -> TimeLimits:
        """Return the time limits of this run."""
        return TimeLimits.for_patience(self.patience)

    def images_on(self, provider: str) -> str:
        """Return ``stand-in`` or ``upstream``: the user's choice, or else ``stand-in`` on the embedded cluster only."""
        return self.images or ("stand-in" if provider == EMBEDDED_PROVIDER else "upstream")


def choose_cluster(options: ClusterOptions, environment: Mapping[str, str]) -> Choice:
    """Return the provider, with the reason if ``auto`` selected it.

    Raises ClusterError when ``auto`` finds no provider that works here.
    """
    if options.cluster != "auto":
        return Choice(options.cluster)
    if options.kubernetes:
        return Choice(EMBEDDED_PROVIDER, "--kubernetes chooses among its versions")
    if options.observe:
        return Choice("existing", "--observe changes nothing, and looks where kubectl would")
    return choose(
        ThisMachine(
            env=environment,
            cache=cache_folder(environment),
            time_limits=options.time_limits,
            ready=options.toolchain is not None,
            kind=options.kind_bin is not None,
        )
    )


def target_of(options: ClusterOptions, environment: Mapping[str, str]) -> Target:
    """Return the existing cluster that the options select.

    Raises UsageError when the kubeconfig or the context cannot be used.
    """
    files = kubeconfig.read(kubeconfig.paths(options.kubeconfig, environment))
    return kubeconfig.target_of(files, options.kube_context)


def toolchain_of(options: ClusterOptions, environment: Mapping[str, str], progress: Progress) -> Toolchain:
    """Return the binaries of the embedded cluster, and Helm unless the user provides it. Builds the missing ones.

    Raises ToolchainError when a binary cannot be built.
    """
    return provide(
        cache=cache_folder(environment),
        progress=progress,
        machine=Machine(options.time_limits),
        ready=options.toolchain,
        tools=[each for each in EMBEDDED if not (each == HELM and options.helm)],
        kubernetes=options.kubernetes or "",
    )


def helm_of(choice: Choice, options: ClusterOptions, environment: Mapping[str, str], progress: Progress) -> Path:
    """Return the path of Helm.

    A Helm from the user comes first. Otherwise, the embedded cluster uses the Helm of its toolchain, and the other
    providers use the Helm of the user's toolchain, or else the one on PATH, or else one that is built now.

    Raises ToolchainError when Helm cannot be built.
    """
    if options.helm:
        return options.helm
    if choice.provider == EMBEDDED_PROVIDER:
        return toolchain_of(options, environment, progress).path(HELM)
    if not options.toolchain and (found := shutil.which(HELM)):
        return Path(found)
    return _built(HELM, options, environment, progress)


def provider_of(
    choice: Choice,
    options: ClusterOptions,
    stand_ins: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    progress: Progress,
    *,
    target: Target | None = None,
    archives: Mapping[str, Path] = NO_ARCHIVES,
) -> ClusterProvider:
    """Return the provider that *choice* names. Its cluster asks the registries of upstream images about them.

    *stand_ins* maps image references to the agnhost arguments that play them. *archives* maps image references to the
    archives that contain the images. *target* is the existing cluster, if the
    caller has looked it up already.
    """
    provider = _provider_of(choice, options, stand_ins, environment, progress, target=target, archives=archives)
    return AskingProvider(provider, _sources(options, stand_ins, environment), options.time_limits.request)


def _sources(
    options: ClusterOptions, stand_ins: Mapping[str, Sequence[str]], environment: Mapping[str, str]
) -> Upstream:
    mirror, registries = options.image_mirror or "", options.image_registries
    return upstream_of(environment, mirror, images=stand_ins, registries=registries)


def _provider_of(
    choice: Choice,
    options: ClusterOptions,
    stand_ins: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    progress: Progress,
    *,
    target: Target | None,
    archives: Mapping[str, Path],
) -> ClusterProvider:
    if choice.provider == "existing":
        target = target or target_of(options, environment)
        return ExistingProvider(target, environment, options.time_limits, progress, reading=options.observe)
    if choice.provider == "kind":
        return _kind(options, stand_ins, environment, progress, archives)
    if choice.provider == "minikube":
        return MinikubeProvider(
            environment,
            options.time_limits,
            profile=options.cluster_name,
            keep=options.keep_cluster,
            reading=options.observe,
            mirror=options.image_mirror or "",
            archives=archives,
            progress=progress,
        )
    pulled = options.images_on(choice.provider) == "upstream"
    return KeptProvider(
        toolchain_of(options, environment, progress),
        cache_folder(environment),
        stand_ins,
        options.cluster_name or DEFAULT_NAME,
        options.keep_cluster,
        options.time_limits,
        progress,
        _sources(options, stand_ins, environment) if pulled else None,
        archives,
    )


def _kind(
    options: ClusterOptions,
    stand_ins: Mapping[str, Sequence[str]],
    environment: Mapping[str, str],
    progress: Progress,
    archives: Mapping[str, Path],
) -> KindProvider:
    """Return the kind provider.

    kind is the user's, or the one on PATH. If both are missing, it comes from the user's toolchain or is built now. So
    does agnhost, if the run uses stand-ins.
    """
    binary, kubectl = (
        said or (Path(found) if (found := shutil.which(name)) else None)
        for name, said in (("kind", options.kind_bin), ("kubectl", options.kind_kubectl_bin))
    )
    plays = options.images_on("kind") == "stand-in"
    return KindProvider(
        binary=binary or _built("kind", options, environment, progress),
        name=options.cluster_name or kind.DEFAULT_NAME,
        environment=environment,
        cache=cache_folder(environment),
        stand_ins=StandIns(_built("agnhost", options, environment, progress), stand_ins) if plays else None,
        archives=archives,
        mirror=options.image_mirror or "",
        node_image=options.kind_image,
        kubeconfig=options.kubeconfig,
        kubectl=kubectl,
        keep=options.keep_cluster,
        progress=progress,
        time_limits=options.time_limits,
    )


def _built(tool: str, options: ClusterOptions, environment: Mapping[str, str], progress: Progress) -> Path:
    cache, machine = cache_folder(environment), Machine(options.time_limits)
    return provide(cache=cache, progress=progress, machine=machine, ready=options.toolchain, tools=[tool]).path(tool)
