"""The experiments of a run. All of them are submitted before the first check reads any evidence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from canaryproof.checks.results import gap_in
from canaryproof.checks.waivers import waiver
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.experiments import open_runner
from canaryproof.experiment.runner import Runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.observe.observer import Observer
from canaryproof.pytest_plugin.markers import WaivedError, check_of_item
from canaryproof.pytest_plugin.parametrize import selected
from canaryproof.pytest_plugin.progress_display import announce, visible
from canaryproof.pytest_plugin.run_state import Ledger, ledger_of
from canaryproof.pytest_plugin.settings import Settings, settings_of
from canaryproof.pytest_plugin.terminal_text import cluster_line
from canaryproof.reports.reader import read_evidence
from canaryproof.reports.resume import unchanged
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.fingerprint import fingerprint

Trials = Mapping[str, Future[Evidence]]
"""The pending evidence by submission name."""


def opened(config: pytest.Config, cluster: Cluster, helm: Path) -> AbstractContextManager[Runner | Observer]:
    """Open the runner of the experiments, or with ``--observe`` the observer of a release that a user handled."""
    settings = settings_of(config)
    scenario, time_limits = settings.scenario, settings.time_limits
    if settings.observe:
        return Observer.open(cluster, scenario=scenario, helm=helm, time_limits=time_limits)
    return open_runner(cluster, scenario, helm, os.environ, parallel=settings.parallel, time_limits=time_limits)


def begin(session: pytest.Session, runner: Runner | Observer) -> Trials:
    """Submit all selected submissions to the runner, and return their pending evidence."""
    config, wanted = session.config, selected(session)
    ledger, settings = ledger_of(config), settings_of(config)
    if isinstance(runner, Runner):
        ledger.running = lambda: runner.running
    first, *_ = next(iter(wanted.values()))
    if ledger.cluster:
        announce(config, cluster_line(ledger.cluster, ledger.helm, settings.patience), before=first)
    ledger.resumed |= _unchanged(wanted, settings, ledger)
    if ledger.resumed:
        line = f"{len(ledger.resumed)} of {len(wanted)} submissions have not changed since the earlier run"
        announce(config, line, before=first)
    ledger.trials.update((each.name, runner.submit(each)) for each in wanted if each.name not in ledger.resumed)
    return ledger.trials


def _unchanged(submissions: Iterable[Submission], settings: Settings, ledger: Ledger) -> dict[str, Path]:
    """Return the flight records of submissions that have not changed since the earlier run, if the user resumes it."""
    setting = ledger.setting(settings.patience)
    if not settings.resume or not settings.report_dir or not setting:
        return {}
    return unchanged(submissions, settings.report_dir, lambda each: fingerprint(each, settings.scenario, setting))


def look_up(submission: Submission, config: pytest.Config) -> None:
    """Add the evidence of a submission to the ledger if it is available, also from an earlier run.

    Raises UsageError when the record of the earlier run cannot be read.
    """
    ledger, name = ledger_of(config), submission.name
    if name in ledger.evidence:
        return
    if record := settings_of(config).records.get(submission) or ledger.resumed.get(name):
        ledger.evidence[name] = read_evidence(record)
    elif (trial := ledger.trials.get(name)) and trial.done() and not trial.cancelled() and not trial.exception():
        ledger.evidence[name] = trial.result()


def evidence_of(submission: Submission, request: pytest.FixtureRequest) -> Evidence:
    """Return the evidence of the submission once its experiment has ended.

    Raises InfrastructureError when the infrastructure failed, because the evidence then proves nothing.
    """
    config, ledger, name = request.config, ledger_of(request.config), submission.name
    if not settings_of(config).records:
        request.getfixturevalue("canaryproof_trials")
    look_up(submission, config)
    if name in ledger.trials and name not in ledger.evidence:
        ledger.evidence[name] = _awaited(ledger.trials[name], name, config)
    seen = ledger.evidence[name]
    if seen.fault:
        raise InfrastructureError(describe(seen.fault), cause=seen.fault)
    if gap := _gap(seen, request.node):
        pytest.skip(gap)
    check = check_of_item(request.node)
    if check and (waived := waiver(check, settings_of(config).scenario, seen)):
        raise WaivedError(waived)
    return seen


def _awaited(trial: Future[Evidence], name: str, config: pytest.Config) -> Evidence:
    """Wait for an experiment, and show the progress if it has not ended yet."""
    if not trial.done():
        with visible(config) as progress, progress.step(f"trying {name}"):
            wait([trial])
    return trial.result()


def _gap(evidence: Evidence, test: pytest.Item) -> str:
    """Return the reason why the evidence is insufficient for the check, or an empty string."""
    check = check_of_item(test)
    gap = gap_in(evidence, check) if check else None
    return describe(gap) if gap else ""
