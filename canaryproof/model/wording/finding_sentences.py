"""Defines the sentence for each finding.  This module is pure.

A sentence states the expectation and the observation. `cause_sentences` defines the placeholders in braces.
"""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.model.causes import Code, FindingCode

FINDINGS: Mapping[Code | FindingCode, str] = {
    # the canary as rendered
    "autoscaler-overrules": "{object} scales {name} to at least {asked}; the canary must have {limit}",
    "port-missing": "no container of {name} declares containerPort {limit}; the containers declare {ports}",
    "replicas-differ": "{name} asks for {asked}; the canary must have {limit}",
    "service-external": "{object} is of the type ExternalName: it leads to a name elsewhere, and to no pods",
    "service-missing": "no Service leads to the pods of {name}: the chart adds none",
    "restarted-before-healthy": "{name} must become Ready without a restart; it has had {restarts}",
    "service-port-differs": "{object} must lead {wanted_route} of the canary's pods; it leads {leads}",
    "service-selects-canary": "no Service must lead to the canary; {object} selects the pods of {name}",
    "service-selects-canary-alone": "{object} must lead to the pods of stable and of the canary; it selects {found},"
    " which only the pods of {name} have",
    "service-selects-nothing": "{object} selects {found}, but the pods of {name} have the labels {expected}",
    "service-selects-others": "{object} must lead to the canary's pods only; it also leads to pods of {names}",
    "shared-service-port-unknown": "{object} must lead to the canary's pods too; it leads {leads}",
    "stable-service-missing": "a stable Service must lead to the canary's pods too; the stable chart has none",
    "stable-service-selects-canary": "the stable {object} must not lead to the canary; it also selects the pods of"
    " {name}, because they have the labels that it selects",
    "leads-to-name": "from {found} to {field}, which is {number}{protocol}",
    "leads-to-number": "from {found} to {field}{protocol}",
    "leads-to-unknown-name": "from {found} to '{field}', a name that no port of the containers has ({port_names})"
    "{protocol}",
    # the release
    "history-empty": "Helm's history of the release is empty",
    "history-unexpected": "before the rollback, the history must have the revisions 1 to {count}, superseded or failed;"
    " seen: {parts}",
    "left-behind": "left after the rollback: {left}",
    "never-upgraded": "the release was never upgraded; seen: {parts}",
    "not-rolled-back": "nothing was rolled back; seen: {parts}",
    "not-seen-gone": "canaryproof did not see the canary disappear",
    "outcome-differs": "the canary's outcome is {found}, expected {expected}",
    "revision": "{count} {states} '{detail}'",
    "revision-forgotten": "the rollback went to a revision that Helm no longer has on record; seen: {parts}",
    "revision-missing": "Helm's history has no revision {count}; seen: {parts}",
    "revision-not-deployed": "revision {count} is {states}; seen: {parts}",
    "field-conflict": "{names} set {field} of {object}, and Helm does not change a field of another field manager",
    "release-deleted": "there is no release {object} in {found} any more, and events still show {names}{shown}; helm"
    " uninstall is no rollback: it deletes the stable app and Helm's history too; install the stable chart again,"
    " upgrade to the canary, and run helm rollback",
    "release-missing": "there is no release {object} in {found}{instead}: nothing was installed, or the release"
    " is in another namespace or cluster; helm list --all-namespaces lists all releases",
    "release-uninstalled": "revision {count} was uninstalled: helm uninstall is no rollback, and it deletes the stable"
    " app too; seen: {parts}",
    "rollback-failed": "Helm could not roll back to revision {count}: {error}",
    "rollback-not-last": "the last revision must be a rollback{to_revision}, and deployed; seen: {parts}",
    "rollback-unfinished": "the rollback in revision {count} did not end: its status is {states}; seen: {parts}",
    "rolled-back-to-canary": "the rollback went to revision {count}, which has the canary itself; seen: {parts}",
    "upgrade-in-disguise": "what came after the canary is an upgrade, and no rollback; seen: {parts}",
    # changes of the chart to stable
    "command-changed": "runs {found} instead of {expected}",
    "container-image-changed": "runs the image {found} instead of {expected}",
    "container-left-out": "has no container {container} any more",
    "container-more": "has the additional container {container}",
    "object-missing": "is missing from the chart",
    "ports-changed": "declares the ports {found} instead of {expected}",
    "probe-port-unknown": "has a {field} that asks port {found}, on which the app does not listen",
    "replicas-zero": "asks for 0 replicas, which shuts it down",
    "routes": "{leads}",
    "routes-changed": "leads {parts_instead}",
    "selector-changed": "selects {found} instead of {expected}",
    "stable-changed": "{changes}",
    # the stable app in the cluster
    "field-differs": "after the rollback, {object} differs in {field}: {found} instead of {expected}",
    "no-live-pod": "{object} has no pod",
    "not-asked": "canaryproof did not ask the stable Service {when}",
    "not-held": "the stable app was ready for {seconds:.1f} s at the end; expected at least {limit} s",
    "not-restored": "the stable app is not ready after the rollback",
    "pod-crashed": "{object} crashed: pod {pod} was restarted {times}",
    "pod-image-differs": "{object} runs {found} instead of {expected}: pod {pod}",
    "pod-not-ready": "{object} is not Ready: pod {pod}",
    "pod-restarted": "{object} was restarted after the rollback: pod {pod} {times}",
    "answered-rarely": "the stable {service} answered {found} % of the requests {when} ({answered} of {requests});"
    " the scenario requires {limit} %",
    "unanswered": "the stable {service} gave no answer for {seconds:.1f} s {when}; the limit is {limit} s"
    " ({answered} of {requests} requests were answered, {count} failed in a row: {detail})",
    # mistakes that lead to an error of Helm or the cluster
    "braces-unmatched": "the braces of a template expression do not match: it begins with {{{{ and ends with }}}}",
    "character-typographic": "the line has {character}: it was copied from a formatted text",
    "colon-in-value": "the value has a colon with a space behind it: YAML takes that for another key",
    "colon-without-space": "there is no space behind the colon: YAML reads key and value as one word",
    "dot-missing": "{field} lacks its dot: the objects that Helm gives to a template begin with one",
    "file-ignored": "{file_name} has a Deployment, but .helmignore hides it from Helm: {detail}",
    "file-of-helpers": "{file_name} has a Deployment, but its name begins with an underscore: Helm takes it for"
    " helpers",
    "file-outside-templates": "{file_name} lies outside templates/, where Helm does not render it",
    "file-renders-nothing": "{file_name} has a Deployment, but renders to nothing",
    "file-under-condition": "{file_name} has a Deployment that renders to nothing, because of {detail}{unread}",
    "file-utf-16": "{file_name} is written in UTF-16: beside each letter stands a byte that is zero",
    "image-not-indented": "image: is not indented below canary:, so canary is empty and image is a value of its own",
    "image-value-missing": "the image renders to nothing: values.yaml has no {field}",
    "kind-unknown": "this cluster knows no kind {kind}",
    "manifest-twice": "the chart has the same manifest twice, as {files_and}: Helm renders both",
    "quote-unmatched": "the line opens a quote and does not close it, or closes one that is not open",
    "stray-backtick": "there is a stray backtick (`) at the end of a line: it closes the code block in the course's"
    " text",
    "tab-indents": "a tab indents the line, which YAML does not allow",
    "value-missing": "a template asks for .Values.{field}, and values.yaml has no {parent}:",
    "value-no-map": "a template asks for .Values.{field}, and {parent}: in values.yaml is no map: it is a list or a"
    " text",
    "values-empty": "values.yaml is empty, and a template asks for .Values.{field}",
    "values-key-empty": "a template asks for .Values.{field}, and {parent}: in values.yaml has nothing below it",
    "values-key-nested": "a template asks for .Values.{field}, and {parent}: in values.yaml stands below another key",
    "values-missing": "the chart has no values.yaml, and a template asks for .Values.{field}",
    "values-misnamed": "the values are in values.yml, which Helm does not read: it reads values.yaml only",
    # the cluster, the tools and the tests
    "assertion-failed": "{detail}",
    "cluster-fault": "{detail}",
    "command-failed": "{detail}",
    "infrastructure-fault": "{detail}",
    "internal-fault": "{detail}",
    "check-left-out": "the scenario leaves this check out",
    "no-stable-service": "the stable chart has no Service for requests",
    "one-pod-per-node": "{name} is a DaemonSet: it has one pod on each node, and no number of replicas",
    "outcome-rules-out": "the scenario accepts the outcome {expected}, with which this check cannot hold",
    "shared-in-place": "{name} is changed in place, so the Services of its former pods lead to its new pods as well",
    "term-absent": "the scenario does not ask for {field}",
    "limit-exceeded": "{detail}",
    "system-fault": "{detail}",
    "toolchain-fault": "{detail}",
    "scenario-fault": "{detail}",
    "usage-fault": "{detail}",
    "wait-ended": "{detail}",
}
"""The sentence for each code."""
