"""Makes the namespace of each experiment, and keeps the release inside it.

A template can look into the cluster (``lookup``) and render to something else there than was vetted.  So a release is
kept inside its namespace by the cluster itself:

- Helm upgrades and rolls back as a user of its own, who has rights in that namespace alone.  Where the account of the
  cluster must not give such rights, Helm applies the vetted objects (:mod:`canaryproof.submissions.static_chart`).
- Quotas and a LimitRange bound what the namespace holds (:mod:`canaryproof.experiment.tenancy`).
- Pod Security Admission refuses privileged pods: :mod:`canaryproof.experiment.admission_probe` proves it once per run.
- On kind and minikube, a NetworkPolicy keeps its pods to themselves (:mod:`canaryproof.experiment.network_policy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from canaryproof.errors import InfrastructureError
from canaryproof.experiment import tenancy
from canaryproof.experiment.admission_probe import AdmissionProbe
from canaryproof.experiment.network_policy import network_policy
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.kube.lease import RUN_LABEL
from canaryproof.kube.recorder import WATCHED
from canaryproof.kube.resources import NETWORK_POLICIES, RESOURCE_QUOTAS, Resource
from canaryproof.model.evidence import Setting
from canaryproof.model.objects import BODIES, Body, Manifest, ObjectKey, mapping_at

SERVICE_ACCOUNT = ObjectKey("ServiceAccount", "default")
ENDED = tuple(each for kind in ("Deployment", "ReplicaSet", "Pod") for each in WATCHED if each.kind == kind)
"""The kinds in deletion order, so that no controller creates new pods."""


@dataclass(frozen=True)
class Isolation:
    """Makes namespaces that their releases cannot leave."""

    client: KubeClient
    run: str
    """The value of the label ``canaryproof/run``, by which later runs know what a run has left."""
    setting: Setting
    gives_rights: bool
    """Whether Helm acts as a user of the namespace; otherwise it applies vetted objects only."""
    admission: AdmissionProbe
    confines: bool = True
    """Whether releases are confined to their namespaces. Charts that are all the user's own are not."""

    @classmethod
    def on(
        cls, client: KubeClient, setting: Setting, run: str, admission: AdmissionProbe, *, confines: bool = True
    ) -> Self:
        """Return the isolation that the account of *client* can give."""
        gives_rights = confines and all(client.may(*right) for right in tenancy.RIGHTS)
        return cls(client, run, setting, gives_rights, admission, confines)

    def user_of(self, namespace: str) -> str:
        """Return the user as whom Helm acts in *namespace*; empty for the account of the run."""
        return tenancy.user_of(namespace) if self.confines and self.gives_rights else ""

    @contextmanager
    def namespace(self, name: str, chart: Iterable[Manifest]) -> Iterator[None]:
        """Make a namespace for *chart*; its deletion begins at the end of the block.

        Raises InfrastructureError when there is one of that name, or the API server refuses.
        """
        labels = tenancy.LABELS if self.confines else {}
        uid = self.client.create_namespace(name, {RUN_LABEL: self.run, **labels})
        if uid is None:
            raise InfrastructureError(f"namespace {name} exists already: somebody else made it; try again")
        try:
            for resource, body in self._objects(name, chart):
                self.client.create(resource, body, name)
            yield
        finally:
            with suppress(InfrastructureError):  # a cluster that is gone has no namespaces left
                self.client.delete_namespace(name, uid)

    def await_guards(self, namespace: str, watcher: Watcher) -> None:
        """Wait until pods can start in *namespace* and its quotas and pod admission are active.

        Raises WaitError when that does not come in time, and InfrastructureError when a privileged pod is admitted.
        """
        within = watcher.time_limits.namespace
        watcher.wait(
            "ServiceAccount/default",
            lambda: SERVICE_ACCOUNT in watcher.recording.timeline.objects or None,
            within=within,
        )
        if not self.confines:
            return
        watcher.wait("ResourceQuota at work", lambda: self._is_counting(namespace) or None, within=within)
        self.admission.prove(namespace, self.user_of(namespace))

    def end_pods(self, namespace: str, found: Iterable[ObjectKey]) -> None:
        """End the pods among *found* in a namespace that another experiment waits for, or that must not go on.

        A namespace with pods that have a grace period ends no sooner than half of that later, however soon they do
        (kube-controller-manager, ``namespace_controller.go``): 16 s.
        """
        keys = tuple(found)
        with suppress(InfrastructureError):  # on a cluster that does not allow it, it takes longer
            for resource in ENDED:
                for key in keys:
                    if key.kind == resource.kind:
                        self.client.delete_now(resource, key.name, namespace)

    def _objects(self, namespace: str, chart: Iterable[Manifest]) -> Iterator[tuple[Resource, Body]]:
        if not self.confines:
            return
        if policy := network_policy(self.setting.provider, self.setting.nodes):
            yield NETWORK_POLICIES, policy
        if self.gives_rights:
            yield from tenancy.rights(namespace, chart)
        yield from tenancy.limits(self.setting.nodes)  # last: what is there before costs no write of a quota

    def _is_counting(self, namespace: str) -> bool:
        """Report whether the quotas are at work: until then the API server refuses the objects that they limit."""
        quotas = [BODIES.decode(each) for each in self.client.list(RESOURCE_QUOTAS, namespace).items]
        return bool(quotas) and all(mapping_at(each, "status", "used") for each in quotas)
