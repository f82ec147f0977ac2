"""Defines a scenario as data: its terms are in a YAML file, and its starting chart is in a folder beside the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from canaryproof.errors import UsageError
from canaryproof.model.evidence import OutcomeName

Points = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
"""The points of a check. The limit excludes infinity."""
UPCOMMERCE = Path(__file__).parent / "upcommerce.yaml"


@dataclass(frozen=True)
class CanaryTerms:
    """The required properties and the required outcome of the canary."""

    replicas: int
    port: int
    outcome: OutcomeName


@dataclass(frozen=True)
class Course:
    """The terms of a scenario. *baseline* is the folder of the chart that every student starts from."""

    title: str
    release: str
    namespace: str
    baseline: Path
    canary: CanaryTerms
    points: dict[str, float] = field(default_factory=dict)
    """Points by check ID. A check that is not listed counts one point."""
    stand_ins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Maps an image reference to the arguments of agnhost, which is its stand-in."""


def load_course(file: Path = UPCOMMERCE) -> Course:
    """Read a course file. Its *baseline* is a path relative to the file.

    Raises UsageError when the file cannot be read, has an unknown key or a value of the wrong type, or when *baseline*
    is not a chart.
    """
    try:
        terms = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), _CourseFile)  # noqa: TID251 - by one thread
    except OSError as error:
        raise UsageError(f"course file {file}: {error.strerror}; give --course the path of a YAML file") from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise UsageError(f"course file {file}: {error}; compare it with {UPCOMMERCE}") from error
    baseline = file.parent / terms.baseline
    if not (baseline / "Chart.yaml").is_file():
        raise UsageError(
            f"course file {file}: baseline {terms.baseline!r} is not a chart: {baseline} has no Chart.yaml"
        )
    return Course(
        terms.title, terms.release, terms.namespace, baseline.resolve(), terms.canary, terms.points, terms.stand_ins
    )


class _CourseFile(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    release: str
    namespace: str
    baseline: str
    canary: CanaryTerms
    points: dict[str, Points] = {}
    stand_ins: dict[str, tuple[str, ...]] = {}
