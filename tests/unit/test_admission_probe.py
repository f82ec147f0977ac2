"""A run continues only on a cluster that has refused a privileged pod."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.admission_probe import AdmissionProbe
from canaryproof.kube.resources import Resource
from canaryproof.model.objects import Body, value_at
from canaryproof.timeouts import TimeLimits

POD_SECURITY = 'pods "canaryproof-try-out" is forbidden: violates PodSecurity "baseline:latest": privileged'
NO_ACCOUNT = 'pods "canaryproof-try-out" is forbidden: error looking up service account sre/default'
NO_RIGHT = 'pods is forbidden: User "canaryproof:sre" cannot create resource "pods" in API group ""'
PATIENT = TimeLimits(namespace=60, start_tick=0.001)


class Api:
    """An API server that answers from a list, in turn for a harmless pod and for a privileged one.

    The last two answers repeat.
    """

    def __init__(self, *answers: str) -> None:
        """Start with the first of *answers*."""
        self.answers = list(answers)
        self.asked: list[tuple[str, bool]] = []

    def refusal(self, resource: Resource, body: Body, namespace: str = "", *, user: str = "") -> str:
        """Return the next answer."""
        del resource, namespace
        (container,) = value_at(body, "spec", "containers")
        privileged = bool(container["securityContext"]["privileged"])
        self.asked.append((user, privileged))
        if len(self.answers) > 2:
            return self.answers.pop(0)
        return self.answers[privileged]


def probe(api: Api, faults: list[str], time_limits: TimeLimits = PATIENT) -> AdmissionProbe:
    """Return a probe that has not run yet."""
    return AdmissionProbe(api, time_limits, lambda: None, faults.append)


def test_a_refusal_by_pod_security_is_the_proof() -> None:
    """The probe asks once per run, as the user of the experiments, and accepts a refusal by Pod Security as proof."""
    api, faults = Api("", POD_SECURITY), list[str]()
    proof = probe(api, faults)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: proof.prove(f"sre-{number}", "canaryproof:sre"), range(8)))

    assert api.asked == [("canaryproof:sre", False), ("canaryproof:sre", True)]
    assert faults == []


def test_a_cluster_that_admits_a_privileged_pod_ends_the_run() -> None:
    """The run ends if the cluster admits a privileged pod, and every experiment gets the error with the remedy."""
    faults: list[str] = []

    with pytest.raises(InfrastructureError, match=r"must refuse .* admitted one .* enable the admission plugin"):
        probe(Api("", ""), faults).prove("sre", "")

    assert len(faults) == 1


@pytest.mark.parametrize("early", [NO_ACCOUNT, NO_RIGHT])
def test_a_refusal_of_any_pod_proves_nothing(early: str) -> None:
    """The probe asks again if the cluster refuses every pod.

    This happens while a namespace has no ServiceAccount or its Role has no effect yet.
    """
    with pytest.raises(InfrastructureError, match="admitted one"):
        probe(Api(early, early, early, early, "", ""), []).prove("sre", "")


@pytest.mark.parametrize("early", [NO_ACCOUNT, NO_RIGHT])
def test_a_refusal_that_ends_between_two_questions_proves_nothing(early: str) -> None:
    """The probe asks again if a temporary refusal ended between the harmless and the privileged pod."""
    with pytest.raises(InfrastructureError, match="admitted one"):
        probe(Api(early, "", ""), []).prove("sre", "")


def test_a_right_that_another_api_server_does_not_know_yet_proves_nothing() -> None:
    """The probe asks again if only some of several API servers know the Role yet."""
    with pytest.raises(InfrastructureError, match="admitted one"):
        probe(Api("", NO_RIGHT, "", ""), []).prove("sre", "")


def test_a_right_that_is_missing_for_good_is_told() -> None:
    """The run ends with the API server's message if a right stays missing."""
    with pytest.raises(InfrastructureError, match=r'cannot create resource "pods"'):
        probe(Api(NO_RIGHT, NO_RIGHT), [], TimeLimits(namespace=0.1, start_tick=0.001)).prove("sre", "")


def test_a_policy_of_the_cluster_that_refuses_any_pod_is_no_hindrance() -> None:
    """The probe accepts a policy that refuses every pod if the privileged pod is refused for another reason."""
    probe(Api("policy: set requests", POD_SECURITY), []).prove("sre", "")
