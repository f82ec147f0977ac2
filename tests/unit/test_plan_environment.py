"""``canaryproof plan`` takes environment variables for the flags that are not given, as ``check`` does."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from canaryproof.cli.planning_commands import with_environment

VARIABLES = {
    "CANARYPROOF_SCENARIO": "a.yaml",
    "CANARYPROOF_SUBMISSIONS": "one:two",
    "CANARYPROOF_SET": "a=1\nb=2,c=3",
    "CANARYPROOF_VALUES": "x.yaml:y.yaml",
    "CANARYPROOF_HELM": "/opt/helm",
    "CANARYPROOF_REPORT_DIR": "out",
}


def options(**given: Any) -> Namespace:
    """Return the options of the command line."""
    none: dict[str, Any] = {"paths": [], "scenario": None, "set": None, "values": None, "helm": None, "toolchain": None}
    return Namespace(**(none | given))


def test_variables_stand_for_flags() -> None:
    """Each variable has the meaning that it has for ``check``."""
    found = with_environment(options(), VARIABLES)

    assert found.paths == [Path("one"), Path("two")]
    assert (found.scenario, found.helm, found.toolchain) == (Path("a.yaml"), Path("/opt/helm"), None)
    assert (found.set, found.values) == (["a=1", "b=2,c=3"], ["x.yaml", "y.yaml"])


def test_flags_have_priority() -> None:
    """A flag that is given is not changed by a variable."""
    given = options(
        paths=[Path("p")],
        scenario=Path("s"),
        set=["z=1"],
        values=["v"],
        helm=Path("h"),
    )

    assert with_environment(given, VARIABLES) == given
    assert with_environment(given, {}) == given
