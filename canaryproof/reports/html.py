"""The pages: one for each submission, and the class.  Each holds all that it needs, and may reach for nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from canaryproof.checks.remarks import NOTE, codes
from canaryproof.checks.remarks.remark_sentences import TITLES
from canaryproof.checks.results import RunResults, SubmissionResult
from canaryproof.model.evidence import Evidence, Setting
from canaryproof.reports.chronology import Picture
from canaryproof.reports.class_stats import overview
from canaryproof.reports.view_model import view
from canaryproof.system.plain_text import printable
from canaryproof.system.progress import cut, elapsed, one_line

REASON = 240
"""Columns of a reason in the list of all submissions."""
STATES = {"silent": "no answer", "waiting": "waiting for a node"}
"""The labels of states for which the picture has no more specific words."""
MOST_TICKS = 8
"""The maximum number of ticks on the time axis, which fit on a phone."""
TICKS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""Seconds from one line of the time axis to the next."""


@dataclass(frozen=True)
class Inline:
    """A style or a script of ours, and the digest by which the page's policy lets it through, and nothing else."""

    text: Markup
    digest: str


@dataclass(frozen=True)
class Row:
    """One line of the list of all submissions."""

    result: SubmissionResult
    link: str
    reason: str
    counts: str


def submission_page(
    result: SubmissionResult, evidence: Evidence | None, *, scenario: str, index: str = "../index.html"
) -> str:
    """Return the page of one submission; *index* is where the class is to be found from there, if anywhere."""
    setting = evidence.setting if evidence else None
    return _TEMPLATES.get_template("submission.html.j2").render(
        result=result,
        view=view(result, evidence),
        scenario=scenario,
        setting=setting_line(setting),
        index=index,
        script=None,
    )


def class_page(results: RunResults, links: Mapping[str, str], *, scenario: str) -> str:
    """Return the page of the whole class; *links* lead to the pages of the submissions, by their names."""
    return _TEMPLATES.get_template("index.html.j2").render(
        results=results,
        rows=[_row(each, links[each.name]) for each in results.submissions],
        overview=overview(results.submissions),
        scenario=scenario,
        setting=setting_line(results.setting),
        script=_inline("class.js"),
    )


def setting_line(setting: Setting | None) -> str:
    """Return on what a submission was tried: ``embedded Kubernetes 1.37.2, 1 node · Helm 4.3.1 · stand-in images``."""
    if setting is None:
        return "no cluster"
    nodes = f"{setting.nodes} node{'' if setting.nodes == 1 else 's'}"
    return (
        f"{setting.provider} Kubernetes {setting.kubernetes}, {nodes} · Helm {setting.helm} · {setting.images} images"
    )


def _row(result: SubmissionResult, link: str) -> Row:
    counts = Counter(each.status if each.was_run else "not run" for each in result.checks)
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    failed = ", ".join(each.check.id for each in result.ended("failed"))
    return Row(result, link, cut(result.reason, REASON), f"{words}; failed: {failed}" if failed else words)


def _percent(value: float, whole: float, least: float = 0.0) -> str:
    return f"{max(least, 100 * value / whole if whole else 0.0):.2f}".rstrip("0").rstrip(".") + "%"


def _seconds(value: float) -> str:
    return f"{value:.1f}\N{NO-BREAK SPACE}s"


def _points(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:g}"


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%d %B %Y, %H:%M").lstrip("0")


def _ticks(seconds: float) -> list[float]:
    step = next((each for each in TICKS if seconds / each <= MOST_TICKS), TICKS[-1])
    return [number * step for number in range(1 + math.floor(seconds / step))]


def _states(drawn: Picture) -> list[tuple[str, str]]:
    """Return the states that a picture shows, in the order they come, each with the words for it."""
    words: dict[str, list[str]] = {}
    for each in (*drawn.answers, *(each for lane in drawn.lanes for each in lane.stretches)):
        said = words.setdefault(each.state, [])
        if each.state == "stuck" and each.said not in said:
            said.append(each.said)
    return [(state, f"stuck: {', '.join(said)}" if said else STATES.get(state, state)) for state, said in words.items()]


def _clean(value: Any) -> Any:
    """Keep whatever is put on a page from turning the direction of the text, or holding what XML does not know."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(printable, value.split("\n")))
    return value


def _inline(name: str) -> Inline:
    """Return a style or a script without its indentation; its digest is of exactly what the page holds."""
    source = files(__package__).joinpath(name).read_text(encoding="utf-8")
    text = re.sub(r"\n\s*", "\n", source).strip()
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Inline(Markup(text), f"sha256-{digest}")  # noqa: S704 - our own file, which no text of others reaches


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.filters |= {
        "line": one_line,
        "percent": _percent,
        "seconds": _seconds,
        "points": _points,
        "day": _day,
        "duration": elapsed,
        "ticks": _ticks,
        "states": _states,
    }
    environment.filters["codes"] = codes
    environment.globals |= {"style": _inline("style.css"), "remark_note": NOTE, "remark_titles": TITLES}
    return environment


_TEMPLATES = _environment()
