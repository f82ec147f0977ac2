"""The harness recognises the known mistakes of the assignment, whatever else is in the chart's files."""

from __future__ import annotations

import time

import pytest

from canaryproof.checks.troubleshooting import explain, shares_replicas
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ChartFile

SOON = 5.0
"""The processor time in seconds. A runaway search takes minutes."""
NIL = "at <.Values.canary.image>: nil pointer evaluating interface {}.image"


def test_an_image_that_is_not_indented_is_found_across_blank_lines() -> None:
    """The harness finds an image that is not indented below ``canary:``, also across blank lines and comments."""
    files = (ChartFile("values.yaml", "canary:  # new\r\n\r\n  # the image\r\nimage: uonyeka/canary\r\n"),)

    found = explain(NIL, files)

    assert found.where == "values.yaml:4"
    assert found.cause == Cause(code="image-not-indented")


ODD = {
    "blank lines": "canary:" + "\n" * 60_000 + "x: 1\n",
    "lines of spaces": "canary:\n" + "   \n" * 15_000 + "x: 1\n",
    "one long line": "a" + ":" * 60_000 + "}}\n",
    "long lines of spaces": (" " * 3_000 + "\n") * 20,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_files_take_no_time(text: str) -> None:
    """The harness takes little time for a strange file, whether accidental or hostile."""
    files = (
        ChartFile("values.yaml", text),
        ChartFile("templates/canary.yaml", "image: {{ .Values.canary.image }}\n" + text),
    )
    began = time.process_time()

    for error in (NIL, "YAML parse error", "spec.containers[0].image: Required value", "already exists"):
        explain(error, files)
    shares_replicas(files, "templates/canary.yaml")

    assert time.process_time() - began < SOON
