"""Defines the sentence for each cause.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from canaryproof.model.causes import Cause, Code, During, FindingCode
from canaryproof.model.wording.finding_sentences import FINDINGS

COMMAND = "the command of its image"
OPEN = frozenset({"not-restored", "outcome-differs", "release-violation"})
"""Codes whose sentence continues with the underlying cause."""
WHEN: Mapping[During, str] = {"canary": "while the canary was there", "run": "from revision 1 to the end"}
HOLDERS: Mapping[str, str] = {
    "owner": "its owner {0}",
    "resource-policy": "the annotation helm.sh/resource-policy: {0}",
    "hook": "the annotation helm.sh/hook: {0}, Helm does not take back hooks",
    "finalizers": "finalizers: {0}",
    "deletion": "still terminating",
    "revision": "revision {0}, which failed and does not have it, so the rollback did not delete it",
    "ordered-ready": "{0} with the pod management policy OrderedReady, which waits for the pod to be Ready before it"
    " replaces it",
}
"""The description of each kind of holder that keeps an object after the rollback."""

SENTENCES: Mapping[Code | FindingCode, str] = {
    **FINDINGS,
    "chart-malformed": "{parts}",
    "chart-not-rendered": "Helm cannot render the chart: {error}",
    "chart-refused": "canaryproof refused the chart, and applied nothing of it: {detail}",
    "container-added": "it adds the container {container} to the stable {object}",
    "container-unnamed": "{place}one of its {field} has no name",
    "container-not-created": "{who} of {name} cannot be created: {detail}",
    "crash-looped": "{name} crash-loops: {who} ended by itself with exit code {codes}, {twice}",
    "condition-missing": "{object} has not reached the condition {field}",
    "deployment-missing": "{object} does not exist",
    "deployment-not-available": "{object} wants {count} pods and has {replicas}",
    "deployment-not-observed": "{object} was not looked at by its controller yet",
    "ended-differently": "{who} of {name} ended in different ways {within}, last with {end}",
    "ended-once": "{who} of {name} ended once, with {end}, and not again {within}",
    "events-gone": "no events about the pods of {name} are left (a cluster keeps them for an hour, as a rule), and the"
    " pods are gone",
    "events-unclear": "the events that are left about {name} do not tell its outcome: {states}",
    "exited-cleanly": "{name} does not crash: {who} ended by itself with exit code 0, {twice}",
    "field-of-wrong-type": "{place}{field} must be {expected}, not {detail}",
    "template-unchanged": "{name} has no new pod: the upgrade does not change its pod template",
    "told": "{detail}",
    "hook-failed": "the {field} hook {object} of the chart failed{hook_end}",
    "image-capitals": "{never_started} is none of Docker Hub, where names have no capital letters",
    "image-changed": "it changes the image of the stable {object} to {image}",
    "image-name-invalid": "{never_started} is no name that an image can have",
    "image-for-other-processor": "the image {image} is built for another processor than that of this cluster's nodes",
    "image-not-found": "{never_started} was not found",
    "image-not-provided": "this cluster has the scenario's images only, and no way to pull {image}; {elsewhere}",
    "image-not-on-node": "{never_started} is not on the node, and imagePullPolicy Never forbids to pull it",
    "image-pull-failed": "{never_started} cannot be pulled: {detail}",
    "image-pull-forbidden": "{name} does not get its image: imagePullPolicy Never forbids to pull {image}, and nothing"
    " before has",
    "init-crash-looped": "{who} of {name} ended with exit code {codes}, {twice}; the others never started",
    "init-not-ended": "{name} never became Ready: {who} did not end {within}, and the others wait for it",
    "items-not-maps": "{place}{field} must hold maps, not {detail}",
    "label-not-text": "{place}{field} must be text, not {detail}; put it in quotes",
    "memory-too-low": "the pod of {name} cannot start: its memory limit is too low for any program",
    "never-ready": "{name} runs without crashing, but never became Ready{said}",
    "no-chart": "there is no chart to render: {detail}",
    "former-pod-ending": "{name} had no new pod {within}: its former pod {pod} had not ended yet",
    "no-containers": "{place}its pods have no containers",
    "no-deployment-added": "the chart adds no Deployment to the stable chart: {added}",
    "no-workload-changed": "the upgrade adds no workload, and changes the pod template of none: {added}",
    "no-node-chosen": "{name} has no pod: its controller finds no node that is fit for one",
    "no-pod": "{name} had no pod {within}; nothing else is certain",
    "no-storage-class": "this cluster has no StorageClass for {object}; {elsewhere}",
    "node-ended-pod": "the node ended the pod {pod} of the canary for its own purposes: {states}{said}",
    "node-exhausted": "the node ran short{measured}: {detail}",
    "node-feature-missing": "this cluster's node has no {expected}, and {name} asks for it: {detail}; {elsewhere}",
    "node-silent": "{object}, which the pod of {name} names as its node, does not exist or does not take pods",
    "not-an-object": "{template} renders to {detail}, which is not a Kubernetes object",
    "not-reached": "the experiment did not get {to}",
    "not-restarted": "{who} of {name} ended once, with {end}, and the kubelet does not restart it:"
    " its restartPolicy is {found}",
    "not-watched": "nobody asked the stable Service all the time: a release that was handled by hand leaves no trace of"
    " its outages",
    "not-yaml": "{template} renders to no YAML: {detail}",
    "object-added": "it adds {object}{file}{hook}",
    "object-incomplete": "{template}: an object without {field}",
    "object-repeated": "{object} is there {count} times: in {files}; give each a name of its own",
    "objects-malformed": "an object of the chart is not well-formed: {error}",
    "others-ended": "{name} did not crash: {who}, with the image {image}, has been running for {seconds:.0f} s; only"
    " {other_containers} ended again and again",
    "post-start-fails": "{who} of {name} is killed by the kubelet because its postStart hook fails"
    " (FailedPostStartHook){said}",
    "out-of-memory": "{who} of {name} was killed for using more memory than its limit, {twice}",
    "pod-unstarted": "{object}{in_container}: {states}{event}",
    "pod-evicted": "the kubelet evicted the pod of {name}: {detail}",
    "pods-refused": "the cluster refused the pods of {name}: {detail}",
    "pods-rejected": "the kubelet rejected each pod of {name}{reasons}{said}",
    "post-start-failed": "{who} of {name} did not end by itself: the kubelet killed it because its postStart hook"
    " failed (FailedPostStartHook), {twice}{said}",
    "probe-killed": "{who} of {name} was killed by the kubelet because its {probe} failed, {twice}",
    "probe-kills": "{who} of {name} is killed by the kubelet because its {probe} fails",
    "ready": "{name} did not crash: it has been Ready for {seconds:.0f} s{restarted}; it runs {images}",
    "ready-too-short": "{name} did not crash, but was not Ready for long enough {within}; nothing else is certain",
    "registry-fails": "the node cannot pull {image}, and its registry does not say that the image does not exist"
    "{event}: {found}",
    "refused-by-policy": "the cluster's own {object} refuses objects of this release, which is no fault of the chart:"
    " {detail}",
    "registry-not-allowed": "this cluster pulls images from the registries of the scenario's images only, and {image}"
    " is of {detail}: if the submission may use that one, add --image-registry {detail}",
    "release-violation": "canaryproof ended the experiment after the upgrade{said}",
    "resource-missing": "no node of this cluster has {names}, and {name} asks for it; {elsewhere}",
    "restarted-with-all": "{who} of {name} did not end by itself: the kubelet killed it again and again, because a"
    " restart rule of another container restarts all containers",
    "changed-record": "something changed {object}, Helm's record of a revision, which only Helm may write",
    "deep-record": "{object}, Helm's record of the release, has maps and lists that are nested too deep to be read",
    "missing-record": "something deleted {object}, Helm's record of a revision, which only Helm may delete",
    "quota-exceeded": "the release needs more objects than any chart may have: {detail}",
    "unknown-record": "{object} has the labels of Helm's records of this release, and Helm did not write it",
    "unsafe-objects": "in the cluster, the chart rendered to other objects than before, and they are unsafe: {detail}",
    "revision-pruned": "Helm keeps {count} revisions, and the one with the canary is no longer among them",
    "rollout-paused": "{name} is paused, so no pod of it was started",
    "sandbox-not-created": "the pod of {name} cannot start: {detail}",
    "scheduler-missing": "the pod of {name} names the scheduler {found}, which this cluster does not have",
    "scheduling-gated": "the pod of {name} waits for its scheduling gates to be removed: {names}",
    "seen-back-off": "{name} crash-looped: the kubelet backed off from restarting its container{started}{unsaid}",
    "seen-image-failure": "{name} never started: {detail}",
    "seen-not-created": "{name} could not be created: {detail}",
    "seen-not-started": "{name} could not be started: {detail}",
    "seen-probe-kill": "{name} was killed by the kubelet: {detail}",
    "seen-refused": "{name} got no pod: {detail}",
    "seen-restarts": "{name} crash-looped: its container was started {count} times in {pods} pod{unsaid}",
    "seen-running": "{name} did not crash: it was started once, and ran until it was taken away {seconds:.0f} s later",
    "seen-unscheduled": "{name} had no node: {detail}",
    "several-deployments-added": "the chart adds {count} Deployments to the stable chart, and any could be the canary:"
    " {objects}",
    "several-workloads-added": "the upgrade adds {count} workloads, and any could be the canary: {objects}",
    "several-workloads-changed": "the upgrade changes the pod templates of {count} workloads, and any could be the"
    " canary: {objects}",
    "service-without-endpoints": "{object} has no ready endpoint",
    "start-failed": "{who} of {name} could not be started, {twice}: {detail}",
    "still-waiting": "{name} was still waiting, {states}{event}, {within}; nothing else is certain",
    "unscheduled": "no node takes the pod of {name}: {detail}",
    "update-on-delete": "{name} has no new pod: its update strategy OnDelete replaces a pod only after somebody deletes"
    " it",
    "update-partitioned": "{name} has no new pod: its update strategy leaves the pods below partition {limit} as they"
    " are, and it has {count} pods",
    "upgrade-failed": "the upgrade failed: {error}",
    "volume-not-mounted": "the pod of {name} cannot start: {detail}",
    "container-missing": "the canary {object} has no container {container}, which the scenario names: its containers"
    " are {names_or_none}",
    "workload-elsewhere": "the canary {object} is in the namespace {found}, and canaryproof observes the namespace of"
    " the release only",
    "workload-missing": "the chart has no {object}, which the scenario names as the canary: its workloads are"
    " {names_or_none}",
    "yaml-key-repeated": "{template}{line}: {detail}",
    "yaml-malformed": "{template}{line}: {detail}",
    "yaml-number-too-large": "{template}{line}: {detail}",
    "yaml-tag": "{template}{line}: {detail}",
    "zero-replicas": "{name} asks for 0 replicas, so no pod of it was started",
}
"""The sentence for each code."""


def describe(cause: Cause) -> str:
    """Return *cause* as one sentence for the user, without a full stop."""
    sentence = SENTENCES[cause.code]
    text = sentence.format_map(dict(_values(cause)))
    if cause.known and "{error}" not in sentence:
        text = f"{text}{': ' if cause.code in OPEN else '; '}{describe(cause.known)}"
    return f"{text}; its last words: {cause.last_words}" if cause.last_words else text


def _values(cause: Cause) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the placeholders in the sentences."""
    yield from ((field.name, getattr(cause, field.name)) for field in fields(cause))
    yield from _of_containers(cause)
    yield from _of_objects(cause)
    yield from _of_findings(cause)


def _of_containers(cause: Cause) -> Iterator[tuple[str, object]]:
    who = f"{'init ' if cause.init else ''}container {cause.container}"
    last = cause.exit_codes[-1] if cause.exit_codes else ""
    yield from (("who", who), ("name", cause.deployment))
    yield "codes", " and ".join(map(str, cause.exit_codes))
    yield "end", f"exit code {last} ({cause.ended or 'no reason given'})"
    yield "twice", f"twice, the second time {cause.seconds:.1f} s after the upgrade"
    yield "within", f"within {cause.seconds:.0f} s"
    yield "never_started", f"{who} of {cause.deployment} never started: image {cause.image}"
    yield "images", " and ".join(cause.images)
    kinds = ("in all", "updated", "available")
    yield "replicas", ", ".join(f"{count} {kind}" for count, kind in zip(cause.replicas, kinds, strict=False))
    yield "probe", f"{cause.probe} probe".lstrip()
    yield "restarted", f" after {count(cause.count, 'restart')}" if cause.count else " without a restart"
    yield "said", f": {cause.detail}" if cause.detail else ""
    yield "event", f" ({cause.detail})" if cause.detail else ""
    yield (
        "hook_end",
        f": container {cause.container} ended with exit code {last}" if cause.container else f": {cause.detail}",
    )
    yield "in_container", f", container {cause.container}" if cause.container else ""
    yield "states", ", ".join(cause.states)
    yield "measured", f" ({', '.join(cause.names)})" if cause.names else ""
    yield "reasons", f" ({', '.join(cause.states)})" if cause.states else ""
    yield "started", f"; it was started {cause.count} times" if cause.count > 1 else ""
    yield "other_containers", f"container{'s' if len(cause.names) > 1 else ''} {' and '.join(cause.names)}"
    yield "unsaid", " (events do not tell the exit code)"


def _of_objects(cause: Cause) -> Iterator[tuple[str, object]]:
    template = cause.file or "the rendering"
    yield from (("file", f" ({cause.file})" if cause.file else ""), ("file_name", cause.file))
    yield "hook", ", as a Helm hook, which is no part of the release" if cause.hook else ""
    yield from (("template", template), ("place", f"{template}: {cause.object}: "), ("files", ", ".join(cause.files)))
    yield "elsewhere", "try it on one that can: --cluster existing, or kind or minikube with --images upstream"
    yield "files_and", " and as ".join(cause.files)
    yield "line", f", line {cause.line} of what it renders to" if cause.line else ""
    yield "objects", " and ".join(f"{part.object} ({part.file})" if part.file else part.object for part in cause.parts)
    parts = tuple(map(describe, cause.parts))
    yield from (("parts", "; ".join(parts)), ("parts_instead", " instead of ".join(parts)))
    yield "added", "; ".join(parts) or "it adds nothing"
    yield "shown", f" ({'; '.join(parts)})" if parts else ""
    yield "instead", f", only {' and '.join(cause.names)}" if cause.names else ""
    error = "; ".join(parts) or cause.detail
    known = describe(cause.known) if cause.known else ""
    yield "error", f"{known} (the error: {error})" if known and error else known or error


def _of_findings(cause: Cause) -> Iterator[tuple[str, object]]:
    """Yield the placeholders of `canaryproof.model.wording.finding_sentences`."""
    yield from (("limit", f"{cause.limit:g}"), ("asked", count(cause.count, "replica")))
    yield from (("times", count(cause.count, "time")), ("names", ", ".join(cause.names)))
    yield "names_or_none", ", ".join(cause.names) or "none"
    yield from (("number", cause.ports[0] if cause.ports else ""), ("parent", cause.field.partition(".")[0]))
    yield "restarts", count(cause.count, "restart")
    inner = f"to port {cause.ports[0]}" if cause.ports else "to a port"
    yield "wanted_route", f"from port {cause.limit:g} {inner}" if cause.limit else inner
    yield "ports", ", ".join(map(str, cause.ports)) or "no port"
    yield "port_names", f"theirs are called {', '.join(cause.names)}" if cause.names else "theirs have no names"
    yield "protocol", f" by {cause.protocol}, not TCP" if cause.protocol else ""
    yield "leads", ", ".join(map(describe, cause.parts)) or "nowhere"
    default = COMMAND if cause.code == "command-changed" else "nothing"
    yield from (("found", cause.found or default), ("expected", cause.expected or default))
    yield "kind", cause.object.partition("/")[0]
    yield "when", WHEN[cause.during] if cause.during else ""
    yield "to", f"to the {cause.field}" if cause.field else "that far"
    yield "to_revision", f" to revision {cause.limit:g}" if cause.limit else ""
    yield "service", cause.object or "Service"
    is_space = cause.found == "\u00a0"
    yield "character", "a space that does not break (U+00A0)" if is_space else f"a typographic quote ({cause.found})"
    yield "unread", f"; Helm reads values.yaml, and not {cause.files[0]} by itself" if cause.files else ""
    yield "changes", "; ".join(f"the stable {it.object} {' and '.join(map(describe, it.parts))}" for it in cause.parts)
    yield "left", _left(cause)


def _left(cause: Cause) -> str:
    told = ", ".join(
        f"{part.object} (held by {HOLDERS[part.held_by].format(part.detail)})" if part.held_by else part.object
        for part in cause.parts
    )
    owned = cause.count - len(cause.parts)
    return f"{told}, and {count(owned, 'object')} that it owns" if owned else told


def count(number: int, noun: str) -> str:
    """Format a number with a noun in the singular or the plural."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
