"""One experiment: install the course's chart, upgrade to the submission, watch the canary, roll back, look again.

It always ends in Evidence, and it judges nothing.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from canaryproof import releases
from canaryproof.aftermath import Aftermath
from canaryproof.availability import is_certain
from canaryproof.baseline import Baseline
from canaryproof.canary import find_canary
from canaryproof.course import Course
from canaryproof.durations import Durations
from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.evidence import (
    Canary,
    ContainerLog,
    Decision,
    Evidence,
    Rendering,
    Revision,
    Setting,
    Step,
    Timings,
)
from canaryproof.helm import Helm, Operation
from canaryproof.intake import Submission
from canaryproof.kube import NAMESPACES, SECRETS, KubeClient
from canaryproof.manifests import Body, ObjectKey
from canaryproof.outcome import decide, with_last_words
from canaryproof.presence import RUN_LABEL
from canaryproof.probing import Prober
from canaryproof.recording import WATCHED, Recorder, Recording
from canaryproof.settling import (
    Stable,
    descendants,
    is_going,
    key_in,
    last_deletion,
    live,
    stable_of,
    unready,
)
from canaryproof.texts import read_texts
from canaryproof.waiting import Heartbeat, Ticks, wait_for

Found = TypeVar("Found")

SERVICE_ACCOUNT = ObjectKey("ServiceAccount", "default")
DEPLOYMENTS = next(each for each in WATCHED if each.kind == "Deployment")
SLUG_LENGTH = 40
"""Of the 63 characters that a namespace may have."""
LOGGED_PODS = 3
LOG_LINES, LOG_BYTES = 40, 16_384


@dataclass(frozen=True)
class Bench:
    """What experiments share: the assignment, the cluster and the tools."""

    course: Course
    client: KubeClient
    helm: Helm
    baseline: Baseline
    recorder: Recorder
    run: str
    """Marks the namespaces of this run: the value of the label ``canaryproof/run``."""
    setting: Setting
    """What the evidence says it was recorded on; charts may ask for its version of Kubernetes."""
    alone: threading.Lock
    """Held by the one experiment that uses the course's own namespace."""
    doomed: Callable[[], str | None]
    """Why no experiment can go on: the cluster failed, or the run is being ended."""
    durations: Durations


def run_experiment(submission: Submission, bench: Bench) -> Evidence:
    """Try *submission* once; its namespace is gone, or going, afterwards.

    Faults of the cluster or the tools end up in ``Evidence.fault``; only Ctrl-C and the like are raised.
    """
    experiment = _Experiment(submission, bench)
    try:
        experiment.perform()
    except (InfrastructureError, WaitError) as error:
        experiment.note(fault=" ".join(str(error).split()))
    return experiment.evidence


class _Experiment:
    """The steps, and the evidence as far as they have come."""

    def __init__(self, submission: Submission, bench: Bench) -> None:
        self.evidence = Evidence(submission.name, submission.source, bench.setting)
        self._submission = submission
        self._bench = bench
        self._release = bench.course.release

    def note(self, **fields: Any) -> None:
        """Add to the evidence."""
        self.evidence = replace(self.evidence, **fields)

    def perform(self) -> None:
        """Render, find a namespace, and go through the steps there."""
        own = self._bench.course.namespace
        namespace = namespace_for(own, self._submission.name)
        chart = self._render_submission(namespace)
        with ExitStack() as stack:
            if names_namespace(chart, own):
                stack.enter_context(self._alone_in(own))
                namespace, chart = own, self._render_submission(own)
            self.note(namespace=namespace, chart=chart, files=read_texts(self._submission.chart))
            if chart.error:
                self.note(decision=Decision("broken-chart", f"the chart does not render: {chart.error}"))
                return
            recording = stack.enter_context(self._bench.recorder.open(namespace))
            stack.enter_context(self._namespace(namespace))
            _Trial(self, self._bench, recording, namespace).perform(self._submission)

    def _render_submission(self, namespace: str) -> Rendering:
        if self._submission.problem:
            return Rendering(error=self._submission.problem)
        return self._bench.helm.template(
            self._release, self._submission.chart, namespace, upgrade=True, kubernetes=self._bench.setting.kubernetes
        )

    @contextmanager
    def _alone_in(self, namespace: str) -> Iterator[None]:
        """Wait for the course's own namespace: until no other experiment uses it, and the last one's is gone."""
        lock, bench = self._bench.alone, self._bench
        wait_for(
            f"turn in namespace {namespace}",
            lambda: lock.acquire(blocking=False) or None,
            within=bench.durations.turn,
            changes=Ticks(bench.durations.look_again),
            doomed=bench.doomed,
            seen=lambda: "another submission that uses it",
        )
        try:
            self._wait_for_no_namespace(namespace)
            yield
        finally:
            lock.release()

    def _wait_for_no_namespace(self, namespace: str) -> None:
        def foreign() -> str | None:
            body = self._bench.client.get(NAMESPACES, namespace)
            if body is None or is_going(body):
                return None
            return f"it exists already and is not this run's; kubectl delete namespace {namespace}"

        wait_for(
            f"free namespace {namespace}",
            lambda: self._bench.client.get(NAMESPACES, namespace) is None or None,
            within=self._bench.durations.gone,
            changes=Ticks(self._bench.durations.look_again),
            doomed=lambda: self._bench.doomed() or foreign(),
            seen=lambda: "the namespace, still terminating",
        )

    @contextmanager
    def _namespace(self, name: str) -> Iterator[None]:
        uid = self._bench.client.create_namespace(name, {RUN_LABEL: self._bench.run})
        if uid is None:
            raise InfrastructureError(f"namespace {name} exists already: somebody else made it; try again")
        try:
            yield
        finally:
            with suppress(InfrastructureError):  # a cluster that is gone has no namespaces left
                self._bench.client.delete_namespace(name, uid)


class _Trial:
    """The steps that take place in the namespace of an experiment."""

    def __init__(self, experiment: _Experiment, bench: Bench, recording: Recording, namespace: str) -> None:
        self._experiment = experiment
        self._bench = bench
        self._durations = bench.durations
        self._release = bench.course.release
        self._recording = recording
        self._namespace = namespace
        self._stable = Stable((), ())
        self._prober: Prober | None = None
        self._changes = Heartbeat(recording.changes, bench.durations.look_again)

    @property
    def _evidence(self) -> Evidence:
        return self._experiment.evidence

    def _note(self, **fields: Any) -> None:
        self._experiment.note(**fields)

    def perform(self, submission: Submission) -> None:
        """Go through all steps; what was seen until then is kept however they end."""
        try:
            self._install()
            with self._probing():
                self._upgrade(submission)
                self._observe()
                self._take_logs()
                self._await_answer(self._evidence.decision.at)
                self._roll_back()
                self._await_answer(self._evidence.rollback.ended if self._evidence.rollback else 0.0)
        finally:
            self._note(timeline=self._recording.timeline, ended_at=self._recording.now)
            self._note(timings=timings_of(self._evidence))

    def _install(self) -> None:
        """Install the course's chart and wait until its pods serve."""
        baseline = self._bench.baseline.rendered(self._namespace)
        if baseline.error:
            raise InfrastructureError(f"the course's own chart does not render: {baseline.error}")
        finding = find_canary(baseline, self._evidence.chart)
        self._stable = stable_of(baseline.manifests)
        self._note(baseline=baseline, added=finding.added, canary=finding.canary)
        if finding.decision:
            self._note(decision=finding.decision)
        self._wait(
            "ServiceAccount/default", lambda: SERVICE_ACCOUNT in self._live() or None, within=self._durations.namespace
        )
        install = self._step(
            lambda: self._bench.helm.install(self._release, self._bench.course.baseline, self._namespace)
        )
        self._note(install=install)
        if install.error:
            raise InfrastructureError(f"the course's own chart could not be installed: {install.error}")
        self._wait(
            "ready stable app",
            lambda: None if self._unready() else True,
            within=self._durations.settle,
            seen=self._unready,
        )
        self._wait(
            "answer of the stable Service",
            lambda: None if self._visit() else True,
            within=self._durations.settle,
            seen=self._visit,
        )
        self._note(settled_at=self._recording.now)

    @contextmanager
    def _probing(self) -> Iterator[None]:
        """Ask the stable Service for as long as the block lasts."""
        if not self._stable.services:
            yield
            return
        prober = Prober(self._visit, now=lambda: self._recording.now, every=self._durations.probe_every)
        self._prober = prober
        try:
            with prober:
                yield
        finally:
            self._note(probes=prober.probes)
        if prober.fault:
            raise InfrastructureError(f"the stable Service could not be asked: {prober.fault}")

    def _await_answer(self, since: float) -> None:
        """Go on asking until the stable Service answers, or is silent for too long: a moment says neither."""
        prober = self._prober
        if prober is None:
            return
        prober.ask()
        self._wait(
            "answer of the stable Service, or its lasting silence",
            lambda: is_certain(prober.probes, since, self._durations) or None,
            within=self._durations.settle,
            seen=lambda: prober.fault or f"{len(prober.probes)} requests",
        )

    def _visit(self) -> str:
        """Ask the stable Service once; return why it did not answer, empty when it did or there is none."""
        for service, port in self._stable.services:
            return self._bench.client.visit(self._namespace, service, port)
        return ""

    def _upgrade(self, submission: Submission) -> None:
        """Upgrade to the submission; what Helm refuses is decided by that."""
        upgrade = self._step(lambda: self._bench.helm.upgrade(self._release, submission.chart, self._namespace))
        self._note(upgrade=upgrade)
        if upgrade.error and self._evidence.canary:
            reason = f"the upgrade failed: {upgrade.error}"
            self._note(decision=Decision("refused", reason, at=upgrade.ended, proven_at=upgrade.ended))

    def _observe(self) -> None:
        """Watch until the fate of the canary is certain."""
        canary, upgrade = self._evidence.canary, self._evidence.upgrade
        if canary is None or upgrade is None or upgrade.error:
            return
        decision = self._wait(
            f"fate of {canary.deployment}",
            lambda: decide(self._recording.timeline, canary, upgrade.ended, self._recording.now, self._durations),
            within=self._durations.observation_extended + self._durations.request,
        )
        self._note(decision=replace(decision, at=self._recording.now))

    def _take_logs(self) -> None:
        """Keep the last words of the canary's containers: the rollback takes them away."""
        canary = self._evidence.canary
        if canary is None:
            return
        wanted = tuple(self._containers(canary))
        if wanted:
            with ThreadPoolExecutor(len(wanted), "logs") as pool:
                logs = tuple(log for log in pool.map(self._log, wanted) if log.text)
            self._note(logs=logs, decision=with_last_words(self._evidence.decision, logs))

    def _containers(self, canary: Canary) -> Iterator[tuple[str, str, bool]]:
        family = descendants(self._recording.timeline, [ObjectKey("Deployment", canary.deployment)])
        pods = [body for key, body in self._live().items() if key.kind == "Pod" and key in family]
        for pod in pods[:LOGGED_PODS]:
            for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
                for previous in (True, False):
                    yield pod["metadata"]["name"], container["name"], previous

    def _log(self, wanted: tuple[str, str, bool]) -> ContainerLog:
        pod, container, previous = wanted
        text = ""
        with suppress(InfrastructureError):  # an explanation that is missing; the experiment goes on
            text = self._bench.client.logs(
                self._namespace, pod, container, previous=previous, lines=LOG_LINES, size=LOG_BYTES
            )
        return ContainerLog(pod, container, previous, text)

    def _roll_back(self) -> None:
        """Return to revision 1, and watch until the canary is gone and stable holds."""
        rollback = self._step(lambda: self._bench.helm.rollback(self._release, 1, self._namespace))
        self._note(rollback=rollback)
        generations = {name: self._generation(name) for name in self._stable.deployments}
        aftermath = Aftermath(
            client=self._bench.client,
            recording=self._recording,
            namespace=self._namespace,
            added=_added_bodies(self._evidence, self._namespace),
            unready=lambda: self._unready(generations),
        )
        self._note(history=self._history())
        try:
            self._wait(
                "end of the canary and healthy stable app",
                lambda: aftermath.look(self._durations.hold) or None,
                within=self._durations.gone,
                seen=aftermath.seen,
            )
        except WaitError:
            if reason := self._bench.doomed():
                raise InfrastructureError(reason) from None
        self._note(restored_at=aftermath.restored_at, leftovers=aftermath.leftovers())
        aftermath.let_go()
        if not aftermath.left:
            self._note(gone_at=max(rollback.ended, last_deletion(self._recording.timeline, aftermath.family)))

    def _history(self) -> tuple[Revision, ...]:
        records = self._bench.client.list(SECRETS, self._namespace, releases.selector(self._release))
        return releases.history(records.items)

    def _generation(self, deployment: str) -> int:
        body = self._bench.client.get(DEPLOYMENTS, deployment, self._namespace) or {"metadata": {}}
        return int(body["metadata"].get("generation", 0))

    def _step(self, operate: Callable[[], Operation]) -> Step:
        began = self._recording.now
        operation = operate()
        return Step(operation.command, began, self._recording.now, operation.error)

    def _wait(
        self,
        what: str,
        look: Callable[[], Found | None],
        *,
        within: float,
        seen: Callable[[], str] = lambda: "nothing",
    ) -> Found:
        return wait_for(what, look, within=within, changes=self._changes, doomed=self._bench.doomed, seen=seen)

    def _live(self) -> dict[ObjectKey, Body]:
        return live(self._recording.timeline)

    def _unready(self, generations: Mapping[str, int] | None = None) -> str:
        return unready(self._live(), self._stable, generations or {})


def namespace_for(prefix: str, name: str) -> str:
    """Return a namespace that nobody has yet: *prefix*, *name* as far as namespaces allow, and four random digits."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:SLUG_LENGTH].strip("-") or "submission"
    return f"{prefix}-{slug}-{secrets.token_hex(2)}"


def names_namespace(chart: Rendering, namespace: str) -> bool:
    """Report whether a chart insists on *namespace*, whatever Helm is told."""
    own = ObjectKey("Namespace", namespace)
    return any(manifest.namespace == namespace or manifest.key == own for manifest in chart.manifests)


def timings_of(evidence: Evidence) -> Timings:
    """Return the seconds of each phase that *evidence* got to."""
    install, upgrade, rollback = evidence.install, evidence.upgrade, evidence.rollback
    return Timings(
        install=max(0.0, evidence.settled_at - install.began) if install else 0.0,
        upgrade=upgrade.seconds if upgrade else 0.0,
        outcome=max(0.0, evidence.decision.at - upgrade.ended) if upgrade else 0.0,
        rollback=rollback.seconds if rollback else 0.0,
        gone=max(0.0, evidence.gone_at - rollback.ended) if rollback else 0.0,
        total=evidence.ended_at,
    )


def _added_bodies(evidence: Evidence, namespace: str) -> dict[ObjectKey, Body]:
    """Return what the upgrade added as rendered, by keys as seen from *namespace*."""
    manifests = (manifest for manifest in evidence.chart.manifests if manifest.key in evidence.added)
    return {key_in(namespace, manifest): manifest.body for manifest in manifests}
