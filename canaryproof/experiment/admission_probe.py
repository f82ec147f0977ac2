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
    """What is asked of the API server; `canaryproof.kube.client.KubeClient` does it."""

    def refusal(self, resource: Resource, body: Body, namespace: str = "", *, user: str = "") -> str:
        """Return why the API server would not create an object; empty where it would."""
        ...


class AdmissionProbe:
    """The proof that Pod Security Admission is at work: a label on a namespace does nothing by itself.

    Safe to use from many threads: the first one asks, the others wait for the answer.
    """

    def __init__(
        self, api: Api, time_limits: TimeLimits, doomed: Callable[[], str | None], fail: Callable[[str], None]
    ) -> None:
        """Ask *api*; where the proof fails, end the run by *fail*, and a wait for it as soon as *doomed* says why."""
        self._api = api
        self._time_limits = time_limits
        self._doomed = doomed
        self._fail = fail
        self._lock = threading.Lock()
        self._proven = False

    def prove(self, namespace: str, user: str) -> None:
        """Return when a privileged pod is refused in *namespace*, created by *user*; empty for the run's own account.

        Raises InfrastructureError when it is admitted, or nothing but refusals of any pod is seen for too long.
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
        """Report whether a privileged pod is admitted; None where it is refused for a reason that any pod is.

        In a new namespace that may be so for a moment: the API server learns of its Role and its ServiceAccount later.
        """
        ordinary = self._ask(namespace, user, privileged=False)  # first: what it waits for may come in between
        refusal = self._ask(namespace, user, privileged=True)
        if not refusal:
            return True
        return None if missing_right(refusal) or refusal == ordinary else False

    def _ask(self, namespace: str, user: str, *, privileged: bool) -> str:
        return self._api.refusal(PODS, _pod(privileged=privileged), namespace, user=user)


def _pod(*, privileged: bool) -> Body:
    """Return a pod to try out whether the namespace admits it."""
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
