"""Renders the causes of remarks as sentences.  This module is pure, and no program parses the sentences."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from canaryproof.checks.remarks.remark_causes import (
    ApiAccess,
    Cause,
    CodeInjected,
    OtherContainerDecided,
    ProcessesShared,
    ProgramMounted,
    ProgramReplaced,
    ProgramStarted,
    UpgradeHooks,
    WorkloadsAdded,
)
from canaryproof.system.progress import cut

COMMAND = 100
"""Columns of a command in a sentence."""
NAMED = 5
"""Objects that a sentence names."""

TITLES: Mapping[str, str] = {
    "program-replaced": "The chart chooses what the canary runs",
    "other-container-decided": "Another container decided the outcome",
    "program-mounted": "A volume may bring or hide the program",
    "program-started": "Another program runs in the canary",
    "code-injected": "The environment may load other code",
    "processes-shared": "Containers share their processes",
    "upgrade-hooks": "Helm runs hooks of the chart",
    "api-access": "The chart gives rights in the API",
    "workloads-added": "The chart adds other workloads",
}
"""A heading for each code, as short as a list of them needs it."""


def sentence(cause: Cause) -> str:  # noqa: PLR0911 - one branch for each cause, and nothing else
    """Return a cause as one sentence for people, without its full stop."""
    match cause:
        case ProgramReplaced():
            return _replaced(cause)
        case OtherContainerDecided():
            return (
                f"container {cause.container} (image {cause.image}) decided the outcome; container {cause.serving}"
                f" (image {cause.serving_image}), which declares the port, did not end"
            )
        case ProgramMounted():
            return _mounted(cause)
        case ProgramStarted():
            return (
                f"container {cause.container} also runs {_line(cause.command)} ({cause.by}), a program that the chart"
                " chooses and that can end the image's own"
            )
        case CodeInjected():
            return (
                f"container {cause.container} sets {_list(cause.variables)}, by which the program of its image may load"
                " other code"
            )
        case ProcessesShared():
            return (
                f"the containers {_list(cause.containers)} share their processes (shareProcessNamespace), so one can"
                " end the program of another"
            )
        case UpgradeHooks():
            return f"the chart has hooks that Helm runs at the upgrade: {_list(cause.objects)}"
        case ApiAccess():
            return (
                f"the chart gives rights in the Kubernetes API ({_list(cause.objects)}), so a pod of it may change the"
                " release"
            )
        case WorkloadsAdded():
            return f"the chart adds workloads beside the canary: {_list(cause.objects)}"


def _replaced(cause: ProgramReplaced) -> str:
    fields = (("command", _line(cause.command)), ("args", _line(cause.args)), ("workingDir", cause.working_dir))
    given = ", ".join(f"{name}: {text}" for name, text in fields if text)
    if cause.command:
        does = f"starts a program that the chart chooses ({given}) instead of its image's own"
        return f"container {cause.container} {does}, so the outcome is no evidence about the image {cause.image}"
    what = "with arguments" if cause.args else "in a folder"
    does = f"starts its image's program {what} that the chart chooses ({given})"
    return f"container {cause.container} {does}, so the outcome may come from that and not from the image {cause.image}"


def _mounted(cause: ProgramMounted) -> str:
    files = f" with executable files (mode {cause.mode})" if cause.mode else ""
    follows = {
        "executable": ", so a program of the chart may run instead of the image's own",
        "image": ", the files of another image, so a program of that may run instead of the image's own",
        "over-programs": ", where images keep programs, so the image's own may be hidden",
    }[cause.why]
    return f"container {cause.container} mounts {cause.object}{files} at {cause.path}{follows}"


def _line(words: tuple[str, ...]) -> str:
    return cut(shlex.join(words), COMMAND)


def _list(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
