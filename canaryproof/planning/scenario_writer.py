"""Writes a commented scenario file for a chart."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from canaryproof.model.evidence import Canary
from canaryproof.model.objects import Container, Manifest
from canaryproof.model.registries import archive_name
from canaryproof.planning.chart_survey import ChartSurvey

SCHEMA_NAME = "canaryproof.schema.json"


def scenario_lines(survey: ChartSurvey, folder: Path) -> Iterator[str]:
    """Yield the lines of a scenario file in *folder*."""
    name = re.sub(r"[^a-z0-9-]+", "-", survey.name.lower()).strip("-")[:53]
    yield '# The scenario that canaryproof rehearses. The documentation, "Scenario file", describes every key.'
    yield f"# For completion in an editor, run: canaryproof schema > {SCHEMA_NAME}"
    yield f"# yaml-language-server: $schema={SCHEMA_NAME}"
    yield "apiVersion: canaryproof/v1"
    yield f"title: The next release of {name}"
    yield f"release: {name}"
    yield f"namespace: {name}"
    if survey.values:
        yield "# For all revisions, in order."
        yield f"values: {_flow([_relative(each, folder) for each in survey.values])}"
    yield ""
    yield "# Revision 1: the release that runs now."
    yield "stable:"
    yield f"  chart: {_flow(_relative(survey.chart, folder))}"
    if survey.off:
        yield f"  values: [{_flow(survey.off)}]"
    yield ""
    yield from _canary(survey)
    yield ""
    yield from _expectation(survey.canary)
    yield ""
    yield from _availability(survey)
    yield ""
    yield from _images(survey)


def _canary(survey: ChartSurvey) -> Iterator[str]:
    yield "# The next revision: the same chart with other values. The key chart takes another chart or version."
    yield "canary:"
    if survey.tag:
        yield f"  # {survey.tag} is the tag of the image. Write the tag of the next version."
    elif not survey.canary:
        yield "  # No switch and no image tag changes a workload. Write the values of the next version."
    yield f"  values: [{_flow(survey.on)}]"
    others = [each for each in survey.switches if each.endswith("enabled")]
    if others:
        yield f"  # Switches of this chart: {', '.join(others)}."


def _expectation(canary: Canary | None) -> Iterator[str]:
    yield "expect:"
    yield "  # Or the failure that you expect: crash-loop, not-ready, image-pull, probe-killed or another outcome."
    yield "  outcome: healthy"
    if canary is None:
        return
    yield f"  workload: {canary.key}"
    yield f"  replicas: {canary.replicas}"
    if canary.ports:
        yield f"  containerPort: {canary.ports[0]}"
    if canary.in_place:
        yield "  # The pods with the new template are the canary: the upgrade changes this workload in place."
        return
    own = [each for each in canary.services if not each.also_selects]
    shared = [each for each in canary.services if each.also_selects]
    if own and not shared:
        yield f"  traffic: own  # Service/{own[0].name} leads to canary pods only"
        port, target = next(((port, to) for port, to in own[0].ports if to in canary.ports), (0, 0))
        if port != target:
            yield f"  servicePort: {port}"
    elif shared:
        yield f"  traffic: shared  # Service/{shared[0].name} also selects {', '.join(shared[0].also_selects)}"
    else:
        yield "  traffic: none  # no Service selects the canary"


def _availability(survey: ChartSurvey) -> Iterator[str]:
    services = [each for each in survey.stable.manifests if each.kind == "Service" and each.selector]
    yield "# Without this key, every Service of the stable revision must keep answering on its first port."
    for each in services:
        yield f"# availability: [{{service: {each.name}, maxOutage: 2s, successRate: 99}}]"


def _images(survey: ChartSurvey) -> Iterator[str]:
    manifests = (*survey.stable.manifests, *survey.upgrade.manifests)
    used = {container.image: (each, container) for each in reversed(manifests) for container in each.containers}
    if not used:
        return
    yield "# Sources of the images for a cluster that cannot pull them. agnhost, the test image of Kubernetes, answers"
    yield "# every HTTP request. To use the real image, run docker save IMAGE -o FILE, and write {archive: FILE}."
    commanded = {each.image for manifest in manifests for each in manifest.containers if each.command}
    entries = [(image, [] if image in commanded else _player(*used[image])) for image in sorted(used)]
    yield "images:" if any(player for _, player in entries) else "# images:"
    for image, player in entries:
        key = json.dumps(image)
        if player:
            yield f"  {key}: {{agnhost: {_flow(player)}}}"
        else:
            file = archive_name(image)
            yield f"  # {key}: {{archive: {file}}}  # it runs a command of its own, so agnhost cannot play it"


def _player(manifest: Manifest, container: Container) -> list[str]:
    """Return the arguments of agnhost that play a container which runs the program of its image."""
    if container.init or manifest.kind in {"Job", "CronJob"}:
        return ["help"]  # ends at once, with exit code 0
    named = {port.name: port.number for port in container.ports if port.name}
    probed = next((port for _, port in container.probes), None)
    port = named.get(probed) if isinstance(probed, str) else probed
    port = port or next((each.number for each in container.ports), None)
    return ["netexec", f"--http-port={port or 'none'}", "--delay-shutdown=0"] if port else ["pause"]


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def _flow(value: object) -> str:
    """Return a value in the flow style of YAML, with keys and plain words unquoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z./_-][\w./=-]*", value)
    words = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"}
    return value if plain and str(value).lower() not in words else json.dumps(value)  # type: ignore[return-value]  # plain is a str
