"""Names, links, sizes and references: what is harmless passes, what is not is refused with what to do."""

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
    """Return an entry of that path."""
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
    """Whatever packed the archive, folders are separated by slashes."""
    assert parts_of(name) == PurePosixPath(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "..\\a", "C:\\a", "c:a", "\\\\host\\a", "a/.."])
def test_no_entry_leads_out_of_an_archive(name: str) -> None:
    """Absolute paths, drives and ``..`` are refused, however they are written."""
    with pytest.raises(UnsafeError, match="leads out of it"):
        parts_of(name)


@pytest.mark.parametrize(("link", "target"), [("a/b", "../c"), ("a/b", "c/../d"), ("a", "b"), ("a/b/c", "../../d")])
def test_links_may_stay_inside(link: str, target: str) -> None:
    """A repository may have links from one of its folders to another; nobody follows them."""
    assert list(vetted([file(link, link=target)]))


@pytest.mark.parametrize(
    ("link", "target"),
    [("a", "/etc/passwd"), ("a", ".."), ("a/b", "../../c"), ("a", "b/../../c"), ("a", "C:\\x"), ("a", "..\\..\\x")],
)
def test_links_that_lead_out_are_refused(link: str, target: str) -> None:
    """The message says which link it is, and where to."""
    with pytest.raises(UnsafeError, match="is a link that leads out of the submission, to"):
        list(vetted([file(link, link=target)]))


def test_devices_and_pipes_are_refused() -> None:
    """Reading them might never end."""
    with pytest.raises(UnsafeError, match="a device or a pipe"):
        list(vetted([file("a/pipe", special=True)]))


def test_a_submission_has_an_end() -> None:
    """Nobody waits for a million files, nor for folders without end."""

    def endless() -> Iterator[Member]:
        while True:
            yield file("a")

    with pytest.raises(UnsafeError, match=f"more than {MOST_ENTRIES} files"):
        list(vetted(endless()))
    with pytest.raises(UnsafeError, match="more than 64 folders"):
        list(vetted([file("/".join("a" * 100))]))


@pytest.mark.parametrize("path", ["__MACOSX/a/b", ".git/hooks/c", "a/.venv/bin/python", "node_modules/x/y"])
def test_what_tools_leave_behind_is_of_no_account(path: str) -> None:
    """Not even its links and devices matter: nobody looks at it."""
    assert not list(vetted([file(path, link="/usr/bin/python", special=True)]))


@pytest.mark.parametrize(
    ("name", "ignored"), [("._a.yaml", True), (".DS_Store", True), ("Icon\r", True), (".git", True)]
)
def test_macs_files_are_of_no_account(name: str, *, ignored: bool) -> None:
    """Nor is the file that git puts in the place of a submodule's folder."""
    assert is_ignored(name, folder=False) is ignored


def test_hidden_files_of_helm_count() -> None:
    """Helm reads ``.helmignore``."""
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
    """What is too large, too deep, or cannot be named is refused."""
    with pytest.raises(UnsafeError, match=reason):
        Allowance().take(PurePosixPath(path), size)


def test_a_chart_is_small() -> None:
    """Many files, or much in them, are no chart."""
    many, much = Allowance(files=MOST_FILES), Allowance(size=MOST_BYTES)

    with pytest.raises(UnsafeError, match=f"more than {MOST_FILES} files"):
        many.take(PurePosixPath("a"), 0)
    with pytest.raises(UnsafeError, match="more than 20 MiB"):
        much.take(PurePosixPath("a"), 1)


def test_names_in_other_alphabets_are_fine() -> None:
    """Only what cannot be written is refused."""
    Allowance().take(PurePosixPath("templates/канарейка Ünal.yaml"), 1)


@pytest.mark.parametrize(
    ("name", "short"),
    [("alice.zip", "alice"), ("bob.tar.gz", "bob"), ("C.TGZ", "C"), ("d.e.tar", "d.e"), (".zip", ".zip"), ("f", "f")],
)
def test_an_archive_is_named_without_its_suffix(name: str, short: str) -> None:
    """``upcommerce-0.1.0.tgz`` keeps its version."""
    assert stem(name) == short


def test_what_lies_in_a_chart_is_its_sub_chart() -> None:
    """Only the outermost charts could be meant."""
    charts = [PurePosixPath(each) for each in ("b/charts/c", "b", "a", "b/charts/d/charts/e", "bb")]

    assert list(map(str, outermost(charts))) == ["a", "b", "bb"]


def test_of_several_charts_the_one_with_the_name_is_meant() -> None:
    """Others may lie beside it; two of that name are a riddle."""
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
    """It is found without reading YAML that might be made to hurt."""
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
    """And to the schemas of JSON Schema, which come with Helm."""
    check_schema(PurePosixPath("values.schema.json"), json.dumps(schema).encode())


@pytest.mark.parametrize("target", ["http://127.0.0.1/a", "file:///etc/passwd", "other.json#/a", "https://example.com"])
@pytest.mark.parametrize("key", ["$ref", "$schema", "$dynamicRef", "\\u0024ref"])
def test_a_schema_refers_to_nothing_else(key: str, target: str) -> None:
    """Helm would fetch it, from this machine's network or its files."""
    text = f'\ufeff{{"properties": [{{"{key}": "{target}"}}], "a": 1{"0" * 5_000}}}'

    with pytest.raises(UnsafeError, match=r"values\.schema\.json refers to .*, and nothing is fetched"):
        check_schema(PurePosixPath("values.schema.json"), text.encode())


def test_a_schema_that_is_no_json_is_left_to_helm() -> None:
    """Helm says what is wrong with it; one that nobody could read is refused."""
    check_schema(PurePosixPath("values.schema.json"), b"\xff{")
    with pytest.raises(UnsafeError, match="nested too deep"):
        check_schema(PurePosixPath("values.schema.json"), b"[" * 200_000)


def test_what_is_shown_hurts_no_terminal() -> None:
    """Control characters are escaped, and nothing is too long to be read."""
    assert shown("a\x1b[31mb\n\u202e") == r"a\x1b[31mb\n\u202e"
    assert len(shown("a" * 1_000)) < 130
