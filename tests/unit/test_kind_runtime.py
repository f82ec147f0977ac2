"""The runc wrapper removes the unavailable capability from a request, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kind.runtime import asked_in, without


@pytest.mark.parametrize(
    ("call", "file"),
    [
        ("--root /run/x --log /y create --bundle /b --pid-file /p name", "/b/config.json"),
        ("run -b /b name", "/b/config.json"),
        ("create --bundle=/b name", "/b/config.json"),
        ("exec --process /p.json --detach name", "/p.json"),
        ("exec -p /p.json name", "/p.json"),
        ("exec --process=/p.json name", "/p.json"),
    ],
)
def test_what_starts_something_asks_for_capabilities(call: str, file: str) -> None:
    """The wrapper finds the capabilities in a container's bundle, or in the file of a further process."""
    assert asked_in(call.split()) == Path(file)


@pytest.mark.parametrize("call", ["--root /r delete --force name", "kill name 9", "--version", "exec name true"])
def test_what_starts_nothing_is_left_alone(call: str) -> None:
    """The wrapper changes no other command, and no process without a capability file."""
    assert asked_in(call.split()) is None


def test_a_capability_goes_from_every_list() -> None:
    """The wrapper removes the capability from all five sets, and keeps other fields and capabilities."""
    kept = {"args": ["sh"], "terminal": False, "label": "CAP_SYS_RESOURCE"}
    sets = ("bounding", "effective", "inheritable", "permitted", "ambient")
    asked = {each: ["CAP_KILL", "CAP_SYS_RESOURCE", "CAP_CHOWN"] for each in sets}
    given = {each: ["CAP_KILL", "CAP_CHOWN"] for each in sets}

    assert without({"process": {**kept, "capabilities": asked}}) == {"process": {**kept, "capabilities": given}}


def test_a_capability_goes_from_lists_in_lists() -> None:
    """The wrapper removes a capability of any name at any depth of the specification."""
    assert without([{"hooks": [["CAP_KILL", "x"]]}], "CAP_KILL") == [{"hooks": [["x"]]}]
