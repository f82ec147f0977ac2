"""The acceptance suite for the checkout release, and a check of the team's own."""

from canaryproof import Evidence, check
from canaryproof.acceptance.test_acceptance import *


@check("canary-version", points=2, needs=["canary-present"])
def test_the_canary_runs_version_2(evidence: Evidence) -> None:
    """The canary runs version 2 of the image.

    Set the image of the canary's Deployment to example/checkout:2.0.
    """
    images = evidence.canary.images if evidence.canary else ()
    assert images == ("example/checkout:2.0",), f"it runs {', '.join(images)}"
