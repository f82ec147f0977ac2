"""The acceptance suite on the submissions of this repository: ``pytest -m e2e`` collects it here."""

from __future__ import annotations

from canaryproof.acceptance.test_acceptance import *  # noqa: F403 - the whole suite, whatever it is made of
