"""The acceptance suite, and a check of the team's own, which reports and grades include.

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
