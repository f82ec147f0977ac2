"""On a real cluster, no secret appears in the output or the files of a run, whatever repeats it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.redaction import MARK
from canaryproof.scenario.scenario_file import UPCOMMERCE
from canaryproof.system.process import stream
from tests.corpus.catalogue import CORPUS

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
MANIFEST = """
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{{"data": {{"url": "{value}"}}}}'
stringData:
  url: {value}
data:
  dsn: {encoded}
"""
PRINTING = """
          command: [/agnhost, netexec, --http-port=$(URL)]
          terminationMessagePolicy: FallbackToLogsOnError
          env:
            - name: URL
              valueFrom: {secretKeyRef: {name: printing, key: url}}
            - name: PLAIN
              value: postgres://me:VALUE@db/shop
"""
HELM = """#!/bin/sh
# Plays a Helm that repeats in an error all that it can see.
if [ "$1" = rollback ]; then
  sed -n 's/.*"token": "\\([^"]*\\)".*/\\1/p' "$KUBECONFIG" > {token}
  cat "$KUBECONFIG" >&2
  echo "Error: could not roll back: {variable}, $(cat {token})" >&2
  exit 1
fi
exec {helm} "$@"
"""


def _value() -> str:
    return f"c4n4ry-{secrets.token_hex(8)}-Zz9"


def _chart(folder: Path, name: str, value: str) -> Path:
    """Write the reference with a Secret that contains *value*."""
    CORPUS["reference"].write(folder / name)
    encoded = base64.b64encode(f"{value}-dsn".encode()).decode()
    text = MANIFEST.format(name=name, value=value, encoded=encoded)
    (folder / name / "templates" / "secret.yaml").write_text(text, encoding="utf-8")
    return folder / name


def _scenario(folder: Path, value: str) -> Path:
    """Write a course whose stable chart, and thereby every submission, contains *value* in a Secret."""
    shutil.copytree(UPCOMMERCE.parent / "upcommerce", folder / "baseline")
    text = MANIFEST.format(name="stable", value=value, encoded="eA==")
    (folder / "baseline" / "templates" / "stable-secret.yaml").write_text(text, encoding="utf-8")
    file = folder / "course.yaml"
    terms = UPCOMMERCE.read_text(encoding="utf-8").replace("chart: upcommerce", "chart: baseline")
    file.write_text(terms, encoding="utf-8")
    return file


@pytest.fixture
def values() -> Mapping[str, str]:
    """One value for each source of secrets."""
    return {name: _value() for name in ("stable", "printing", "refused", "proxy", "variable")}


@pytest.fixture
def scenario(tmp_path: Path, values: Mapping[str, str]) -> Path:
    """A course and a class.

    One submission prints its Secret, and the API refuses an object of another that repeats it.
    """
    file = _scenario(tmp_path, values["stable"])
    charts = tmp_path / "class"
    printing = _chart(charts, "printing", values["printing"]) / "templates" / "canary-deployment.yml"
    image = "          image: {{ .Values.canary.image }}\n"
    text = printing.read_text(encoding="utf-8")
    assert image in text
    added = PRINTING.lstrip("\n").replace("VALUE", values["printing"])
    printing.write_text(text.replace(image, image + added), encoding="utf-8")
    refused = _chart(charts, "refused", values["refused"]) / "templates" / "canary-service.yml"
    text = refused.read_text(encoding="utf-8")
    refused.write_text(text.replace("spec:\n", f"spec:\n  clusterIP: {values['refused']}\n", 1), encoding="utf-8")
    for chart in charts.iterdir():
        shutil.copy(tmp_path / "baseline" / "templates" / "stable-secret.yaml", chart / "templates")
    return file


def _try(scenario: Path, out: Path, environment: Mapping[str, str], *options: str) -> str:
    """Run the class, and return the output."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "-vv",
        "--canaryproof-cluster=embedded",
        f"--canaryproof-scenario={scenario}",
    ]
    command += [
        f"--canaryproof-submissions={scenario.parent / 'class'}",
        f"--canaryproof-report-dir={out}",
        f"--junitxml={out}.xml",
        *options,
    ]
    printed: list[str] = []
    with pytest.raises(CommandError, match="exit code"):
        stream(command, timeout=300, cwd=REPOSITORY, env={**os.environ, **environment}, on_line=printed.append)
    return "\n".join(printed)


def _forms(value: str) -> Iterator[bytes]:
    yield value.encode()
    for text in (value, f"{value}-dsn"):
        yield base64.b64encode(text.encode())[:20]


def _leaks(values: Mapping[str, str], out: Path, printed: str) -> list[str]:
    """Return the places that contain a value: files of the reports, JUnit's report or the terminal."""
    texts = {str(file.relative_to(out.parent)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    texts |= {"JUnit": Path(f"{out}.xml").read_bytes(), "terminal": printed.encode()}
    return sorted(
        f"{name} in {place}"
        for name, value in values.items()
        for place, text in texts.items()
        if any(form in text for form in _forms(value))
    )


def _rows(out: Path) -> dict[str, Any]:
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {row["name"]: row for row in document["submissions"]}


def test_no_secret_is_kept_or_printed(scenario: Path, values: Mapping[str, str], tmp_path: Path) -> None:
    """Data of Secrets appears in no log, event, error of Helm, record or page, and the verdicts are unchanged."""
    environment = {"https_proxy": f"http://me:{values['proxy']}@127.0.0.1:9", "CI_JOB_TOKEN": values["variable"]}
    printed = _try(scenario, tmp_path / "out", environment)

    rows = _rows(tmp_path / "out")
    assert _leaks(values, tmp_path / "out", printed) == []
    assert (rows["printing"]["verdict"], rows["printing"]["outcome"]) == ("accepted", "crash-loop")
    assert (rows["refused"]["verdict"], rows["refused"]["outcome"]) == ("rejected", "refused")
    assert MARK in rows["refused"]["reason"]
    logs = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("out/evidence/printing/logs/*"))
    assert f'"{MARK}"' in logs
    page = (tmp_path / "out" / "submissions" / "printing.html").read_text(encoding="utf-8")
    assert "Secret/printing" in page
    assert MARK in page


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that all users may search, because charts are rendered without rights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_what_a_tool_repeats_is_not_kept(
    scenario: Path, values: Mapping[str, str], toolchain: Toolchain, public_folder: Path, tmp_path: Path
) -> None:
    """The cluster's token and a CI variable are removed from an error of Helm that quotes them."""
    shutil.rmtree(tmp_path / "class" / "refused")
    helm, token, real = tmp_path / "helm", tmp_path / "token", public_folder / "helm"
    shutil.copy(toolchain.path("helm"), real)
    helm.write_text(textwrap.dedent(HELM).format(token=token, variable=values["variable"], helm=real), encoding="utf-8")
    helm.chmod(0o755)
    printed = _try(scenario, tmp_path / "out", {"CI_JOB_TOKEN": values["variable"]}, f"--canaryproof-helm={helm}")

    known = {**values, "token": token.read_text(encoding="utf-8").strip()}
    assert len(known["token"]) > 20
    assert _leaks(known, tmp_path / "out", printed) == []
    assert f"could not roll back: {MARK}, {MARK}" in " ".join(printed.split())
