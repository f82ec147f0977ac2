"""Controls: the reference is accepted, and each single fault is rejected for that fault and for no other."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from canaryproof.command import run
from canaryproof.errors import CommandError

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "upcommerce"
SOME_REJECTED = 1


@dataclass(frozen=True)
class Control:
    """The reference with one change, and what must be said of it."""

    outcome: str
    failed: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    change: tuple[str, str, str] | None = None
    """A file, and what in it is replaced by what."""
    without: tuple[str, ...] = ()
    """Files that are left out."""

    def write(self, folder: Path) -> None:
        """Write the chart to *folder*; a change that changes nothing is a fault of the control."""
        shutil.copytree(REFERENCE, folder)
        for name in self.without:
            (folder / name).unlink()
        if self.change:
            file, old, new = folder / self.change[0], *self.change[1:]
            text = file.read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{self.change[0]} should contain {old!r} once"
            file.write_text(text.replace(old, new), encoding="utf-8")


DEPLOYMENT = "templates/canary-deployment.yml"
SERVICE = "templates/canary-service.yml"
CONTROLS = {
    "reference": Control("crash-loop"),
    "stays-healthy": Control(
        "healthy",
        failed=frozenset({"canary-crash-loop"}),
        change=("values.yaml", "uonyeka/canary:linux-amd64", "uonyeka/upcommerce:v3"),
    ),
    "mistyped-tag": Control(
        "image-pull",
        failed=frozenset({"canary-crash-loop"}),
        change=("values.yaml", "uonyeka/canary:linux-amd64", "uonyeka/canary:linux-amd-64"),
    ),
    "two-replicas": Control(
        "crash-loop",
        failed=frozenset({"canary-replicas"}),
        change=(DEPLOYMENT, "replicas: {{ .Values.replicaCount }}", "replicas: 2"),
    ),
    "port-5000": Control(
        "crash-loop",
        failed=frozenset({"canary-port"}),
        change=(DEPLOYMENT, "containerPort: 5003", "containerPort: 5000"),
    ),
    "service-selects-nothing": Control(
        "crash-loop",
        failed=frozenset({"canary-service"}),
        change=(SERVICE, "app: {{ .Release.Name }}-canary-app", "app: {{ .Release.Name }}-canary"),
    ),
    "no-canary": Control(
        "no-canary",
        failed=frozenset({"canary-present"}),
        skipped=frozenset(
            {
                "canary-replicas",
                "canary-port",
                "canary-service",
                "canary-crash-loop",
                "stable-serves-during-canary",
            }
        ),
        without=(DEPLOYMENT, SERVICE),
    ),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """``results.json`` of one run of all controls, as course staff would run it."""
    folder, reports = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("reports")
    for name, control in CONTROLS.items():
        control.write(folder / name)
    command = [sys.executable, "-m", "pytest", "-m", "e2e", "--submissions", str(folder), "--report-dir", str(reports)]
    with pytest.raises(CommandError) as caught:
        run(command, timeout=300, cwd=REPOSITORY)
    assert caught.value.outcome == f"exit code {SOME_REJECTED}", caught.value
    written: Mapping[str, Any] = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    return written


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_judged_for_what_it_is(results: Mapping[str, Any], name: str) -> None:
    """Verdict, outcome, failed and skipped checks are exactly those that the change deserves."""
    control = CONTROLS[name]
    (row,) = [it for it in results["submissions"] if it["name"] == name]
    found = {
        status: {it["id"] for it in row["checks"] if it["status"] == status}
        for status in ("failed", "skipped", "error")
    }

    assert found == {"failed": control.failed, "skipped": control.skipped, "error": set()}, row["reason"]
    assert (row["outcome"], row["verdict"]) == (control.outcome, "rejected" if control.failed else "accepted")


def test_every_declared_check_has_a_row(results: Mapping[str, Any]) -> None:
    """Whatever became of a submission, all thirteen checks are told of it, in order."""
    rows = [[it["id"] for it in submission["checks"]] for submission in results["submissions"]]

    assert len(rows) == len(CONTROLS)
    assert all(row == rows[0] for row in rows)
    assert len(rows[0]) == 13
