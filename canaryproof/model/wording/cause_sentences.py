"""The sentence of each cause; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from canaryproof.model.causes import Cause, Code, FindingCode

SENTENCES: Mapping[Code | FindingCode, str] = {
    "chart-malformed": "{parts}",
    "chart-not-rendered": "the chart does not render: {detail}",
    "chart-refused": "{detail}",
    "container-added": "it adds the container {container} to the stable {object}",
    "container-unnamed": "{place}one of its {field} has no name",
    "container-not-created": "{who} of {name} cannot be created: {detail}",
    "crash-looped": "{name} crash-loops: {who} ended by itself with exit code {codes}, {twice}",
    "deployment-missing": "{object} does not exist",
    "deployment-not-available": "{object} wants {count} pods and has {replicas}",
    "deployment-not-observed": "{object} was not looked at by its controller yet",
    "ended-differently": "{who} of {name} ended in different ways {within}, last with {end}",
    "ended-once": "{who} of {name} ended once, with {end}, and not again {within}",
    "events-gone": "no events about the pods of {name} are left (a cluster keeps them for an hour, as a rule), and the"
    " pods are gone",
    "events-unclear": "the events that are left about {name} do not tell its fate: {states}",
    "exited-cleanly": "{name} does not crash: {who} ended by itself with exit code 0, {twice}",
    "field-of-wrong-type": "{place}{field} must be {expected}, not {detail}",
    "image-capitals": "{never_started} is none of Docker Hub, where names have no capital letters",
    "image-changed": "it changes the image of the stable {object} to {image}",
    "image-name-invalid": "{never_started} is no name that an image can have",
    "image-not-found": "{never_started} was not found",
    "image-not-provided": "this cluster has the course's images only, and no way to pull {image}; {elsewhere}",
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
    "no-containers": "{place}its pods have no containers",
    "no-deployment-added": "the chart adds no Deployment to the course's: {parts}",
    "no-pod": "{name} had no pod {within}; nothing else is certain",
    "no-storage-class": "this cluster has no StorageClass for {object}; {elsewhere}",
    "node-exhausted": "the node ran short: {detail}",
    "not-an-object": "{template} renders to {detail}, which is not a Kubernetes object",
    "not-reached": "the experiment did not get that far",
    "not-yaml": "{template} renders to no YAML: {detail}",
    "object-added": "it adds {object}{file}{hook}",
    "object-incomplete": "{template}: an object without {field}",
    "object-repeated": "{object} is there {count} times: in {files}; give each a name of its own",
    "objects-malformed": "an object of the chart is not well-formed: {detail}",
    "out-of-memory": "{who} of {name} was killed for using more memory than its limit, {twice}",
    "pods-refused": "the cluster refused the pods of {name}: {detail}",
    "probe-killed": "{who} of {name} was killed by the kubelet because its {probe} failed, {twice}",
    "probe-kills": "{who} of {name} is killed by the kubelet because its {probe} fails",
    "ready": "{name} did not crash: it has been Ready for {seconds:.0f} s{restarted}; it runs {images}",
    "ready-too-short": "{name} did not crash, but was not Ready for long enough {within}; nothing else is certain",
    "registry-not-allowed": "this cluster pulls images from the registries of the course's images only, and {image} is"
    " of {detail}: if the submission may use that one, add --image-registry {detail}",
    "release-violation": "{detail}",
    "rollout-paused": "{name} is paused, so no pod of it was started",
    "seen-back-off": "{name} crash-looped: the kubelet backed off from restarting its container{started}{unsaid}",
    "seen-image-failure": "{name} never started: {detail}",
    "seen-not-created": "{name} could not be created: {detail}",
    "seen-not-started": "{name} could not be started: {detail}",
    "seen-probe-kill": "{name} was killed by the kubelet: {detail}",
    "seen-refused": "{name} got no pod: {detail}",
    "seen-restarts": "{name} crash-looped: its container was started {count} times in {pods} pod{unsaid}",
    "seen-running": "{name} did not crash: it was started once, and ran until it was taken away {seconds:.0f} s later",
    "seen-unscheduled": "{name} had no node: {detail}",
    "several-deployments-added": "the chart adds {count} Deployments to the course's, and any could be the canary:"
    " {objects}",
    "service-without-endpoints": "{object} has no ready endpoint",
    "stable-not-ready": "{detail}",
    "start-failed": "{who} of {name} could not be started, {twice}: {detail}",
    "still-waiting": "{name} was still waiting, {states}{event}, {within}; nothing else is certain",
    "unscheduled": "no node takes the pod of {name}: {detail}",
    "upgrade-failed": "the upgrade failed: {detail}",
    "volume-not-mounted": "the pod of {name} cannot start: {detail}",
    "yaml-key-repeated": "{template}{line}: {detail}",
    "yaml-malformed": "{template}{line}: {detail}",
    "yaml-number-too-large": "{template}{line}: {detail}",
    "yaml-tag": "{template}{line}: {detail}",
    "zero-replicas": "{name} asks for 0 replicas, so no pod of it was started",
}
"""What each code says."""


def describe(cause: Cause) -> str:
    """Return *cause* as one sentence for people, without its full stop."""
    text = SENTENCES[cause.code].format_map(dict(_values(cause)))
    return f"{text}; its last words: {cause.last_words}" if cause.last_words else text


def _values(cause: Cause) -> Iterator[tuple[str, object]]:
    """Yield what the sentences ask for, by name."""
    who = f"{'init ' if cause.init else ''}container {cause.container}"
    last = cause.exit_codes[-1] if cause.exit_codes else ""
    yield from (("who", who), ("name", cause.deployment), ("container", cause.container), ("detail", cause.detail))
    yield "codes", " and ".join(map(str, cause.exit_codes))
    yield "end", f"exit code {last} ({cause.ended or 'no reason given'})"
    yield "twice", f"twice, the second time {cause.seconds:.1f} s after the upgrade"
    yield "within", f"within {cause.seconds:.0f} s"
    yield from (("seconds", cause.seconds), ("count", cause.count), ("pods", cause.pods))
    yield "never_started", f"{who} of {cause.deployment} never started: image {cause.image}"
    yield from (("image", cause.image), ("images", " and ".join(cause.images)))
    kinds = ("in all", "updated", "available")
    yield "replicas", ", ".join(f"{count} {kind}" for count, kind in zip(cause.replicas, kinds, strict=False))
    yield "probe", f"{cause.probe} probe".lstrip()
    yield "restarted", _times(cause.count, " after {0} restart") if cause.count else " without a restart"
    yield "said", f": {cause.detail}" if cause.detail else ""
    yield "event", f" ({cause.detail})" if cause.detail else ""
    yield "states", ", ".join(cause.states)
    yield "started", f"; it was started {cause.count} times" if cause.count > 1 else ""
    yield "unsaid", " (events do not tell the exit code)"
    yield from (("object", cause.object), ("file", f" ({cause.file})" if cause.file else ""))
    yield "hook", ", as a Helm hook, which is no part of the release" if cause.hook else ""
    template = cause.file or "the rendering"
    yield from (("template", template), ("place", f"{template}: {cause.object}: "), ("files", ", ".join(cause.files)))
    yield "elsewhere", "try it on one that can: --cluster existing, or kind or minikube with --images upstream"
    yield "line", f", line {cause.line} of what it renders to" if cause.line else ""
    yield from (("field", cause.field), ("expected", cause.expected))
    yield "objects", " and ".join(f"{part.object} ({part.file})" if part.file else part.object for part in cause.parts)
    yield "parts", "; ".join(map(describe, cause.parts)) or "it adds nothing"


def _times(count: int, text: str) -> str:
    return f"{text.format(count)}{'' if count == 1 else 's'}"
