"""Finds the images that a cluster without a way to registries needs for a scenario, and does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from canaryproof.errors import SubmissionError, UnsafeError, UsageError
from canaryproof.helm.chart_values import Values
from canaryproof.helm.inputs import Inputs
from canaryproof.helm.renderer import Renderer
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Manifest
from canaryproof.model.registries import archive_name, full_name
from canaryproof.model.rendered_yaml import parse
from canaryproof.scenario.terms import Scenario, SetupManifest
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


def require_images(scenario: Scenario, helm: Path, time_limits: TimeLimits) -> None:
    """Check that the images of the scenario's own charts are listed in it. *helm* renders the charts.

    Charts that only render in a cluster are left out. So are images of the canary if the scenario expects that an image
    cannot be pulled.

    Raises UsageError with the lines to add when an image is missing.
    """
    with scratch() as folder:
        inputs = Inputs.of(scenario, folder)
        renderer = Helm(helm, folder, folder / "kubeconfig", "", time_limits=time_limits).renderer
        listed = set(map(full_name, scenario.images))
        needed = _images(_objects(scenario, inputs, renderer))
        missing = {image: user for image, user in needed.items() if full_name(image) not in listed}
    if missing:
        raise UsageError(_told(missing))


def _told(missing: dict[str, str]) -> str:
    users = "".join(f"\n  {image}  (of {user})" for image, user in missing.items())
    lines = "".join(
        f"\n  {image}: {{archive: {archive_name(image)}}}  # docker save {image} -o {archive_name(image)}"
        for image in missing
    )
    return (
        f"the embedded cluster pulls no images from registries, and the scenario file does not list these:{users}\n"
        f"add an archive, or arguments of agnhost, for each of them to the scenario file:\nimages:{lines}\n"
        "or give --image IMAGE=ARCHIVE, or pull the images with --images upstream"
    )


def _images(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return the first object that uses each image."""
    found: dict[str, str] = {}
    for manifest in manifests:
        for container in manifest.containers:
            if container.image:
                found.setdefault(container.image, str(manifest.key))
    return found


def _objects(scenario: Scenario, inputs: Inputs, renderer: Renderer) -> Iterator[Manifest]:
    """Yield the objects of the scenario's own charts and manifests, as far as they render without a cluster."""
    for part in inputs.setup:
        if isinstance(part, SetupManifest):
            yield from _parsed(part.manifest)
        else:
            yield from _rendered(renderer, part.release, part.chart, part.values, scenario)
    for revision in inputs.stable:
        yield from _rendered(renderer, scenario.release, revision.own_chart, revision.values, scenario)
    canary = inputs.canary
    if canary.chart and "image-pull" not in scenario.expect.outcomes:
        yield from _rendered(renderer, scenario.release, canary.chart, canary.values, scenario)


def _parsed(manifest: Path) -> tuple[Manifest, ...]:
    try:
        return parse(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SubmissionError):  # the setup itself reports it
        return ()


def _rendered(
    renderer: Renderer, release: str, chart: Path, values: Values, scenario: Scenario
) -> tuple[Manifest, ...]:
    try:
        rendering = renderer.template(release, chart, scenario.namespace, values=values, trusted=True)
    except UnsafeError:
        rendering = Rendering()
    return rendering.manifests
