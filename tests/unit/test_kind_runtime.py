"""runc is asked for what it can give: the capability that is missing is taken out, and nothing else."""

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
    """A container's are in its bundle, those of one more process in a file of its own, wherever the options stand."""
    assert asked_in(call.split()) == Path(file)


@pytest.mark.parametrize("call", ["--root /r delete --force name", "kill name 9", "--version", "exec name true"])
def test_what_starts_nothing_is_left_alone(call: str) -> None:
    """So is a process whose capabilities stand in no file."""
    assert asked_in(call.split()) is None


def test_a_capability_goes_from_every_list() -> None:
    """There are five sets of them; what else is called so, and all other capabilities, stay as they are."""
    kept = {"args": ["sh"], "terminal": False, "label": "CAP_SYS_RESOURCE"}
    sets = ("bounding", "effective", "inheritable", "permitted", "ambient")
    asked = {each: ["CAP_KILL", "CAP_SYS_RESOURCE", "CAP_CHOWN"] for each in sets}
    given = {each: ["CAP_KILL", "CAP_CHOWN"] for each in sets}

    assert without({"process": {**kept, "capabilities": asked}}) == {"process": {**kept, "capabilities": given}}


def test_a_capability_goes_from_lists_in_lists() -> None:
    """However deep the specification is, and with another name."""
    assert without([{"hooks": [["CAP_KILL", "x"]]}], "CAP_KILL") == [{"hooks": [["x"]]}]
