"""Reads the scenario file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from canaryproof.errors import UsageError
from canaryproof.model.evidence import OutcomeName
from canaryproof.scenario.terms import ChartReference, Expectation, Revision, Scenario, StandIn, Traffic

Points = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
"""The points of a check. The limit excludes infinity."""
UPCOMMERCE = Path(__file__).parent / "upcommerce.yaml"


def load_scenario(file: Path = UPCOMMERCE) -> Scenario:
    """Read a scenario file. Paths in it are relative to the file.

    Raises UsageError when the file cannot be read, has an unknown key or a value of the wrong type, or when the stable
    chart is not a chart.
    """
    try:
        terms = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), _ScenarioFile)  # noqa: TID251 - by one thread
    except OSError as error:
        raise UsageError(f"scenario file {file}: {error.strerror}; give --scenario the path of a YAML file") from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise UsageError(f"scenario file {file}: {error}; compare it with {UPCOMMERCE}") from error
    chart = file.parent / terms.stable.chart
    if not (chart / "Chart.yaml").is_file():
        raise UsageError(
            f"scenario file {file}: stable.chart {terms.stable.chart!r} is not a chart: {chart} has no Chart.yaml"
        )
    expect = terms.expect
    return Scenario(
        title=terms.title,
        release=terms.release,
        namespace=terms.namespace or terms.release,
        stable=(Revision(ChartReference(chart.resolve())),),
        expect=Expectation(
            (expect.outcome,), replicas=expect.replicas, container_port=expect.container_port, traffic=expect.traffic
        ),
        points=terms.checks,
        images={image: StandIn(each.agnhost) for image, each in terms.images.items()},
    )


class _Stable(msgspec.Struct, forbid_unknown_fields=True):
    chart: str


class _Expect(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    outcome: OutcomeName
    replicas: int | None = None
    container_port: int | None = None
    traffic: Traffic | None = None


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    agnhost: tuple[str, ...]


class _ScenarioFile(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    title: str
    api_version: str
    release: str
    stable: _Stable
    expect: _Expect
    namespace: str = ""
    checks: dict[str, Points] = {}
    images: dict[str, _Image] = {}
