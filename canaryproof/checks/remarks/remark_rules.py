"""Finds the causes of remarks in the canary's pod template and in the objects of the chart.  This module is pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from canaryproof.checks.remarks.code_sources import holds_programs, loads_code, normal
from canaryproof.checks.remarks.remark_causes import (
    ApiAccess,
    Cause,
    CodeInjected,
    OtherContainerDecided,
    ProcessesShared,
    ProgramMounted,
    ProgramReplaced,
    ProgramStarted,
    UpgradeHooks,
    WorkloadsAdded,
)
from canaryproof.model.evidence import Evidence, OutcomeName
from canaryproof.model.objects import POD_PARENTS, Body, Manifest, mapping_at, maps_at, text_at, values_at
from canaryproof.redaction import MARK
from canaryproof.submissions.chart_safety.counts import whole
from canaryproof.system.progress import cut, one_line

WORDS = 8
"""Words of a command that a cause keeps."""
WORD = 80
"""Columns of one word, name or path that a cause keeps."""
PROGRAM_OUTCOMES: frozenset[OutcomeName] = frozenset(
    {"crash-loop", "exits-cleanly", "oom-killed", "probe-killed", "start-error"}
)
"""Outcomes that the program of a container brings about."""
ROLES = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
WORKLOADS = frozenset({*POD_PARENTS, "ReplicationController"})
UPGRADE_HOOKS = frozenset({"pre-upgrade", "post-upgrade"})
"""The hooks of ``helm upgrade``; a rollback has those of the revision that it returns to (Helm, "Chart Hooks")."""
EXECUTABLE = 0o111
OCTAL = re.compile(r"0o?([0-7]{1,6})")
DEFAULT_MODE = 0o644
"""Of the files of a ConfigMap, Secret or projected volume (Kubernetes, "ConfigMapVolumeSource")."""


@dataclass(frozen=True)
class _Container:
    """A container as the canary's pod template writes it."""

    body: Body
    main: bool
    """Whether it is in ``containers``: neither an init container nor a native sidecar."""

    @property
    def name(self) -> str:
        """Return its name."""
        return text_at(self.body, "name")

    @property
    def image(self) -> str:
        """Return its image as it is written."""
        return text_at(self.body, "image")

    @property
    def lasts(self) -> bool:
        """Report whether it runs beside the others: an init container that restarts always does (a native sidecar)."""
        return self.main or self.body.get("restartPolicy") == "Always"


@dataclass(frozen=True)
class Scene:
    """The facts that the rules use."""

    evidence: Evidence

    @cached_property
    def canary(self) -> Manifest | None:
        """Return the canary's workload as it was rendered or applied."""
        wanted = self.evidence.canary.key if self.evidence.canary else None
        workloads = (each for each in self.evidence.chart.manifests if not each.is_hook)
        return next((each for each in workloads if each.key.local == wanted), None)

    @cached_property
    def spec(self) -> Body:
        """Return the spec of the canary's pods."""
        return mapping_at(self.canary.pod_template, "spec") if self.canary else {}

    @cached_property
    def containers(self) -> tuple[_Container, ...]:
        """Return all its containers, init containers first."""
        groups = (("initContainers", False), ("containers", True))
        return tuple(_Container(body, main) for group, main in groups for body in maps_at(self.spec, group))

    @cached_property
    def serving(self) -> tuple[_Container, ...]:
        """Return the main containers that declare ports; where none does, all of them."""
        main = [each for each in self.containers if each.main]
        return tuple([each for each in main if maps_at(each.body, "ports")] or main)

    @cached_property
    def looked_at(self) -> tuple[_Container, ...]:
        """Return the containers whose program is the canary, or decided what became of it.

        Events of a release that was handled by hand do not always tell which container it was: then it may be any.
        """
        decision = self.evidence.decision
        unknown = not decision.cause.container and decision.outcome in PROGRAM_OUTCOMES
        return tuple(
            each
            for each in self.containers
            if each in self.serving or each.name == decision.cause.container or (unknown and each.main)
        )

    @cached_property
    def own(self) -> tuple[Manifest, ...]:
        """Return the objects that the stable chart does not have in this form."""
        baseline = {(each.kind, each.name): each.body for each in self.evidence.baseline.manifests}
        return tuple(
            each for each in self.evidence.chart.manifests if baseline.get((each.kind, each.name)) != each.body
        )

    def ended(self, container: _Container) -> bool:
        """Report whether a run of *container* was seen to end before the outcome was decided."""
        decision, canary = self.evidence.decision, self.evidence.canary
        pods = canary.pods(self.evidence.timeline.until(decision.at)) if canary and decision.at is not None else ()
        return any(pod.terminations(container.name) for pod in pods)


def _program_replaced(scene: Scene) -> Iterator[Cause]:
    for each in scene.looked_at:
        command, args = _words(each.body, "command"), _words(each.body, "args")
        if command or args or text_at(each.body, "workingDir"):
            yield ProgramReplaced(
                container=_short(each.name),
                image=_short(each.image),
                command=command,
                args=args,
                working_dir=_short(text_at(each.body, "workingDir")),
            )


def _other_container_decided(scene: Scene) -> Iterator[Cause]:
    decider = next((each for each in scene.containers if each.name == scene.evidence.decision.cause.container), None)
    if decider and decider.lasts and decider not in scene.serving and not any(map(scene.ended, scene.serving)):
        serving = scene.serving[0]
        yield OtherContainerDecided(
            container=_short(decider.name),
            image=_short(decider.image),
            serving=_short(serving.name),
            serving_image=_short(serving.image),
        )


def _program_mounted(scene: Scene) -> Iterator[Cause]:
    volumes = {text_at(volume, "name"): volume for volume in maps_at(scene.spec, "volumes")}
    for each in scene.looked_at:
        for mount in maps_at(each.body, "volumeMounts"):
            volume, path = volumes.get(text_at(mount, "name"), {}), normal(text_at(mount, "mountPath"))
            mounted = partial(ProgramMounted, container=_short(each.name), object=_source(volume), path=_short(path))
            if modes := [mode for mode in _modes(volume) if mode & EXECUTABLE]:
                yield mounted(why="executable", mode=f"{modes[0] & 0o7777:04o}")
            elif "image" in volume:
                yield mounted(why="image")
            elif holds_programs(path):
                yield mounted(why="over-programs")


def _program_started(scene: Scene) -> Iterator[Cause]:
    ways = (("lifecycle", "postStart"), ("livenessProbe",), ("readinessProbe",), ("startupProbe",))
    for each in scene.looked_at:
        for way in ways:
            if command := _words(mapping_at(each.body, *way, "exec"), "command"):
                yield ProgramStarted(container=_short(each.name), by=way[-1], command=command)


def _code_injected(scene: Scene) -> Iterator[Cause]:
    for each in scene.looked_at:
        variables = (*_variables(each.body), *_referred(each.body, scene.evidence.chart.manifests))
        if found := tuple(dict.fromkeys(name for name, value in variables if loads_code(name, value))):
            yield CodeInjected(container=_short(each.name), variables=found)


def _processes_shared(scene: Scene) -> Iterator[Cause]:
    lasting = [each for each in scene.containers if each.lasts]
    if scene.spec.get("shareProcessNamespace") is True and len(lasting) > 1:
        yield ProcessesShared(containers=tuple(_short(each.name) for each in lasting))


def _upgrade_hooks(scene: Scene) -> Iterator[Cause]:
    hooks = [each for each in scene.own if not UPGRADE_HOOKS.isdisjoint(each.hook_events)]
    if hooks and scene.evidence.upgrade:
        yield UpgradeHooks(objects=_names(hooks))


def _api_access(scene: Scene) -> Iterator[Cause]:
    if roles := [each for each in scene.own if each.kind in ROLES]:
        yield ApiAccess(objects=_names(roles))


def _workloads_added(scene: Scene) -> Iterator[Cause]:
    known = {(each.kind, each.name) for each in scene.evidence.baseline.manifests}
    others = [
        each
        for each in scene.own
        if each.kind in WORKLOADS and not each.is_hook and (each.kind, each.name) not in known and each != scene.canary
    ]
    if scene.canary and others:
        yield WorkloadsAdded(objects=_names(others))


Rule = Callable[[Scene], Iterator[Cause]]
RULES: tuple[Rule, ...] = (
    _program_replaced,
    _other_container_decided,
    _program_mounted,
    _program_started,
    _code_injected,
    _processes_shared,
    _upgrade_hooks,
    _api_access,
    _workloads_added,
)


def _modes(volume: Body) -> Iterator[int]:
    """Yield the modes of the files of a volume; an item's own goes before the volume's (Kubernetes, "KeyToPath")."""
    default = DEFAULT_MODE
    for kind in ("configMap", "secret", "downwardAPI", "projected"):
        default = _mode(mapping_at(volume, kind).get("defaultMode"), default)
    sources = [mapping_at(volume, kind) for kind in ("configMap", "secret", "downwardAPI") if kind in volume]
    for source in maps_at(volume, "projected", "sources"):
        sources += [each for each in source.values() if isinstance(each, dict)]
    for source in sources:
        yield from [_mode(item.get("mode"), default) for item in maps_at(source, "items")] or [default]


def _mode(value: Any, default: int) -> int:
    """Return a file mode as the API reads it: a whole number, which YAML also writes as ``0755`` or ``0o755``."""
    if isinstance(value, str):
        octal = OCTAL.fullmatch(value)
        return int(octal[1], 8) if octal else whole(value) or default
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _source(volume: Body) -> str:
    """Return where the files of a volume come from."""
    named = {"configMap": ("ConfigMap", "name"), "secret": ("Secret", "secretName"), "image": ("image", "reference")}
    for kind, (word, name) in named.items():
        if kind in volume:
            return _short(f"{word}/{text_at(volume, kind, name)}")
    for source in maps_at(volume, "projected", "sources"):
        for kind, word in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if kind in source:
                return _short(f"{word}/{text_at(source, kind, 'name')}")
    return _short(next((kind for kind in volume if kind != "name"), "volume"))


def _variables(container: Body) -> Iterator[tuple[str, str | None]]:
    """Yield the variables in ``env``, with None for a value that comes from elsewhere, or that was redacted."""
    for each in maps_at(container, "env"):
        value = each.get("value")
        yield text_at(each, "name"), None if "valueFrom" in each else _readable(value if value is not None else "")


def _readable(value: Any) -> str | None:
    """Return a value as text; None where some of it was redacted: a chart can have any word in a Secret."""
    text = str(value)
    return None if MARK in text else text


def _referred(container: Body, manifests: Iterable[Manifest]) -> Iterator[tuple[str, str | None]]:
    """Yield the variables in ``envFrom`` that ConfigMaps and Secrets of the chart hold."""
    held = {(each.kind, each.name): each.body for each in manifests if each.kind in {"ConfigMap", "Secret"}}
    for each in maps_at(container, "envFrom"):
        for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            body = held.get((kind, text_at(each, reference, "name")), {})
            plain = {**mapping_at(body, "data"), **mapping_at(body, "stringData")}
            for name, value in plain.items():
                readable = kind == "ConfigMap" or name in mapping_at(body, "stringData")
                yield f"{text_at(each, 'prefix')}{name}", _readable(value) if readable else None


def _words(body: Body, key: str) -> tuple[str, ...]:
    """Return a command as words, short and printable; ``...`` stands for what is left out."""
    words = values_at(body, key)
    shown = tuple(_short(str(each)) for each in words[:WORDS])
    return (*shown, "...") if len(words) > WORDS else shown


def _names(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_short(str(each.key)) for each in manifests))


def _short(text: str) -> str:
    return cut(one_line(text[: 10 * WORD]), WORD)  # what is longer is cut anyway, and may be very long
