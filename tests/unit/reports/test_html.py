"""The pages show the evidence, load no other resource, and treat text of submissions only as text."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from canaryproof.checks.results import RunResults
from canaryproof.model.evidence import Evidence
from canaryproof.reports.html import class_page, submission_page
from tests.unit.reports.hostile import ALL, EVIDENCE, HTML, hostile_evidence, judged, remarkable

VOID = {"meta", "input"}


class Page(HTMLParser):
    """The elements of a page in order, and its visible text."""

    def __init__(self, source: str) -> None:
        """Parse *source*."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements with this name."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(evidence: Evidence | None = EVIDENCE, *, failed: str = "", error: str = "") -> str:
    """Return the page of one submission."""
    return submission_page(judged(evidence, failed=failed, error=error), evidence, scenario="Releases")


def class_of(*evidence: Evidence, failed: str = "") -> str:
    """Return the page of a class."""
    results = tuple(judged(each, failed=failed) for each in evidence)
    run = RunResults("2026-01-02T03:04:05+00:00", 12.3, EVIDENCE.setting, results)
    return class_page(run, {each.name: "submissions/x.html" for each in results}, scenario="Releases")


EVERY = {
    "accepted": page(),
    "rejected": page(failed="it did not"),
    "error": page(error="etcd ended"),
    "remarked": page(remarkable(), failed="it did not"),
    "remarked-class": class_of(EVIDENCE, replace(remarkable(), name="other"), failed="it did not"),
    "untried": page(None, error="no cluster"),
    "class": class_of(EVIDENCE, replace(EVIDENCE, name="other"), failed="it did not"),
    "hostile": page(hostile_evidence(), failed=ALL),
    "hostile-class": class_of(hostile_evidence(), failed=ALL),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_page_is_whole_and_needs_nothing(name: str) -> None:
    """A page has no unclosed element, external resource, inline code or style in an attribute, or duplicate id."""
    found = Page(EVERY[name])

    assert found.open == []
    attributes = [(tag, key, value) for tag, all_of_it in found.elements for key, value in all_of_it.items()]
    assert not [each for each in attributes if each[1].startswith("on") or each[1] in {"src", "style", "srcset"}]
    links = [value for tag, key, value in attributes if key in {"href", "xlink:href", "action"} and tag != "use"]
    assert not [link for link in links if ":" in link or link.startswith("//")]
    assert not found.named("img") + found.named("iframe") + found.named("link") + found.named("base")
    ids = [value for _, key, value in attributes if key == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", EVERY)
def test_the_policy_lets_our_own_through_and_nothing_else(name: str) -> None:
    """The content security policy allows only the scripts and styles in the page, by their digests."""
    source = EVERY[name]
    (policy,) = [each["content"] for each in Page(source).named("meta") if "http-equiv" in each]

    assert policy.startswith("default-src 'none'; ")
    assert "base-uri 'none'; form-action 'none'" in policy
    inline = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", source, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inline]
    assert re.findall(r"'sha256-(.*?)'", policy) == digests


@pytest.mark.parametrize("name", EVERY)
def test_a_page_can_be_read_without_seeing_it(name: str) -> None:
    """A page has landmarks, one main heading, ordered headings, and a name for each control, region and picture."""
    found = Page(EVERY[name])

    assert len(found.named("main")) == len(found.named("h1")) == 1
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for tag, attributes in found.elements:
        if attributes.get("role") == "img" or attributes.get("tabindex") == "0":
            assert {"aria-label", "aria-labelledby"} & attributes.keys(), (tag, attributes)
    labelled = [each.get("aria-labelledby") for _, each in found.elements if "aria-labelledby" in each]
    ids = {each.get("id") for _, each in found.elements}
    assert set(labelled) <= ids
    assert all(each.get("scope") for each in found.named("th"))
    assert found.named("html") == [{"lang": "en"}]


@pytest.mark.parametrize("name", ["hostile", "hostile-class"])
def test_hostile_text_is_text(name: str) -> None:
    """Hostile text opens no element, contains no template and changes no text direction, but stays visible."""
    found = Page(EVERY[name])

    assert len(found.named("script")) == (name == "hostile-class")
    assert not found.named("b") or "alert" not in str(found.named("b"))
    assert HTML in found.text
    assert "{{ 7*7 }}" in found.text
    assert not set(EVERY[name]) & set("\x1b\x00\x07\u202e")


def test_a_rejection_shows_the_cause_the_picture_and_the_difference() -> None:
    """The page of a rejection shows the failure, its place, the advice, the pods, the diff, the log and the events."""
    text = Page(page(failed="it did not")).text

    for part in ("What is wrong", "It crash-loops", "Try:", "What happened", "upcommerce-canary-app", "bad flag"):
        assert part in text
    assert "+  replicas: 1" in text
    assert "canary: exit code 1 (Error)" in text


def test_remarks_stand_between_the_faults_and_the_picture() -> None:
    """The page shows remarks between the faults and the chart, and links them from its head.

    It states that they are no faults, and has no such section without remarks.
    """
    found = Page(EVERY["remarked"])

    assert {"class": "remarked", "href": "#remarks"} in found.named("a")
    parts = ("3 remarks", "What is wrong", "These are no faults", "The chart chooses what the canary runs", "happened")
    places = [found.text.index(part) for part in parts]
    assert places == sorted(places)
    assert "remark" not in Page(page(failed="it did not")).text.casefold()


def test_the_class_counts_remarks_and_filters_by_them() -> None:
    """The page of the class counts and marks the submissions with remarks, and has a filter for each code."""
    found = Page(EVERY["remarked-class"])

    rows = [each["data-remarked"] for each in found.named("tr") if "data-standing" in each]
    assert rows == ["", "program-replaced program-mounted workloads-added"]
    buttons = [each["data-value"] for each in found.named("button") if each.get("data-field") == "remarked"]
    assert buttons == ["any", "program-replaced", "program-mounted", "workloads-added"]
    assert {"name": "remarked"} in found.named("select")
    assert "remarks: program-replaced, program-mounted, workloads-added" in found.text
    assert not [each for each in Page(EVERY["class"]).named("button") if each.get("data-field") == "remarked"]


def test_an_error_is_not_scored() -> None:
    """The page of an error states that it has no score, and its check has no points."""
    text = Page(page(error="etcd ended")).text

    assert "not scored" in text
    assert "it is not at fault" in text
    assert text.count("etcd ended") == 1


def test_what_was_taken_over_is_marked() -> None:
    """The page marks results that come from an earlier run."""
    result = replace(judged(EVIDENCE), resumed=True)

    marked = submission_page(result, EVIDENCE, scenario="Releases")

    assert "Tried in the run that this one goes on with" in Page(marked).text
    assert "goes on with" not in page()


def test_the_page_of_a_submission_has_no_script() -> None:
    """The page of a submission contains no script."""
    assert not Page(page()).named("script")


def test_the_page_of_the_class_leads_to_every_submission() -> None:
    """The page of the class links every submission in a row with the data for sorting and filters."""
    found = Page(class_of(EVIDENCE, replace(EVIDENCE, name="other"), failed="it did not"))

    rows = [each for each in found.named("tr") if "data-standing" in each]
    assert [each["data-failed"] for each in rows] == ["canary-outcome"] * 2
    assert [each["data-score"] for each in rows] == ["3", "3"]
    assert [each["href"] for each in found.named("a")].count("submissions/x.html") == 2


def test_a_page_is_small() -> None:
    """The page of a submission has at most a few hundred lines of its text."""
    loud = hostile_evidence("x" * 10_000)

    assert len(page(loud, failed="it did not")) < 1_000_000
    assert len(page()) < 60_000
