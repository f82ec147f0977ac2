"""Proves, once for each run, that the cluster refuses a privileged pod in a namespace of an experiment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn, Protocol

from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.kube.resources import PODS, Resource
from canaryproof.model.helm_text import missing_right
from canaryproof.model.objects import Body
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits


class Api(Protocol):
    """The API server requests that the probe makes; `canaryproof.kube.client.KubeClient` implements them."""

    def refusal(self, resource: Resource, body: Body, namespace: str = "", *, user: str = "") -> str:
        """Return why the API server would refuse to create an object, or an empty string if it would create it."""
        ...


class AdmissionProbe:
    """Proves that Pod Security Admission is active: a namespace label alone has no effect.

    The class is thread-safe: the first thread runs the probe, and the others wait for its result.
    """

    def __init__(
        self, api: Api, time_limits: TimeLimits, doomed: Callable[[], str | None], fail: Callable[[str], None]
    ) -> None:
        """Probe through *api*.

        If the proof fails, the probe calls *fail* to end the run.  The wait ends as soon as *doomed* returns a reason.
        """
        self._api = api
        self._time_limits = time_limits
        self._doomed = doomed
        self._fail = fail
        self._lock = threading.Lock()
        self._proven = False

    def prove(self, namespace: str, user: str) -> None:
        """Return as soon as the API server refuses a privileged pod that *user* creates in *namespace*.

        An empty *user* is the run's own account.

        Raises InfrastructureError when the API server admits the pod, or refuses every pod until the time limit.
        """
        with self._lock:
            if self._proven:
                return
            try:
                admitted = self._await_answer(namespace, user)
            except WaitError as error:
                self._end(str(error))
            if admitted:
                self._end(ADMITTED)
            self._proven = True

    def _end(self, reason: str) -> NoReturn:
        self._fail(reason)
        raise InfrastructureError(reason)

    def _await_answer(self, namespace: str, user: str) -> bool:
        return wait_for(
            "refusal of a privileged pod by Pod Security Admission",
            lambda: self._is_admitted(namespace, user),
            within=self._time_limits.namespace,
            changes=Ticks(self._time_limits.start_tick),
            doomed=self._doomed,
            seen=lambda: self._ask(namespace, user, privileged=True),
        )

    def _is_admitted(self, namespace: str, user: str) -> bool | None:
        """Report whether a privileged pod is admitted, or None if it is refused for a reason that applies to any pod.

        This can happen briefly in a new namespace, before the API server sees its Role and its ServiceAccount.
        """
        ordinary = self._ask(namespace, user, privileged=False)  # first: its precondition may become true in between
        refusal = self._ask(namespace, user, privileged=True)
        if not refusal:
            return True
        return None if missing_right(refusal) or refusal == ordinary else False

    def _ask(self, namespace: str, user: str, *, privileged: bool) -> str:
        return self._api.refusal(PODS, _pod(privileged=privileged), namespace, user=user)


def _pod(*, privileged: bool) -> Body:
    """Return a pod that tests whether the namespace admits it."""
    container = {"name": "main", "image": "none", "securityContext": {"privileged": privileged}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "canaryproof-try-out"},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }


ADMITTED = (
    "the cluster must refuse privileged pods in namespaces with the label pod-security.kubernetes.io/enforce: baseline,"
    " and it admitted one (in a dry run), so submissions could take over its nodes; enable the admission plugin"
    " PodSecurity of the API server, or use another cluster"
)
