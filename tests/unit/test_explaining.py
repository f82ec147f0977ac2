"""The finding states the cause in plain words before the original message, if the cause is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.checks import judging
from canaryproof.checks.troubleshooting import explain
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ChartFile, Rendering, Step
from canaryproof.model.hints import Hint, HintId
from canaryproof.model.wording.hint_sentences import describe_hint
from tests.unit.test_judging import evidence, finding_of

COLON = "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context"
INVALID = 'Deployment.apps "canary" is invalid: spec.template.spec.containers[0].image: Required value'
REFUSED = (
    "failed to create resource: server-side apply failed for object sre-a-1b63/canary apps/v1, Kind=Deployment: "
    f"{INVALID}"
)


@pytest.mark.parametrize(
    "line", ["  image: uonyeka/canary: linux-amd64", "  - image: uonyeka/canary:  # none", "  name: a b: c"]
)
def test_a_colon_in_a_value_is_shown(line: str) -> None:
    """The finding shows a value with an unquoted colon, because YAML only reports an unexpected mapping."""
    found = explain(COLON, (ChartFile("values.yaml", f"canary:\n{line}\n"),))

    assert found.cause == Cause(code="colon-in-value")
    assert found.where == "values.yaml:2"


@pytest.mark.parametrize(
    "line", ['  image: "a: b"', "  image: {a: b}", "  url: http://a", "  # a: b: c", "  a: 'b: c'"]
)
def test_other_colons_do_no_harm(line: str) -> None:
    """The finding does not blame colons in quotes, flow mappings, addresses and comments."""
    assert explain(COLON, (ChartFile("values.yaml", f"canary:\n{line}\n"),)).cause is None


def test_a_file_in_two_bytes_a_letter_is_named() -> None:
    """The finding names a UTF-16 file, as Windows PowerShell writes it, which Helm's error does not name."""
    wide = "canary:\n".encode("utf-16").decode(errors="replace")

    found = explain("yaml: incomplete UTF-16 character", (ChartFile("values.yaml", wide),))

    assert (found.cause, found.hint) == (Cause(code="file-utf-16", file="values.yaml"), Hint(id="file-utf-16"))


def test_a_value_without_its_dot_is_named() -> None:
    """The finding shows a value without its leading dot, which Helm takes for a function."""
    found = explain('parse error at (upcommerce/templates/c.yml:7): function "Values" not defined', ())

    assert found.cause == Cause(code="dot-missing", field="Values")
    assert found.where == "templates/c.yml:7"


@pytest.mark.parametrize(
    "error", ["nil pointer evaluating interface {}.image", 'no matches for kind "X" in version "v1"']
)
def test_a_quote_that_does_no_harm_is_not_blamed(error: str) -> None:
    """The finding does not blame a harmless typographic quote or backtick for a missing value."""
    harmless = ChartFile("values.yaml", "motto: “Keep calm”\ncode: x`\n")

    cause = explain(error, (harmless,)).cause

    assert cause is None or cause.code not in {"character-typographic", "stray-backtick"}


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ('imagePullPolicy: Unsupported value: "always": supported values: "Always"', "capital letters"),
        ('requests: Invalid value: "1": must be less than or equal to cpu limit of 500m', "larger than the limit"),
        ('Namespace "sre" exists and cannot be imported: invalid ownership metadata', "is in the cluster already"),
        ("chart requires kubeVersion: <1.25.0 which is incompatible with Kubernetes v1.37.2", "kubeVersion"),
        ('error calling include: template: no template "a.labels" associated', "named template"),
        ("values don't meet the specifications of the schema(s)", "values.schema.json"),
        ("execution error at (upcommerce/templates/a.yaml:3:4): set canary.image", "checks its values itself"),
        ("validation: chart.metadata.version is required", "Chart.yaml"),
        ("error calling lookup: secrets is forbidden: User cannot list", "their own namespace"),
        ("parse error at (upcommerce/templates/a.yaml:26): unexpected EOF", "an end of its own"),
        ("cannot load values.yaml: cannot unmarshal array into Go value of type map[string]interface {}", "a dash"),
        ('ports[0].name: Invalid value: "A_B": must contain only alpha-numeric characters', "names of ports"),
        ("nodePort: Invalid value: 80: provided port is not in the valid range", "range that the message names"),
        ("[spec.ports[0].name: Required value, spec.ports[1].name: Required value]", "each port of the Service a name"),
        ('spec.clusterIPs[0]: Invalid value: "none": must be a valid IP address', "capital letter"),
        ('spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"', "to the volumes of the pod"),
    ],
)
def test_each_error_has_a_hint_of_its_own(error: str, hint: str) -> None:
    """Each known error has its own hint instead of the advice to run the command again."""
    found = explain(error, ()).hint

    assert found
    assert hint in describe_hint(found)


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        (Cause(code="field-of-wrong-type", expected="a number"), "field-is-number"),
        (Cause(code="field-of-wrong-type", expected="a list"), "field-is-list"),
        (Cause(code="field-of-wrong-type", expected="a map"), "field-is-map"),
        (Cause(code="label-not-text"), "label-not-text"),
        (Cause(code="object-repeated"), "object-repeated"),
        (Cause(code="yaml-key-repeated"), "key-repeated"),
    ],
)
def test_each_fault_of_an_object_has_a_hint_of_its_own(fault: Cause, hint: HintId) -> None:
    """Each fault of an object has its own hint, chosen by the facts and not by the sentence."""
    cause = Cause(code="chart-malformed", parts=(replace(fault, file="templates/c.yml", line=3),))

    found = explain("noise", (), cause=cause)

    assert found.hint == Hint(id=hint)
    assert found.where == "templates/c.yml, line 3 of what it renders to"


def test_objects_that_are_not_well_formed_were_rendered() -> None:
    """The hint for malformed objects does not refer to a message of Helm, because they were rendered."""
    rendering = Rendering(error="templates/c.yml: Deployment/c: spec.replicas must be a number, not '1'", rendered=True)
    given = replace(evidence(files=(ChartFile("templates/c.yml", ""),)), chart=rendering)

    assert finding_of(judging.chart_renders, given).message.startswith("an object of the chart is not well-formed: ")


def test_the_cluster_s_own_words_come_first() -> None:
    """The finding starts with the API server's message, without Helm's prefix and the experiment's namespace."""
    found = finding_of(judging.upgrade_applied, evidence(upgrade=Step("helm upgrade", 1, 2, REFUSED)))

    assert found.message == f"the upgrade failed: {INVALID}"


def test_a_field_that_there_is_not_is_told_with_its_object() -> None:
    """The finding on an unknown field names the object, without the experiment's namespace."""
    error = (
        "failed to create typed patch object (sre-a-1b63/canary; apps/v1, Kind=Deployment): .spec.x: field not declared"
    )

    found = finding_of(judging.upgrade_applied, evidence(upgrade=Step("helm upgrade", 1, 2, error)))

    assert found.message == "the upgrade failed: Deployment/canary: .spec.x: field not declared"


def test_a_key_without_a_space_is_shown() -> None:
    """The finding shows a key without a space after its colon, because YAML reports the line below."""
    text = "spec:\n  url: http://a\n  image:{{ .Values.canary.image }}\n  ports: []\n"

    found = explain("yaml: line 4: could not find expected ':'", (ChartFile("templates/c.yaml", text),))

    assert (found.cause, found.where) == (Cause(code="colon-without-space"), "templates/c.yaml:3")


def test_values_of_the_wrong_kind_are_told() -> None:
    """The finding distinguishes an empty values file from a missing one, and a list from a map."""
    nil = "at <.Values.canary.image>: nil pointer evaluating interface {}.image"
    field = "at <.Values.canary.image>: can't evaluate field image in type interface {}"
    listed = (ChartFile("values.yaml", "canary:\n  - image: a\n"),)

    assert explain(nil, ()).cause == Cause(code="values-missing", field="canary.image")
    assert explain(nil, (ChartFile("values.yaml", ""),)).cause == Cause(code="values-empty", field="canary.image")
    assert explain(field, listed).cause == Cause(code="value-no-map", field="canary.image")
