"""Implements the commands that read charts and scenario files without a cluster: ``plan`` and ``init``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import kubernetes_minors
from canaryproof.cluster.lending import ClusterOptions, helm_of
from canaryproof.cluster.selection import Choice
from canaryproof.errors import UsageError
from canaryproof.helm.chart_repository import fetch_all, missing_charts
from canaryproof.helm.verbs import Helm
from canaryproof.planning.chart_survey import Surveyor
from canaryproof.planning.plan_text import lines
from canaryproof.planning.release_plan import Planner
from canaryproof.planning.scenario_writer import scenario_lines
from canaryproof.pytest_plugin.option_table import DEFAULT_SUBMISSION, OPTIONS
from canaryproof.scenario.scenario_file import UPCOMMERCE, default_file, load_scenario
from canaryproof.scenario.scenario_of_run import Additions, scenario_of_run, values_files
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.discovery import Submission, find_submissions
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.paths import chart_cache
from canaryproof.system.progress import TerminalProgress
from canaryproof.system.sandbox import UNCONFINED
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


def print_plan(options: argparse.Namespace) -> int:
    """Print the plan of a scenario for each submission."""
    here = Path.cwd()
    options = with_environment(options, os.environ)
    scenario = _scenario(options, here)
    submissions = _submissions(options, scenario)
    with helm_without_cluster(options, sandboxed=scenario.submits_charts) as helm:
        _fetch(scenario, helm.binary, options.limits)
        planner = Planner(scenario, helm.renderer, options.limits, f"v{kubernetes_minors()[0]}.0")
        for number, submission in enumerate(submissions):
            with planner.plan(submission) as plan:
                print(*([""] if number else []), *lines(plan, here), sep="\n")
    return 0


def with_environment(options: argparse.Namespace, environment: Mapping[str, str]) -> argparse.Namespace:
    """Return *options* with the values of ``CANARYPROOF_*`` variables for the flags that are not given.

    Only ``--patience`` has no variable here: these commands wait for no cluster.
    """
    said = {
        each.name: environment[each.variable].split(each.separator) if each.several else environment[each.variable]
        for each in OPTIONS
        if environment.get(each.variable)
    }
    values = vars(options) | {
        "paths": options.paths or [Path(each) for each in said.get("submissions", ())],
        "set": options.set or said.get("set"),
        "values": options.values or said.get("values"),
    }
    for name in ("scenario", "helm", "toolchain"):
        if not values[name] and name in said:
            values[name] = Path(str(said[name]))
    return argparse.Namespace(**values)


def write_scenario(options: argparse.Namespace) -> int:
    """Write a scenario file for a chart. A file that exists is never changed."""
    file: Path = options.output
    if file.exists():
        raise UsageError(f"{file} exists already; name another file with --output, or delete it")
    with helm_without_cluster(options) as helm, scratch() as folder:
        values = tuple(Path(each).absolute() for each in options.values or ())
        survey = Surveyor(helm, options.chart.absolute(), values, folder).survey()
    text = "\n".join(scenario_lines(survey, file.absolute().parent)) + "\n"
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    load_scenario(file)
    print(f"canaryproof wrote {file}; run canaryproof plan to look at the plan, and canaryproof check to rehearse it")
    return 0


@contextmanager
def helm_without_cluster(options: argparse.Namespace, *, sandboxed: bool = False) -> Iterator[Helm]:
    """Yield Helm, which is built if there is none. Charts are rendered in a sandbox if *sandboxed* is true."""
    limits: TimeLimits = options.limits
    wanted = ClusterOptions(helm=options.helm, toolchain=options.toolchain, patience=limits.patience)
    binary = helm_of(Choice("existing"), wanted, os.environ, TerminalProgress(sys.stderr))
    with scratch() as home:
        sandbox = sandbox_available(limits) if sandboxed else UNCONFINED
        yield Helm(binary, home, Path(os.devnull), "", time_limits=limits, sandbox=sandbox)


def _scenario(options: argparse.Namespace, here: Path) -> Scenario:
    own = options.scenario is None and default_file(here) != UPCOMMERCE
    values = values_files(options.values or (), here, "--values")
    added = Additions(values, tuple(options.set or ()), names_submission=bool(options.paths), own_file=own)
    return scenario_of_run(load_scenario(options.scenario or default_file(here)), added, chart_cache(os.environ))


def _submissions(options: argparse.Namespace, scenario: Scenario) -> tuple[Submission, ...]:
    if options.paths and not scenario.submits_charts:
        raise UsageError("the scenario file names the chart of the canary; leave PATH out, or delete canary.chart")
    if not scenario.submits_charts:
        return (own_submission(scenario),)
    return find_submissions(options.paths or [Path(DEFAULT_SUBMISSION)], chart_name=scenario.release)


def _fetch(scenario: Scenario, helm: Path, time_limits: TimeLimits) -> None:
    if missing := missing_charts(scenario):
        fetch_all(missing, helm, os.environ, time_limits, TerminalProgress(sys.stderr).step)
