"""The evidence keeps the text of a chart for its messages, and finds a place in it only if it is unambiguous."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from canaryproof.model.chart_source import line_with, place, read_texts
from canaryproof.model.evidence import ChartFile


def test_text_files_of_a_chart_are_read_in_order(tmp_path: Path) -> None:
    """The reader returns the text files of a chart, ordered by path from the chart's folder."""
    (tmp_path / "templates").mkdir()
    for name in ("values.yaml", "Chart.yml", "_helpers.tpl", "notes.txt", "schema.json", ".helmignore"):
        (tmp_path / name).write_text(f"of {name}")
    (tmp_path / "templates" / "b.yaml").write_text("b")
    (tmp_path / "templates" / "a.yaml").write_text("a")
    (tmp_path / "logo.png").write_bytes(b"x")

    assert read_texts(tmp_path) == (
        ChartFile(".helmignore", "of .helmignore"),
        ChartFile("Chart.yml", "of Chart.yml"),
        ChartFile("_helpers.tpl", "of _helpers.tpl"),
        ChartFile("notes.txt", "of notes.txt"),
        ChartFile("schema.json", "of schema.json"),
        ChartFile("values.yaml", "of values.yaml"),
        ChartFile("templates/a.yaml", "a"),
        ChartFile("templates/b.yaml", "b"),
    )


def test_folders_are_read_in_order(tmp_path: Path) -> None:
    """The reader visits folders in order, so that the same chart always keeps the same files."""
    for name in ("c", "a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text("")

    assert [file.path for file in read_texts(tmp_path)] == ["a/x.yaml", "b/x.yaml", "c/x.yaml"]


def test_too_much_is_left_out(tmp_path: Path) -> None:
    """The reader keeps the first 200 files and the first 64 KiB of each, and marks text that is no UTF-8."""
    (tmp_path / "000.yaml").write_bytes(b"\xff" + b"x" * 65535 + b"y")
    for number in range(1, 201):
        (tmp_path / f"{number:03}.yaml").write_text("")

    files = read_texts(tmp_path)

    assert len(files) == 200
    assert files[0].text == "\N{REPLACEMENT CHARACTER}" + "x" * 65535
    assert files[-1].path == "199.yaml"


def test_what_is_no_plain_file_is_passed_over(tmp_path: Path) -> None:
    """The reader skips links, pipes and sockets, and reads the files beside them."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "a.yaml").symlink_to(secret)
    os.mkfifo(chart / "b.yaml")
    (chart / "c.yaml").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(chart / "d.yaml"))
        (chart / "e.yaml").write_text("e")

        assert read_texts(chart) == (ChartFile("e.yaml", "e"),)


def test_an_error_of_the_machine_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader raises other errors of the machine instead of skipping the file."""
    (tmp_path / "a.yaml").write_text("a")

    def denied(*_arguments: object, **_options: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PermissionError):
        read_texts(tmp_path)


TEMPLATE = """\
kind: Service
spec:
  - port: 80
    "targetPort": 5000
  'selector' : {app: a}
  # replicas: 2
  name: a
  - name: b
"""
FILES = (
    ChartFile("values.yaml", "image: shop:2  # the canary\nother: 'shop:1'\n"),
    ChartFile("templates/a.yaml", TEMPLATE),
    ChartFile("templates/b.yaml", "image: shop:1\n"),
    ChartFile("README.txt", "use shop:2\nshop:3\n"),
)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("port",), ":3"),
        (("targetPort",), ":4"),
        (("selector",), ":5"),
        (("replicas",), ""),
        (("name",), ""),
        (("name", "kind"), ":1"),
        (("kind", "port"), ":1"),
        ((), ""),
    ],
)
def test_a_key_is_found_where_it_stands_once(keys: tuple[str, ...], line: str) -> None:
    """The search finds a key with or without quotes, in a list or not. It ignores comments.

    It names no line if the key occurs twice.
    """
    assert place(FILES, "templates/a.yaml", *keys) == f"templates/a.yaml{line}"


def test_a_template_that_was_not_kept_is_named_alone() -> None:
    """The search names only the template if its text was not kept, even if another template has the key."""
    assert place(FILES, "templates/c.yaml", "kind") == "templates/c.yaml"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("shop:2", "values.yaml:1"),
        ("shop:1", ""),
        ("shop:3", ""),
        ("5000", "templates/a.yaml:4"),
        ("hop:2", ""),
        ("shop", ""),
        (".....2", ""),
    ],
)
def test_a_value_is_found_where_it_stands_once(text: str, where: str) -> None:
    """The search finds a whole value in values and templates, with or without a comment behind it."""
    assert line_with(FILES, text) == where
