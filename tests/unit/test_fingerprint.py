"""The fingerprint of a submission changes whenever something changes on which its verdict depends."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.model.evidence import Setting
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import ChartReference, Revision, Scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.fingerprint import contents, fingerprint

SETTING = Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in")


@pytest.fixture
def handed_in(tmp_path: Path) -> Submission:
    """A chart with two files."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("name: shop")
    (tmp_path / "templates" / "app.yaml").write_text("kind: Service")
    return Submission("alice", "class/alice", tmp_path)


@pytest.fixture
def scenario() -> Scenario:
    """The course."""
    return load_scenario()


def test_the_same_has_the_same_fingerprint(handed_in: Submission, scenario: Scenario) -> None:
    """The fingerprint does not depend on the path, the name, the number of reads or the patience."""
    first = fingerprint(handed_in, scenario, SETTING)
    later = fingerprint(replace(handed_in, source="elsewhere"), scenario, replace(SETTING, patience=4, nodes=3))

    assert first == later


def test_every_file_counts(handed_in: Submission, scenario: Scenario) -> None:
    """The fingerprint changes with a changed, new, renamed or missing file."""
    file = handed_in.chart / "templates" / "app.yaml"
    seen = {fingerprint(handed_in, scenario, SETTING)}
    for change in (
        lambda: file.write_text("kind: service"),
        lambda: (handed_in.chart / "new.yaml").write_text(""),
        lambda: file.rename(file.with_name("other.yaml")),
        (handed_in.chart / "Chart.yaml").unlink,
        lambda: (handed_in.chart / "Chart.yaml").symlink_to("new.yaml"),
    ):
        change()
        seen.add(fingerprint(handed_in, scenario, SETTING))

    assert len(seen) == 6


def test_what_is_asked_and_what_tries_it_count(handed_in: Submission, scenario: Scenario, tmp_path: Path) -> None:
    """The fingerprint changes with the course, its stable chart, Helm, Kubernetes, images or a discovery problem."""
    (tmp_path / "baseline").mkdir()
    seen = {
        fingerprint(handed_in, scenario, SETTING),
        fingerprint(handed_in, replace(scenario, namespace="prod"), SETTING),
        fingerprint(handed_in, replace(scenario, stable=(Revision(ChartReference(tmp_path / "baseline")),)), SETTING),
        fingerprint(handed_in, scenario, replace(SETTING, helm="3.22.0")),
        fingerprint(handed_in, scenario, replace(SETTING, kubernetes="1.36.3")),
        fingerprint(handed_in, scenario, replace(SETTING, images="upstream")),
        fingerprint(replace(handed_in, problem="two charts"), scenario, SETTING),
    }

    assert len(seen) == 7


def test_the_version_of_the_harness_counts(
    handed_in: Submission, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fingerprint changes with the version of the harness."""
    before = fingerprint(handed_in, scenario, SETTING)
    monkeypatch.setattr("canaryproof.submissions.fingerprint.version", lambda _: "9.9")

    assert fingerprint(handed_in, scenario, SETTING) != before


def test_an_archive_is_its_bytes(tmp_path: Path) -> None:
    """The fingerprint of an archive depends on its bytes, and the archive is not unpacked."""
    archive = tmp_path / "alice.zip"
    archive.write_bytes(b"PK one")
    before = contents(archive)
    archive.write_bytes(b"PK two")

    assert contents(archive) != before


def test_what_cannot_be_read_is_no_failure(tmp_path: Path) -> None:
    """A hostile or missing folder has a fingerprint, too, and delays nothing."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")

    assert contents(tmp_path) != contents(tmp_path / "nothing")
