"""The stored evidence of an experiment contains no secret, and is judged like the original."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from canaryproof.analysis import stable_state
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import (
    Canary,
    ChartFile,
    ContainerLog,
    Decision,
    Evidence,
    Holder,
    Leftover,
    Observed,
    Probe,
    Rendering,
    Revision,
    Step,
)
from canaryproof.model.evidence_redaction import (
    IDENTIFIERS,
    SecretValues,
    bodies_of,
    without_secrets,
    without_secrets_in_log,
)
from canaryproof.model.flight_record import from_lines, to_lines
from canaryproof.model.objects import Manifest, ObjectKey
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.redaction import MARK, Redactor
from canaryproof.reports.diff import difference

VALUE = "k3pt-n0where-9f"


def _secret(value: str) -> Manifest:
    return Manifest(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"x": value}}, "c/s"
    )


def _deployment(value: str) -> Manifest:
    container = {"name": "app", "image": "app:1", "env": [{"name": "DSN", "value": f"db://{value}"}]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return Manifest(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "uid": "1"}, "spec": spec}
    )


def _event() -> Observation:
    return Observation(1.0, "ADDED", Manifest({"kind": "Event", "metadata": {"name": "e"}, "message": f"no {VALUE}"}))


TOLD = Cause(code="told", detail=VALUE, found=VALUE, last_words=VALUE, protocol=VALUE)
EVIDENCE = Evidence(
    name="alice",
    source="class/alice",
    baseline=Rendering((_secret(VALUE),), VALUE, VALUE),
    chart=Rendering((_secret(f"{VALUE}-2"),), VALUE, VALUE),
    files=(
        ChartFile("templates/s.yaml", f"kind: Secret\nstringData:\n  x: {VALUE}\n"),
        ChartFile("values.yaml", f"a:\n{VALUE}\nb"),
    ),
    decision=Decision("refused", TOLD, proof=(f"seen {VALUE}",)),
    install=Step("helm install", 0, 1, VALUE),
    upgrade=Step(f"helm upgrade {VALUE}", 0, 1, VALUE),
    rollback=Step("helm rollback", 0, 1, VALUE),
    history=(Revision(1, "failed", f"said {VALUE}"),),
    timeline=Timeline((_event(),)),
    probes=(Probe(0, 1, VALUE),),
    leftovers=(Leftover(ObjectKey("Secret", "db"), Holder("hook", VALUE)),),
    logs=(ContainerLog("pod", "app", previous=False, text=f"log {VALUE}"),),
    observed=Observed(1, 2, 3, "superseded", unready=TOLD, gaps={"canary-gone": TOLD}),
    fault=TOLD,
)


def _redacted(evidence: Evidence) -> Evidence:
    secrets = SecretValues()
    secrets.learn(bodies_of((*evidence.baseline.manifests, *evidence.chart.manifests)))
    return without_secrets(evidence, secrets.redactor(Redactor()))


def test_no_part_of_the_evidence_holds_a_secret() -> None:
    """Neither the written record nor the evidence read from it contains a secret."""
    clean = _redacted(EVIDENCE)
    written = to_lines(clean)

    assert VALUE.encode() not in written
    assert written.count(MARK.encode()) >= 15
    assert from_lines(written) == clean
    assert clean.files[1].text.splitlines()[::2] == ["a:", "b"]


def _texts(value: Any, name: str) -> list[str]:
    if isinstance(value, str):
        return [name] if VALUE not in value else []
    if isinstance(value, tuple):
        return [found for each in value for found in _texts(each, name)]
    if is_dataclass(value) and not isinstance(value, (Manifest, ObjectKey, type)):
        return [found for each in fields(value) for found in _texts(getattr(value, each.name), each.name)]
    return []


def test_fields_that_are_not_redacted_are_identifiers() -> None:
    """The fields without redaction hold only identifiers. The test above covers all other text fields."""
    assert set(_texts(EVIDENCE, "")) <= IDENTIFIERS | {"command"}


@pytest.mark.parametrize(("value", "differs"), [(VALUE, False), (f"{VALUE}-changed", True)])
def test_a_change_of_a_secret_is_still_seen(value: str, *, differs: bool) -> None:
    """The redacted data of a changed Secret differs from the original's, and equal data stays equal."""
    before, after = Observation(1, "ADDED", _deployment(VALUE)), Observation(3, "MODIFIED", _deployment(value))
    evidence = replace(
        EVIDENCE,
        baseline=Rendering((_secret(VALUE), _deployment(VALUE))),
        chart=Rendering((_secret(value), _deployment(value))),
        timeline=Timeline((before, after)),
    )
    clean = _redacted(evidence)

    assert bool(difference(clean).changes) is differs
    assert bool(stable_state.difference(clean.timeline, clean.baseline.manifests, 2)) is differs
    assert VALUE.encode() not in to_lines(clean)


def test_evidence_without_secrets_is_the_same() -> None:
    """Evidence without secrets stays the same object."""
    plain = replace(
        Evidence("alice", "class/alice"), timeline=Timeline((Observation(1, "ADDED", _deployment("plain")),))
    )

    assert without_secrets(plain, Redactor()) is plain


def test_secrets_are_learned_one_after_the_other() -> None:
    """The redactor remembers the values of earlier objects, and leaves out identifiers of compared objects."""
    secrets = SecretValues()
    secrets.learn(bodies_of((_secret(VALUE),)))
    secrets.learn(
        bodies_of((_secret("k3pt-elsewhere-4c"), _secret("registry-identity"))),
        among=({"metadata": {"name": "registry-identity"}},),
    )

    clean = secrets.redactor(Redactor()).text(f"{VALUE} k3pt-elsewhere-4c registry-identity")

    assert clean == f"{MARK} {MARK} registry-identity"


def test_the_last_words_of_a_container_hold_no_secret() -> None:
    """The last log line in a cause is redacted before the evidence is complete."""
    secrets = SecretValues()
    secrets.learn(bodies_of((_secret(VALUE),)))
    said = ContainerLog("pod", "app", previous=True, text=f"bad password {VALUE}")

    clean = without_secrets_in_log(said, secrets.redactor(Redactor()))

    assert clean == replace(said, text=f"bad password {MARK}")


def test_what_is_left_of_an_object_keeps_its_template() -> None:
    """A redacted object keeps its template's name, to which findings refer."""
    assert _redacted(EVIDENCE).baseline.manifests[0].source == "c/s"


def test_a_file_keeps_its_lines() -> None:
    """A redacted file keeps its line numbers, to which findings refer."""
    secrets = SecretValues()
    secrets.learn(bodies_of((_secret(f"{VALUE}\n{VALUE}-2\n"),)))
    text = f"a:\n{VALUE}\n{VALUE}-2\nb: 1\n"

    (clean,) = without_secrets(
        replace(EVIDENCE, files=(ChartFile("values.yaml", text),)), secrets.redactor(Redactor())
    ).files

    assert VALUE not in clean.text
    assert clean.text.splitlines()[3] == "b: 1"


def test_names_in_a_list_are_identifiers_too() -> None:
    """An image whose name is the value of a Secret stays unchanged, because checks compare it."""
    canary = Canary("app", "c/t", 1, (5003,), (VALUE,))

    assert _redacted(replace(EVIDENCE, canary=canary)).canary == canary
