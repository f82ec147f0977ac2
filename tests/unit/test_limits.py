"""Names, links, sizes and references are accepted if harmless, and otherwise refused with a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.submissions.limits import (
    DEEPEST,
    LARGEST,
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_FILES,
    Allowance,
    Member,
    check_schema,
    choose,
    is_ignored,
    name_in,
    outermost,
    parts_of,
    shown,
    stem,
    vetted,
)


def file(path: str, *, size: int = 0, link: str | None = None, special: bool = False) -> Member:
    """Return an entry with this path."""
    return Member(PurePosixPath(path), size, bytes, link=link, special=special)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.yaml", "a/b.yaml"),
        ("./a//b.yaml", "a/b.yaml"),
        ("a\\templates\\b.yaml", "a/templates/b.yaml"),
        ("a/..b/c", "a/..b/c"),
        ("./", "."),
    ],
)
def test_entries_have_one_kind_of_path(name: str, path: str) -> None:
    """The paths of entries use slashes, whatever packed the archive."""
    assert parts_of(name) == PurePosixPath(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "..\\a", "C:\\a", "c:a", "\\\\host\\a", "a/.."])
def test_no_entry_leads_out_of_an_archive(name: str) -> None:
    """An absolute path, a drive or ``..`` in an entry is refused in every spelling."""
    with pytest.raises(UnsafeError, match="leads out of it"):
        parts_of(name)


@pytest.mark.parametrize(("link", "target"), [("a/b", "../c"), ("a/b", "c/../d"), ("a", "b"), ("a/b/c", "../../d")])
def test_links_may_stay_inside(link: str, target: str) -> None:
    """A link inside a submission is accepted, and not followed."""
    assert list(vetted([file(link, link=target)]))


@pytest.mark.parametrize(
    ("link", "target"),
    [("a", "/etc/passwd"), ("a", ".."), ("a/b", "../../c"), ("a", "b/../../c"), ("a", "C:\\x"), ("a", "..\\..\\x")],
)
def test_links_that_lead_out_are_refused(link: str, target: str) -> None:
    """A link that leads out of the submission is refused, and the message names link and target."""
    with pytest.raises(UnsafeError, match="is a link that leads out of the submission, to"):
        list(vetted([file(link, link=target)]))


def test_devices_and_pipes_are_refused() -> None:
    """A device or a pipe is refused, because reading it might never end."""
    with pytest.raises(UnsafeError, match="a device or a pipe"):
        list(vetted([file("a/pipe", special=True)]))


def test_a_submission_has_an_end() -> None:
    """A submission with too many files or too deep folders is refused."""

    def endless() -> Iterator[Member]:
        while True:
            yield file("a")

    with pytest.raises(UnsafeError, match=f"more than {MOST_ENTRIES} files"):
        list(vetted(endless()))
    with pytest.raises(UnsafeError, match="more than 64 folders"):
        list(vetted([file("/".join("a" * 100))]))


@pytest.mark.parametrize("path", ["__MACOSX/a/b", ".git/hooks/c", "a/.venv/bin/python", "node_modules/x/y"])
def test_what_tools_leave_behind_is_of_no_account(path: str) -> None:
    """Files that tools leave behind are ignored, including links and devices."""
    assert not list(vetted([file(path, link="/usr/bin/python", special=True)]))


@pytest.mark.parametrize(
    ("name", "ignored"), [("._a.yaml", True), (".DS_Store", True), ("Icon\r", True), (".git", True)]
)
def test_macs_files_are_of_no_account(name: str, *, ignored: bool) -> None:
    """The files of macOS, and the file that git puts in place of a submodule, are ignored."""
    assert is_ignored(name, folder=False) is ignored


def test_hidden_files_of_helm_count() -> None:
    """The hidden file ``.helmignore`` is kept, because Helm reads it."""
    assert not is_ignored(".helmignore", folder=False)


@pytest.mark.parametrize(
    ("path", "size", "reason"),
    [
        ("a", LARGEST + 1, "has more than 5 MiB, which Helm does not take"),
        ("/".join("a" * (DEEPEST + 1)), 1, "lies in more than 16 folders"),
        ("a" * 300, 1, "a path of more than 250 bytes"),
        ("a\nb", 1, r"a\\nb has characters in its name"),
        ("a\\b", 1, "has characters in its name"),
        ("a\udc80", 1, "has characters in its name"),
    ],
    ids=["large", "deep", "long", "line-end", "backslash", "no-utf-8"],
)
def test_a_chart_has_files_that_helm_takes(path: str, size: int, reason: str) -> None:
    """A chart file that is too large, too deep or has an invalid name is refused."""
    with pytest.raises(UnsafeError, match=reason):
        Allowance().take(PurePosixPath(path), size)


def test_a_chart_is_small() -> None:
    """A chart with too many files or too much content is refused."""
    many, much = Allowance(files=MOST_FILES), Allowance(size=MOST_BYTES)

    with pytest.raises(UnsafeError, match=f"more than {MOST_FILES} files"):
        many.take(PurePosixPath("a"), 0)
    with pytest.raises(UnsafeError, match="more than 20 MiB"):
        much.take(PurePosixPath("a"), 1)


def test_names_in_other_alphabets_are_fine() -> None:
    """A file name in any alphabet is accepted if it is printable."""
    Allowance().take(PurePosixPath("templates/канарейка Ünal.yaml"), 1)


@pytest.mark.parametrize(
    ("name", "short"),
    [("alice.zip", "alice"), ("bob.tar.gz", "bob"), ("C.TGZ", "C"), ("d.e.tar", "d.e"), (".zip", ".zip"), ("f", "f")],
)
def test_an_archive_is_named_without_its_suffix(name: str, short: str) -> None:
    """The name of an archive is its file name without the suffix; ``upcommerce-0.1.0.tgz`` keeps its version."""
    assert stem(name) == short


def test_what_lies_in_a_chart_is_its_sub_chart() -> None:
    """A chart inside a chart is a subchart and no candidate."""
    charts = [PurePosixPath(each) for each in ("b/charts/c", "b", "a", "b/charts/d/charts/e", "bb")]

    assert list(map(str, outermost(charts))) == ["a", "b", "bb"]


def test_of_several_charts_the_one_with_the_name_is_meant() -> None:
    """The chart with the course's name is chosen among several. Two charts of that name are ambiguous."""
    names = {PurePosixPath("a"): "other", PurePosixPath("b"): "shop", PurePosixPath("c"): "shop"}
    a, b, c = names

    assert choose([a, b], "shop", names.__getitem__) == b
    assert choose([a], "shop", names.__getitem__) == a
    assert choose([], "shop", names.__getitem__) is None
    with pytest.raises(
        SubmissionError, match="expected one Helm chart, saw 2: b, c; keep one, or, if it is the work of"
    ):
        choose([a, b, c], "shop", names.__getitem__)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"name: shop\n", "shop"),
        (b'\xef\xbb\xbfapiVersion: v1\r\nname: "shop"\r\n', "shop"),
        (b"nam: x", ""),
        (b"\xff", ""),
    ],
)
def test_the_name_of_a_chart_is_plain_to_see(content: bytes, name: str) -> None:
    """The name of a chart is read from Chart.yaml without a YAML parser, which hostile input might exhaust."""
    assert name_in(content) == name


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"$id": "https://example.com/schema", "properties": {"$ref": {"type": "string"}}},
    ],
)
def test_a_schema_may_refer_to_itself(schema: object) -> None:
    """A schema may refer to itself and to the JSON Schema meta-schemas, which Helm contains."""
    check_schema(PurePosixPath("values.schema.json"), json.dumps(schema).encode())


@pytest.mark.parametrize("target", ["http://127.0.0.1/a", "file:///etc/passwd", "other.json#/a", "https://example.com"])
@pytest.mark.parametrize("key", ["$ref", "$schema", "$dynamicRef", "\\u0024ref"])
def test_a_schema_refers_to_nothing_else(key: str, target: str) -> None:
    """A schema with another reference is refused, because Helm would fetch it from the network or the file system."""
    text = f'\ufeff{{"properties": [{{"{key}": "{target}"}}], "a": 1{"0" * 5_000}}}'

    with pytest.raises(UnsafeError, match=r"values\.schema\.json refers to .*, and nothing is fetched"):
        check_schema(PurePosixPath("values.schema.json"), text.encode())


def test_a_schema_that_is_no_json_is_left_to_helm() -> None:
    """An invalid schema is left to Helm, but an unreadable one is refused."""
    check_schema(PurePosixPath("values.schema.json"), b"\xff{")
    with pytest.raises(UnsafeError, match="nested too deep"):
        check_schema(PurePosixPath("values.schema.json"), b"[" * 200_000)


def test_what_is_shown_hurts_no_terminal() -> None:
    """A shown text has escaped control characters and a limited length."""
    assert shown("a\x1b[31mb\n\u202e") == r"a\x1b[31mb\n\u202e"
    assert len(shown("a" * 1_000)) < 130
