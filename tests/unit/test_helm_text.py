"""The messages that Helm prints become facts, whichever component wrote them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.model import helm_text
from canaryproof.model.helm_text import AskedValue, MissingRight, RefusedPart, Symptom, TemplatePlace, is_unreachable

FORBIDDEN = 'ingresses.networking.k8s.io is forbidden: User "sre" cannot create resource "ingresses" in API group ""'


@pytest.mark.parametrize(
    ("message", "unreachable"),
    [
        ('Get "https://127.0.0.1:6443/version": dial tcp 127.0.0.1:6443: connect: connection refused', True),
        ('create: failed to create: Post "https://api/api/v1/namespaces/a/secrets": EOF', True),
        ('Get "https://api/apis": tls: failed to verify certificate: x509: unknown authority', True),
        ('failed calling webhook "a.b": failed to call webhook: Post "https://a.svc": connection refused', False),
        ("create: failed to create: etcdserver: mvcc: database space exceeded", True),
        ("resource Job/sre/migrate not ready. status: InProgress context deadline exceeded", False),
        ('"upcommerce" has no deployed releases', False),
    ],
)
def test_only_the_way_to_the_api_server_counts_as_unreachable(*, message: str, unreachable: bool) -> None:
    """A timeout of a webhook or a hook does not count as an unreachable API server, because that server works."""
    assert is_unreachable(message) is unreachable


def test_only_the_error_is_left_of_what_helm_prints() -> None:
    """The error of Helm's output leaves out warnings, logs, advice and the stack traces of a crash."""
    stderr = (
        "level=WARN msg=x\nWARNING: group-readable\nW1130 10:00:00.0 1 warnings.go:70] old\nwalk.go:75: found symlink\n"
        "I1130 10:00:00.0 1 x.go:1] y\nError: UPGRADE FAILED: cannot patch\n  and more\n\n"
        "Use --debug flag to render out invalid YAML\ngoroutine 1 [running]:\nmain.main()"
    )

    assert helm_text.error_message(stderr) == "cannot patch and more"
    assert helm_text.error_message("Error: INSTALLATION FAILED: no") == "no"
    assert helm_text.error_message("Error: no") == "no"


def test_a_missing_right_is_named() -> None:
    """A missing right is recognised with its user, but not in a message that a template itself raises."""
    assert helm_text.missing_right(FORBIDDEN) == MissingRight("sre", 'create resource "ingresses"')
    assert helm_text.missing_right(f"execution error at (a.yaml:1:1): {FORBIDDEN}") is None
    assert helm_text.missing_right('pods "a" is forbidden: exceeded quota: small') is None


def test_a_taken_port_is_told_from_one_out_of_range() -> None:
    """A node port that is already allocated is distinguished from one out of range, because it may soon be free."""
    error = 'Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 30503: provided port is '

    assert helm_text.is_port_taken(f"{error}already allocated")
    assert not helm_text.is_port_taken(f"{error}not in the valid range")


@pytest.mark.parametrize(
    ("description", "target", "success"),
    [
        ("Rollback to 12", 12, True),
        ("Install complete", None, True),
        ("Upgrade complete", None, True),
        ("Rollback to 1 by hand", None, False),
        ("Preparing upgrade", None, False),
        ("", None, False),
    ],
)
def test_a_description_tells_of_a_rollback(*, description: str, target: int | None, success: bool) -> None:
    """A description states success or the target revision of a rollback.

    A failed revision has the failure's message.
    """
    assert helm_text.rollback_target(description) == target
    assert helm_text.is_success(description) is success


def test_an_object_is_named_once() -> None:
    """The error names an object once, although Helm 4 and the API server both name it."""
    applied = "failed to create resource: server-side apply failed for object sre/shop apps/v1, Kind=Deployment: "
    invalid = 'Deployment.apps "shop" is invalid: spec.replicas: Invalid value: -1'
    typed = (
        "failed to create typed patch object (sre/shop; apps/v1, Kind=Deployment): .spec.replica: field not declared"
    )

    assert helm_text.without_repetition(applied + invalid) == invalid
    assert helm_text.without_repetition(applied + typed) == "Deployment/shop: .spec.replica: field not declared"
    assert helm_text.without_repetition("timed out") == "timed out"


def test_a_kind_that_the_cluster_does_not_know_is_named() -> None:
    """An unknown kind is recognised in the messages of both Helm's look-up and the API server."""
    assert helm_text.unknown_kind('no matches for kind "Deploymnt" in version "apps/v1"') == "Deploymnt"
    assert helm_text.unknown_kind("apps/v1, Kind=Scale: invalid object type") == "Scale"
    assert helm_text.unknown_kind("timed out") == ""


def test_a_refused_list_of_kinds_is_told_from_other_refusals() -> None:
    """A forbidden list of kinds is distinguished from other refusals, because it hides the unknown kind."""
    assert helm_text.is_refused_list_of_kinds(f"unable to build: failed to list CRDs: {FORBIDDEN}")
    assert not helm_text.is_refused_list_of_kinds(FORBIDDEN)


def test_names_are_found_as_whole_words() -> None:
    """A name is found only as a whole word, because the canary's name often extends the stable app's."""
    error = 'Deployment.apps "shop-canary" is invalid'

    assert helm_text.names_object(error, "Deployment", "shop-canary")
    assert not helm_text.names_object(error, "Deployment", "shop")
    assert not helm_text.names_object(error, "Service", "shop-canary")
    assert helm_text.has_word(error, "shop-canary")
    assert not helm_text.has_word(error, "shop")
    assert not helm_text.has_word(error, "canary")


def test_the_faulty_fields_are_found() -> None:
    """The faulty fields are listed in the order of the error."""
    error = "ports[0].nodePort: Invalid value: 1, template.image: Required value, .spec.replica: field not declared"

    assert helm_text.faulty_fields(error) == ("nodePort", "image", "replica")
    assert helm_text.faulty_fields('labels[app.kubernetes.io/name]: Invalid value: "x y"') == ("labels",)
    assert helm_text.faulty_fields('no matches for kind "X"') == ("apiVersion",)
    assert helm_text.faulty_fields("timed out") == ()


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        ("spec.replicas: Invalid value: -1", {"replicas"}),
        ("spec.template.spec.containers[0].ports[0].containerport: Required value", {"container-ports"}),
        ("spec.ports[0].targetPort: Invalid value: 0", {"container-ports", "service"}),
        ("spec.selector: Required value", {"service"}),
        ("spec.template.metadata.labels: Invalid value", {"service"}),
        ("timed out", set()),
    ],
)
def test_a_refusal_is_about_parts_of_the_canary(error: str, parts: set[RefusedPart]) -> None:
    """A refusal is assigned to the parts of the canary that have their own checks."""
    known: tuple[RefusedPart, ...] = ("replicas", "container-ports", "service")

    assert {part for part in known if helm_text.refuses(error, part)} == parts


@pytest.mark.parametrize(
    ("error", "place"),
    [
        ("template: shop/templates/a.yaml:7:3: executing", TemplatePlace("templates/a.yaml", 7)),
        ("error in shop/templates/a.yaml, and templates/b.yaml:3", TemplatePlace("templates/b.yaml", 3)),
        ("YAML parse error on shop/templates/a.yaml: error converting", TemplatePlace("templates/a.yaml")),
        ("timed out", None),
    ],
)
def test_the_template_that_an_error_names_is_found(error: str, place: TemplatePlace | None) -> None:
    """The template that an error names is found, with its line number if there is one."""
    assert helm_text.template_place(error) == place


def test_the_value_that_a_template_asks_for_is_found() -> None:
    """The value that a template looks up is found, and whether the key above it exists."""
    at = 'template: shop/templates/a.yaml:7:3: executing "a" at <.Values.canary.image>: '

    missing = AskedValue("canary.image", has_parent=False)
    assert helm_text.asked_value(f"{at}nil pointer evaluating interface {{}}.image") == missing
    assert helm_text.asked_value(f"{at}can't evaluate field image in type string") == replace(missing, has_parent=True)
    assert helm_text.asked_value("timed out") is None
    assert helm_text.dotless_name('function "Values" not defined') == "Values"
    assert helm_text.dotless_name('function "toYml" not defined') == ""


@pytest.mark.parametrize(
    ("error", "first"),
    [
        ('Service "A" is invalid: metadata.name: Invalid value: a DNS-1035 label (RFC 1035)', "invalid-name"),
        ("spec.selector: Invalid value: field is immutable", "field-immutable"),
        ('Apply failed with 1 conflict: conflict with "clusterrole-aggregation-controller": .rules', "field-conflict"),
        ('no matches for kind "X"', "kind-unknown"),
        ('no matches for kind "Canary" in version "flagger.app/v1beta1"', "definition-missing"),
        ('no matches for kind "Ingres" in version "networking.k8s.io/v1"', "kind-unknown"),
        ('no matches for kind "Deploy" in version "apps/v1"', "kind-unknown"),
        ("spec.ports[1].name: Required value", "port-unnamed"),
        ("spec.template.spec.containers[0].image: Required value", "field-required"),
        ("invalid ownership metadata; label validation error, forbidden", "not-allowed"),
        ("yaml: line 3: did not find expected key", "indentation"),
    ],
)
def test_the_first_symptom_says_most(error: str, first: Symptom) -> None:
    """The first symptom of an error is the one with its hint."""
    assert next(helm_text.symptoms(error)) == first


def test_an_unknown_error_has_no_symptom() -> None:
    """An error without a known symptom is shown as it is."""
    assert list(helm_text.symptoms("timed out")) == []


def test_the_fields_of_other_managers_are_listed() -> None:
    """A conflict of server-side apply names each manager once, and all its fields, on one line or several."""
    head = "conflict occurred while applying object sre/shop apps/v1, Kind=Deployment: Apply failed with "
    one = 'conflict with "kubectl-edit" using apps/v1 at 2026-01-01T00:00:00Z: .spec.replicas'
    more = 'conflicts with "kubectl" with subresource "scale" using apps/v1:\n- .spec.replicas\n- .spec.paused'

    assert helm_text.field_conflict(f"{head}1 conflict: {one}") == helm_text.FieldConflict(
        "Deployment/shop", (".spec.replicas",), ("kubectl-edit",)
    )
    assert helm_text.field_conflict(f"{head}2 conflicts: {more}") == helm_text.FieldConflict(
        "Deployment/shop", (".spec.replicas", ".spec.paused"), ("kubectl",)
    )
    assert helm_text.field_conflict("context canceled") is None
