"""A Helm operation that fails because of a hook names the hook, its container and exit code."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.hook_failure import ROLLBACK_EVENTS, UPGRADE_EVENTS, hook_failure
from canaryproof.helm.releases import HookRun
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ContainerLog
from canaryproof.model.objects import Manifest, ObjectKey
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.model.wording.cause_sentences import describe

JOB = ObjectKey("Job", "migrate")
ERROR = "pre-upgrade hooks failed: job failed"


def pod(at: float, *, exit_code: int, name: str = "migrate-x", owner: str = "migrate") -> Observation:
    """Return the observation of a hook's pod whose container has ended."""
    ended = {"exitCode": exit_code, "reason": "Error", "containerID": f"c{at}", "finishedAt": f"{at:09}"}
    body: dict[str, Any] = {
        "kind": "Pod",
        "metadata": {"name": name, "uid": name, "ownerReferences": [{"kind": "Job", "name": owner, "uid": "1"}]},
        "spec": {"containers": [{"name": "main", "image": "shop:1"}]},
        "status": {"containerStatuses": [{"name": "main", "state": {"terminated": ended}}]},
    }
    return Observation(at, "MODIFIED", Manifest(body))


def failure(*runs: HookRun, timeline: Timeline = Timeline(), events: frozenset[str] = UPGRADE_EVENTS) -> Cause | None:  # noqa: B008  # immutable
    """Return the failure of an operation that began at 10 s."""
    logs = [ContainerLog("migrate-x", "main", previous=False, text="connecting\nno such table\n")]
    return hook_failure(runs, events, timeline, 10, error=ERROR, logs=logs)


def test_the_failed_hook_is_named_with_its_last_words() -> None:
    """The cause has the hook, the container, the exit code and the last line of the log."""
    timeline = Timeline((pod(5, exit_code=9), pod(11, exit_code=3), pod(12, exit_code=0, name="other", owner="other")))

    cause = failure(HookRun(JOB, ("pre-upgrade",), "Failed"), timeline=timeline)

    assert cause
    assert (cause.code, cause.object, cause.field, cause.container, cause.exit_codes) == (
        "hook-failed",
        "Job/migrate",
        "pre-upgrade",
        "main",
        (3,),
    )
    assert describe(cause) == (
        "the pre-upgrade hook Job/migrate of the chart failed: container main ended with exit code 3;"
        " its last words: no such table"
    )


def test_a_hook_without_a_pod_is_told_by_helms_error() -> None:
    """A hook that has no failed container since the operation began is told by Helm's error."""
    cause = failure(HookRun(JOB, ("post-upgrade",), "Failed"), timeline=Timeline((pod(5, exit_code=9),)))

    assert cause
    assert describe(cause) == f"the post-upgrade hook Job/migrate of the chart failed: {ERROR}"


@pytest.mark.parametrize(
    ("run", "events"),
    [
        (HookRun(JOB, ("pre-upgrade",), "Succeeded"), UPGRADE_EVENTS),
        (HookRun(JOB, ("pre-upgrade",), ""), UPGRADE_EVENTS),
        (HookRun(JOB, ("pre-upgrade",), "Failed"), ROLLBACK_EVENTS),
        (HookRun(JOB, ("test",), "Failed"), UPGRADE_EVENTS),
    ],
)
def test_other_hooks_are_not_at_fault(run: HookRun, events: frozenset[str]) -> None:
    """A hook that succeeded, did not run, or runs at another event does not explain the failure."""
    assert failure(run, events=events) is None
