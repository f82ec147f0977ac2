"""Text of others stays text in Markdown."""

from __future__ import annotations

import pytest

from canaryproof.reports.markdown import ZERO_WIDTH, block, code, text
from tests.unit.reports.hostile import ALL


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("plain words, 1.5 s", "plain words, 1.5 s"),
        ("upcommerce-canary-app", "upcommerce-canary-app"),
        ("uonyeka/canary:linux-amd64", "uonyeka/canary:linux-amd64"),
        ("a_b * c", r"a\_b \* c"),
        ("![x](y)", r"!\[x\](y)"),
        ("<b>&amp;", r"\<b\>&amp;amp;"),
        ("a | b", r"a \| b"),
        ("two\nlines\x1b[2J", r"two lines \[2J"),
        ("@all", f"@{ZERO_WIDTH}all"),
        ("#12", f"#{ZERO_WIDTH}12"),
        ("https://evil.example", f"https:{ZERO_WIDTH}//evil.example"),
        ("WWW.evil.example", f"WWW{ZERO_WIDTH}.evil.example"),
        ("- item", f"{ZERO_WIDTH}- item"),
        ("1. item", f"{ZERO_WIDTH}1. item"),
        ("$x$", r"\$x\$"),
    ],
)
def test_text_is_shown_as_it_is_written(words: str, expected: str) -> None:
    """What Markdown, or GitHub's kind of it, would make something of is taken out of its hands; the rest stays."""
    assert text(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("plain", "`plain`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", "` `"), ("x\n```", "```` x ``` ````")],
)
def test_code_ends_where_it_should(words: str, expected: str) -> None:
    """Its marks are longer than any run of them in it, on one line."""
    assert code(words) == expected


def test_a_block_is_not_closed_from_inside() -> None:
    """The fence is longer than any in the lines, and no line moves a cursor."""
    shown = block(ALL.splitlines()).splitlines()

    assert shown[0] == "`````text"
    assert shown[-1] == "`````"
    assert not any(line.startswith("`````") for line in shown[1:-1])
    assert all(line.isprintable() for line in shown)


def test_a_block_keeps_indentation() -> None:
    """A log reads as it was written."""
    assert block(["a", "\tb  ", "  c"]).splitlines()[1:-1] == ["a", "    b", "  c"]
