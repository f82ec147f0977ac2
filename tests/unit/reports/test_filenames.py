"""File names of submissions are safe, and no two submissions share a file on any file system."""

from __future__ import annotations

import pytest

from canaryproof.reports.filenames import LENGTH, file_name, file_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", "shop"),
        ("upcommerce-0.1.0", "upcommerce-0.1.0"),
        ("..", "_"),
        ("a/b\\c", "a_b_c"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden", "hidden"),
        ("trailing.", "trailing"),
        ("", "_"),
        ("\x00", "_"),
        ("é x", "é_x"),
        ("e\u0301", "é"),
        ("exe\u202egnp", "exe_gnp"),
        ("a" * 300, "a" * LENGTH),
        ("é" * 300, "é" * (LENGTH // 2)),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("console", "console"),
        ("shop.jsonl", "shop_jsonl"),
    ],
)
def test_a_file_name_leads_nowhere_else(name: str, expected: str) -> None:
    """A file name has no separator, space, device name or outer dot.

    Letters of all languages stay, in normalised form.
    """
    assert file_name(name) == expected


def test_no_two_submissions_share_a_file() -> None:
    """Names that differ only in case, Unicode form or beyond the maximum length get separate files."""
    names = ["shop", "Shop", "shop/", "é", "e\u0301", "a" * 300, "a" * 301, "../x", "..\\x"]

    files = file_names(names)

    assert len({each.casefold() for each in files.values()}) == len(names)
    assert (files["shop"], files["é"]) == ("shop", "é")
    assert files["Shop"].startswith("Shop-")
    assert files == file_names(names)
