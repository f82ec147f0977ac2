"""Judges: evidence in, a finding for each check that does not hold out; pure."""

from canaryproof.checks.judging.chart import canary_port, canary_present, canary_replicas, canary_service, chart_renders
from canaryproof.checks.judging.finding import HINTS, Finding
from canaryproof.checks.judging.release import canary_crash_loop, canary_gone, rollback_recorded, upgrade_applied
from canaryproof.checks.judging.stable import (
    stable_healthy,
    stable_never_down,
    stable_serves_during_canary,
    stable_untouched,
)

__all__ = [
    "HINTS",
    "Finding",
    "canary_crash_loop",
    "canary_gone",
    "canary_port",
    "canary_present",
    "canary_replicas",
    "canary_service",
    "chart_renders",
    "rollback_recorded",
    "stable_healthy",
    "stable_never_down",
    "stable_serves_during_canary",
    "stable_untouched",
    "upgrade_applied",
]
