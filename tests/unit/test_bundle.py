"""The harness validates the output of the parsing process, because a hostile archive may have taken it over."""

from __future__ import annotations

import io
import json
from pathlib import Path, PurePosixPath

import pytest

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.submissions import chart_copy
from canaryproof.submissions.bundle import read_bundle, write_bundle
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.timeouts import TimeLimits
from tests.unit.packing import chart, pack_zip

FILES = {PurePosixPath("Chart.yaml"): b"name: a\n", PurePosixPath("templates/a.yaml"): b"", PurePosixPath("b"): b"\0\n"}


def test_what_is_written_is_read() -> None:
    """The reader returns the written paths and contents in order."""
    stream = io.BytesIO()
    write_bundle(stream, FILES)

    assert list(read_bundle(stream)) == list(FILES.items())


EVIL = {
    "a path above": [["../a", 0]],
    "a path above inside": [["a/../../b", 0]],
    "an absolute path": [["/etc/passwd", 0]],
    "a path of this folder": [[".", 0]],
    "an empty path": [["", 0]],
    "a zero byte": [["a\0b", 0]],
    "a negative size": [["a", -1]],
    "more than there is": [["a", 10]],
    "more than a file may have": [["a", 2**40]],
    "a size that is no number": [["a", "1"]],
    "no pair": [["a"]],
    "no list": {"a": 1},
    "a path that is no text": [[["a"], 0]],
    "too many files": [[f"{number}", 0] for number in range(2001)],
    "too deep": [["a/" * 16 + "a", 0]],
}


@pytest.mark.parametrize("index", EVIL.values(), ids=EVIL)
def test_what_no_chart_may_have_is_refused(index: object) -> None:
    """The reader refuses content that no chart may have, whatever its source is."""
    with pytest.raises(UnsafeError):
        list(read_bundle(io.BytesIO(json.dumps(index).encode() + b"\n")))


@pytest.mark.parametrize("line", [b"", b"[", b"[" * 100_000, b"\xff", b"[[]" + b" " * 2**21])
def test_what_is_no_index_is_refused(line: bytes) -> None:
    """The reader refuses an invalid index, whatever its length and nesting are."""
    with pytest.raises(UnsafeError):
        list(read_bundle(io.BytesIO(line)))


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"chart": "../a"}', '{"chart": "/"}', '{"chart": 1}', '{"chart": ""}', "[" * 100_000]
)
def test_an_answer_of_another_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The reader refuses a malformed answer, and writes no file whose name leads out of the folder."""
    monkeypatch.setattr(chart_copy, "run", lambda *_, **__: said)
    submission = Submission("a", "a", pack_zip(tmp_path / "a.zip", chart()))

    with (
        pytest.raises(SubmissionError, match="its files are not told"),
        clean_copy(submission, "upcommerce", TimeLimits(), lambda: None),
    ):
        pass
