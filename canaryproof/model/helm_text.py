"""Parses the messages that Helm prints and stores.  This module is pure.

Helm prints its own errors and those of Go's ``text/template``, of the YAML reader and of the API server. It also stores
a description of each revision. No other module searches these texts. Each pattern names its source: Helm 4.3 and 3.22
(``helm.sh/helm``), Go 1.25, Kubernetes 1.37.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

_NOISE = re.compile(r"^(level=|WARNING:|W\d{4} |walk\.go:|Use --debug flag|I\d{4} )|^\s*$")
"""Lines that are not part of the error: logs of Helm and klog (``W1130``), and advice (``pkg/cmd/template.go``)."""
_STACKS = "\ngoroutine "
"""The beginning of the stacks that Go prints when a program crashes (``runtime/traceback.go``)."""
_FAILED = re.compile(r"^Error: (INSTALLATION FAILED: |UPGRADE FAILED: )?")
"""The beginning of Helm's error (``pkg/cmd/install.go``, ``upgrade.go``)."""

_UNREACHABLE = re.compile(
    r"kubernetes cluster unreachable"  # Helm, pkg/kube/client.go
    r"|\b(Get|Post|Put|Patch|Delete|Head) \"https?://[^\"]+\": "  # Go, net/url, Error
    r".*(refused|EOF|reset|tls:|x509:|timeout|timed out|deadline exceeded|no such host|no route|unreachable|lost)"
    r"|\b(?-i:etcdserver: (mvcc: database space exceeded|request timed out|leader changed|no leader))",
    re.IGNORECASE,
)
"""The API server is unreachable, or etcd does not answer (``etcdserver/errors/errors.go``)."""
_WEBHOOK = re.compile(r"failed calling webhook|failed to call webhook")
"""An admission webhook does not answer, but the API server does (apiserver, ``pkg/util/webhook/error.go``)."""
_TEMPLATE = re.compile(r"execution error at \(|executing \"")
"""An error of a template (Helm, ``pkg/engine/engine.go``; Go, ``text/template/exec.go``).

The text after it may come from the chart itself, through the function ``fail``.
"""
_FORBIDDEN = re.compile(r"is forbidden: User \"(?P<user>[^\"]+)\" cannot (?P<what>\w+ resource \"[^\"]+\")")
"""An account lacks a right (apiserver, ``endpoints/handlers/responsewriters/errors.go``)."""
_PORT_TAKEN = "provided port is already allocated"
"""Another Service uses the ``nodePort`` (Kubernetes, ``pkg/registry/core/service/portallocator/allocator.go``)."""

_APPLY_FAILED = re.compile(
    r"(failed to create resource: )?server-side apply failed for object \S+ \S+, Kind=\w+: "
    r"(?=\S+ \"|failed to create typed)"
)
"""Helm 4 names the object in front of the API server's message, which names it again (``pkg/kube/client.go``)."""
_UNTYPED = re.compile(r"failed to create typed patch object \((?:[\w.-]+/)?([\w.-]+); \S+, Kind=(\w+)\): ")
"""An object does not match its schema (apimachinery, ``pkg/util/managedfields/internal/structuredmerge.go``)."""
_UNKNOWN_KIND = re.compile(r"no matches for kind \"(\w+)\"|Kind=(\w+): invalid object type")
"""The API server has no such kind (apimachinery, ``pkg/api/meta/errors.go``; ``managedfields/internal``)."""

_WAIT_OVER = ("not ready. status: ", "resource not ready, name: ", "timed out waiting for the condition")
"""The objects of a release did not become ready in time (Helm, ``pkg/kube/statuswait.go``, ``wait.go``)."""
_RECORDED = re.compile(r"Install complete|Upgrade complete|Rollback to (?P<target>\d+)")
"""The description of a revision that succeeded (Helm, ``pkg/action/install.go``, ``upgrade.go``, ``rollback.go``)."""


_ROLLBACK_FAILED = re.compile(r"(Rollback|Release) \"[^\"]+\" failed: ")
"""The description of a rollback that failed: in the cluster, or while Helm waited for it (``pkg/action/rollback.go``).

Helm also stores the second one for an install that failed (``install.go``).
"""
_UPGRADE_FAILED = re.compile(r"Upgrade \"[^\"]+\" failed: ")
"""The description of an upgrade that failed (Helm, ``pkg/action/upgrade.go``)."""
_HOOKS_FAILED = re.compile(r"(pre|post)-upgrade hooks failed: ")
_NOT_READY = re.compile(
    r"resource \S+ not ready\. status: "  # Helm 4, pkg/kube/statuswait.go
    r"|context deadline exceeded$"  # both: the time limit of --wait
    r"|timed out waiting for the condition$"  # Helm 3 before 3.17, with apimachinery's pkg/util/wait
)
"""The end of Helm's wait for objects that it has applied."""
_CANCELED = "context canceled"
"""Ctrl-C (Go, ``context``). Helm may have applied all objects by then, some, or none."""
_CONFLICT = re.compile(
    r"conflict occurred while applying object (?:[\w.-]+/)?(?P<name>[\w.-]+) \S+, Kind=(?P<kind>\w+): "
)
"""Another field manager owns a field that Helm 4 applies (``pkg/kube/client.go``)."""
_MANAGER = re.compile(r"conflicts? with \"(?P<manager>[^\"]+)\"")
_FIELD = re.compile(r"(?:: |^- )(?P<field>\.\S+)", re.MULTILINE)


def error_message(stderr: str) -> str:
    """Return Helm's error on one line, without warnings, advice about flags, and stack traces."""
    lines = stderr.partition(_STACKS)[0].splitlines()
    return " ".join(_FAILED.sub("", line).strip() for line in lines if not _NOISE.search(line))


def is_unreachable(error: str) -> bool:
    """Report whether Helm failed because it could not reach the API server. The cluster is then at fault."""
    return bool(_UNREACHABLE.search(error)) and not _WEBHOOK.search(error) and not _TEMPLATE.search(error)


@dataclass(frozen=True)
class MissingRight:
    """A right that an account lacks."""

    user: str
    right: str
    """The verb and the resource: ``create resource "ingresses"``."""


def missing_right(error: str) -> MissingRight | None:
    """Return the right that the account of the caller lacks, or None if the error is another one."""
    found = _FORBIDDEN.search(error)
    return MissingRight(found["user"], found["what"]) if found and not _TEMPLATE.search(error) else None


def is_port_taken(error: str) -> bool:
    """Report whether the API server refused a Service because another one uses its ``nodePort``."""
    return _PORT_TAKEN in error


def is_wait_over(error: str) -> bool:
    """Report whether Helm applied the objects of a release, and gave up waiting until they are ready (``--wait``)."""
    return any(each in error for each in _WAIT_OVER)


def rollback_target(description: str) -> int | None:
    """Return the target of the rollback with this description, or None if the revision is not a rollback."""
    found = _RECORDED.fullmatch(description)
    return int(found["target"]) if found and found["target"] else None


def is_failed_rollback(description: str, revision: int) -> bool:
    """Report whether *revision* is a rollback that failed. Its description then no longer names the target."""
    return revision > 1 and bool(_ROLLBACK_FAILED.match(description))


def error_of(description: str) -> str:
    """Return the error in the description of a revision that failed, without Helm's prefix."""
    for prefix in (_UPGRADE_FAILED, _ROLLBACK_FAILED):
        if found := prefix.match(description):
            return description[found.end() :]
    return description


def is_wait_ended(error: str) -> bool:
    """Report whether an upgrade failed only because its objects, all applied, were not ready in time."""
    return bool(_NOT_READY.search(error)) and not _HOOKS_FAILED.match(error)


def is_canceled(error: str) -> bool:
    """Report whether the user ended Helm with Ctrl-C."""
    return error == _CANCELED


@dataclass(frozen=True)
class FieldConflict:
    """Fields of an object that Helm 4 cannot apply, because another field manager owns them."""

    object: str
    """The object, such as ``Deployment/shop``."""
    fields: tuple[str, ...]
    """The fields, such as ``.spec.replicas``."""
    managers: tuple[str, ...]
    """The field managers that own the fields, such as ``kubectl``."""


def field_conflict(error: str) -> FieldConflict | None:
    """Return the conflict because of which the API server refused to apply an object, or None for another error.

    Source: apimachinery, ``pkg/util/managedfields/internal/conflict.go``.
    """
    found = _CONFLICT.search(error)
    if not found:
        return None
    told = error[found.end() :]
    fields = dict.fromkeys(each["field"] for each in _FIELD.finditer(told))
    managers = dict.fromkeys(each["manager"] for each in _MANAGER.finditer(told))
    return FieldConflict(f"{found['kind']}/{found['name']}", tuple(fields), tuple(managers))


def is_success(description: str) -> bool:
    """Report whether *description* is Helm's description of a successful revision."""
    return bool(_RECORDED.fullmatch(description))


def without_repetition(error: str) -> str:
    """Return the API server's error without the object that Helm puts in front, and without the namespace."""
    return _UNTYPED.sub(r"\2/\1: ", _APPLY_FAILED.sub("", error))


def unknown_kind(error: str) -> str:
    """Return the kind that the API server does not know, or an empty string if the error is another one."""
    found = _UNKNOWN_KIND.search(error)
    return (found[1] or found[2]) if found else ""


def is_refused_list_of_kinds(error: str) -> bool:
    """Report whether Helm 3 failed because its account may not list the CustomResourceDefinitions of the cluster.

    Helm lists them when it encounters an unknown kind. This error then hides the error about the unknown kind
    (``pkg/kube/client.go``).
    """
    return "failed to list CRDs" in error


def names_object(error: str, kind: str, name: str) -> bool:
    """Report whether the API server's error names an object: ``Deployment.apps "shop" is invalid``.

    Source: apimachinery, ``pkg/api/errors/errors.go``.
    """
    return bool(re.search(rf"\b{re.escape(kind)}\b.*\"{re.escape(name)}\"", error))


def has_word(error: str, word: str) -> bool:
    """Report whether *error* contains *word* as a whole word, not as part of a longer name."""
    return bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", error))


def faulty_fields(error: str) -> tuple[str, ...]:
    """Return the names of the fields that the API server rejects, as in ``spec.ports[0].name: Required value``.

    Source: apimachinery, ``pkg/util/validation/field/errors.go``, and structured-merge-diff, ``typed/validate.go``.
    """
    pattern = r"(\w+)(?:\[[^\]]*\])?: (?:Invalid|Required|Forbidden|Unsupported|field not|Duplicate)"
    return (*re.findall(pattern, error), *(["apiVersion"] if "no matches for kind" in error else []))


RefusedPart = Literal["replicas", "container-ports", "service"]
"""A part of the canary that has its own check."""
_PARTS: Mapping[RefusedPart, str] = {
    "replicas": r"replicas",
    "container-ports": r"\bports\b|containerport",
    "service": r"selector|targetPort|spec\.ports|template\.metadata",
}


def refuses(error: str, part: RefusedPart) -> bool:
    """Report whether the API server's error concerns a field of *part*."""
    return bool(re.search(_PARTS[part], error))


@dataclass(frozen=True)
class TemplatePlace:
    """A template that an error names, relative to the chart's folder. *line* is None if the error names no line."""

    file: str
    line: int | None = None


def template_place(error: str) -> TemplatePlace | None:
    """Return the template in an error such as ``template: shop/templates/a.yaml:7:3`` (Go, ``text/template``)."""
    if found := re.search(r"(templates/[^\s:()]+):(\d+)", error):
        return TemplatePlace(found[1], int(found[2]))
    found = re.search(r"(templates/[^\s:(),]+)", error)
    return TemplatePlace(found[1]) if found else None


@dataclass(frozen=True)
class AskedValue:
    """A value that a template reads but that does not exist."""

    path: str
    """The keys of the value, as in ``.Values.canary.image``, but without ``.Values``."""
    has_parent: bool
    """True if the parent key has a value that is not a map."""


def asked_value(error: str) -> AskedValue | None:
    """Return the value that a template failed to read, or None for another error (Go, ``text/template/exec.go``)."""
    found = re.search(r"<\.Values\.([\w.]+)>: (nil pointer|can't evaluate field)", error)
    return AskedValue(found[1], found[2] != "nil pointer") if found else None


def dotless_name(error: str) -> str:
    """Return the built-in object, such as ``Values``, that a template uses without the leading dot.

    Returns an empty string if the error is another one.

    Source: Go, ``text/template/parse/parse.go``.
    """
    found = re.search(r"function \"(Values|Release|Chart|Files|Capabilities)\" not defined", error)
    return found[1] if found else ""


_ELSEWHERE = re.compile(
    r"nil pointer|already exists|no matches for kind|immutable|hooks? |not defined"
    r"|missing in charts/|incompatible with Kubernetes|execution error|specifications of the schema|no template"
)


def is_about_meaning(error: str) -> bool:
    """Report whether Helm could parse the chart, so that a misplaced character cannot be the reason for the error."""
    return bool(_ELSEWHERE.search(error))


Mistake = Literal[
    "braces",
    "colon-in-value",
    "image-missing",
    "key-without-space",
    "object-repeated",
    "quotes",
    "tab",
    "values-misnamed",
    "values-unindented",
]
"""A mistake in the files of a chart."""
_TRACES: Mapping[Mistake, str] = {
    "braces": r"parse error|unexpected|unclosed action|unterminated|YAML|yaml",
    "colon-in-value": r"mapping values are not allowed",
    "image-missing": r"\.image: Required value",
    "key-without-space": r"could not find expected ':'|mapping values are not allowed|did not find expected",
    "object-repeated": r"already exists",
    "quotes": r"YAML|yaml|unterminated quoted string|parse error",
    "tab": r"tab character|cannot start any token|YAML|yaml",
    "values-misnamed": r"nil pointer|Required value|[Ii]nvalid|must be|not found",
    "values-unindented": r"nil pointer|[Vv]alue|image",
}
"""The errors that each mistake can cause.

They come from templates (Go, ``text/template``), from YAML (``go.yaml.in/yaml/v2``, ``scannerc.go`` and ``parserc.go``)
and from the API server's validation.
"""


def can_come_from(mistake: Mistake, error: str) -> bool:
    """Report whether *mistake* can cause *error*."""
    return bool(re.search(_TRACES[mistake], error))


Symptom = Literal[
    "already-there",
    "array-for-map",
    "chart-metadata",
    "dependency-missing",
    "execution-error",
    "field-conflict",
    "field-immutable",
    "field-required",
    "field-unknown",
    "function-unknown",
    "hook",
    "includes-itself",
    "indentation",
    "invalid-address",
    "invalid-name",
    "invalid-port-name",
    "definition-missing",
    "kind-unknown",
    "kubernetes-version",
    "lookup",
    "mount-without-volume",
    "not-allowed",
    "not-owned",
    "out-of-range",
    "port-unnamed",
    "quantity",
    "request-above-limit",
    "selector-differs",
    "template-unknown",
    "unended-block",
    "value-unsupported",
    "values-schema",
]
"""A problem that an error of Helm, the YAML reader or the API server reports."""
_SYMPTOMS: tuple[tuple[str, Symptom], ...] = (
    (r"quantities must match", "quantity"),  # apimachinery, pkg/api/resource/quantity.go
    (r'no matches for kind \S+ in version \\?"(?!\S*k8s\.io/)[\w-]+\.\S+/', "definition-missing"),  # the same, with a
    # group of the form that CustomResourceDefinitions have; the groups of Kubernetes have no dot, or end in k8s.io
    (r"no matches for kind", "kind-unknown"),  # apimachinery, pkg/api/meta/errors.go
    (r"does not match template `labels`", "selector-differs"),  # Kubernetes, pkg/apis/apps/validation/validation.go
    (r"Apply failed with \d+ conflict", "field-conflict"),  # apimachinery, pkg/util/managedfields/internal/conflict.go
    (r"field is immutable", "field-immutable"),  # apimachinery, pkg/api/validation/objectmeta.go
    (r"field not declared in schema|unknown field", "field-unknown"),  # structured-merge-diff, typed/validate.go
    (r"RFC 1123|RFC 1035", "invalid-name"),  # apimachinery, pkg/util/validation/validation.go
    (r"hook", "hook"),  # Helm, pkg/action/hooks.go
    (r"error calling lookup", "lookup"),  # Go, text/template/exec.go
    (r"exceeded quota|forbidden", "not-allowed"),  # apiserver, admission plugin ResourceQuota; any admission plugin
    (r"unexpected EOF|unexpected {{end}}", "unended-block"),  # Go, text/template/parse/parse.go
    (r"cannot unmarshal array into Go value of type map", "array-for-map"),  # Go, encoding/json, of values.yaml
    (r"must contain only alpha-numeric|must be no more than 15", "invalid-port-name"),  # apimachinery, as RFC 1123
    (r"not in the valid range", "out-of-range"),  # Kubernetes, pkg/registry/core/service, ports and addresses
    (r"spec\.ports\[\d+\]\.name: Required", "port-unnamed"),  # Kubernetes, pkg/apis/core/validation/validation.go
    (r"must be a valid IP", "invalid-address"),  # apimachinery, pkg/util/validation/ip.go
    (r"volumeMounts\[\d+\]\.name: Not found", "mount-without-volume"),  # Kubernetes, pkg/apis/core/validation
    (r"Unsupported value", "value-unsupported"),  # apimachinery, pkg/util/validation/field/errors.go
    (r"must be less than or equal to", "request-above-limit"),  # Kubernetes, pkg/apis/core/validation
    (r"invalid ownership metadata", "not-owned"),  # Helm, pkg/action/validate.go
    (r"incompatible with Kubernetes", "kubernetes-version"),  # Helm, pkg/action/action.go
    (r"no template \"", "template-unknown"),  # Go, text/template/exec.go
    (r"function \"\w+\" not defined", "function-unknown"),  # Go, text/template/parse/parse.go
    (r"specifications of the schema", "values-schema"),  # Helm, pkg/chart/common/util/values.go
    (r"execution error", "execution-error"),  # Helm, pkg/engine/engine.go
    (r"chart\.metadata", "chart-metadata"),  # Helm, pkg/chart/v2/metadata.go
    (r"Required value", "field-required"),  # apimachinery, pkg/util/validation/field/errors.go
    (r"did not find expected|mapping values|could not find expected|block", "indentation"),  # go.yaml.in/yaml/v2
    (r"cannot be imported into the current release", "already-there"),  # Helm, pkg/action/validate.go
    (r"missing in charts/", "dependency-missing"),  # Helm, pkg/action/install.go
    (r"nested reference name", "includes-itself"),  # Helm, pkg/engine/engine.go
)
"""The pattern of each symptom. Of the patterns that match an error, the first one is the most specific."""


def symptoms(error: str) -> Iterator[Symptom]:
    """Yield the problems that *error* reports, the most specific first."""
    return (symptom for pattern, symptom in _SYMPTOMS if re.search(pattern, error))
