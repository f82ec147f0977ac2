"""The acceptance suite, and checks of the team's own, which reports and grades include.

pytest -m e2e --canaryproof-submissions=CHART --canaryproof-report-dir=out
"""

from canaryproof import Evidence, check
from canaryproof.acceptance.test_acceptance import *


@check("quick-rollback", points=2, needs=["canary-gone"])
def test_the_canary_is_gone_soon_after_the_rollback(evidence: Evidence) -> None:
    """The canary is gone ten seconds after the rollback.

    Lower terminationGracePeriodSeconds of the canary's pods.
    """
    assert evidence.timings.gone < 10, f"the canary was gone after {evidence.timings.gone:.1f} s"


@check("tells-why", needs=["canary-outcome"])
def test_the_canary_tells_why_it_ends(evidence: Evidence) -> None:
    """The log of the container that crashed is not empty.

    Have the program write the reason to its standard error before it ends.
    """
    restarts = [pod.restarts_over_time for pod in evidence.canary_pods]
    assert evidence.crash_log, f"the canary wrote nothing; its restarts: {restarts}"


@check("same-objects", needs=["rollback-recorded"])
def test_the_rollback_brings_the_same_objects_back(evidence: Evidence) -> None:
    """After the rollback, there are the Services that were there before the upgrade."""
    before = {key.name for key in evidence.objects_before if key.kind == "Service"}
    after = {key.name for key in evidence.objects_after if key.kind == "Service"}
    assert before == after, f"before: {before}, after: {after}, history: {evidence.history}"
