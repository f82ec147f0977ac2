"""A resumed run uses only the flight records that are still valid."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import to_lines
from canaryproof.reports.resume import unchanged
from canaryproof.submissions.discovery import Submission

ALICE, BOB = Submission("alice", "", Path()), Submission("bob", "", Path())
SEEN = Evidence("alice", "", fingerprint="abc")


def kept(reports: Path, file: str, content: bytes) -> Path:
    """Write a flight record as an earlier run does."""
    (reports / "evidence").mkdir(exist_ok=True)
    place = reports / "evidence" / f"{file}.jsonl"
    place.write_bytes(content)
    return place


def test_what_has_not_changed_is_found_by_its_name(tmp_path: Path) -> None:
    """A flight record of an unchanged submission is found by the name inside, whatever the file's name is."""
    record = kept(tmp_path, "alice-2", to_lines(SEEN))

    assert unchanged([ALICE, BOB], tmp_path, lambda _: "abc") == {"alice": record}


@pytest.mark.parametrize(
    "content",
    [
        to_lines(replace(SEEN, fault=Cause(code="cluster-fault", detail="etcd ended"))),
        to_lines(replace(SEEN, fingerprint="xyz")),
        to_lines(replace(SEEN, fingerprint="")),
        to_lines(replace(SEEN, name="carol")),
        b"nonsense",
        b'{"schema":2,"lines":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"",
    ],
)
def test_what_is_not_good_any_more_is_tried_again(tmp_path: Path, content: bytes) -> None:
    """A submission is tried again if its record is invalid, or has a fault, an old version or another fingerprint."""
    kept(tmp_path, "alice", content)

    assert unchanged([ALICE], tmp_path, lambda _: "abc") == {}


def test_what_is_no_plain_file_is_tried_again(tmp_path: Path) -> None:
    """A record that is a pipe is skipped without waiting, and the submission is tried."""
    kept(tmp_path, "alice", b"").unlink()
    os.mkfifo(tmp_path / "evidence" / "alice.jsonl")

    assert unchanged([ALICE], tmp_path, lambda _: "abc") == {}


def test_a_first_run_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    """A first run finds no records, and its folder need not exist."""
    assert unchanged([ALICE], tmp_path / "out", lambda _: "abc") == {}
