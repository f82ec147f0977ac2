"""Text of submissions stays plain text in Markdown."""

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
    """Every character with a meaning in Markdown or GitHub's variant is escaped, and other text stays unchanged."""
    assert text(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("plain", "`plain`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", "` `"), ("x\n```", "```` x ``` ````")],
)
def test_code_ends_where_it_should(words: str, expected: str) -> None:
    """Inline code is on one line, and its delimiter is longer than any run of backquotes in it."""
    assert code(words) == expected


def test_a_block_is_not_closed_from_inside() -> None:
    """The fence of a code block is longer than any in its lines, and the lines contain no control characters."""
    shown = block(ALL.splitlines()).splitlines()

    assert shown[0] == "`````text"
    assert shown[-1] == "`````"
    assert not any(line.startswith("`````") for line in shown[1:-1])
    assert all(line.isprintable() for line in shown)


def test_a_block_keeps_indentation() -> None:
    """A code block keeps the indentation."""
    assert block(["a", "\tb  ", "  c"]).splitlines()[1:-1] == ["a", "    b", "  c"]
