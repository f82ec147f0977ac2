"""One experiment: install the course's chart, upgrade to the submission, watch the canary, roll back, look again.

It always ends in Evidence, and it judges nothing.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from canaryproof.analysis.applied import as_applied
from canaryproof.analysis.availability import is_certain
from canaryproof.analysis.canary import find_canary
from canaryproof.analysis.chart_traits import insists_on, may_take_long
from canaryproof.analysis.infrastructure import foreign_images, out_of_reach, shortage
from canaryproof.analysis.leftovers import descendants, key_in, last_deletion
from canaryproof.analysis.outcome import decide, with_last_words
from canaryproof.analysis.stable_state import Stable, stable_of, unready
from canaryproof.errors import InfrastructureError, SubmissionError, UnsafeError, WaitError
from canaryproof.experiment import confinement, tenancy
from canaryproof.experiment.admission_probe import Fence
from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.cleanup_check import Aftermath
from canaryproof.experiment.inspection import Inspection, ViolationError
from canaryproof.experiment.network_policy import network_policy
from canaryproof.experiment.prober import Prober
from canaryproof.experiment.reservations import PortTakenError, Turns, taken_by_chance
from canaryproof.experiment.slots import Place, Places
from canaryproof.helm import releases
from canaryproof.helm.verbs import Helm, Operation
from canaryproof.kube.client import KubeClient
from canaryproof.kube.lease import RUN_LABEL
from canaryproof.kube.recorder import WATCHED, Recorder, Recording
from canaryproof.kube.resources import NETWORK_POLICIES, RESOURCE_QUOTAS, SECRETS, Resource
from canaryproof.model.causes import Cause, Code
from canaryproof.model.chart_source import read_texts
from canaryproof.model.evidence import (
    Canary,
    ContainerLog,
    Decision,
    Evidence,
    OutcomeName,
    Rendering,
    Revision,
    Setting,
    Step,
    Timings,
    Unanswered,
    rendering_failure,
)
from canaryproof.model.evidence_redaction import SecretValues, bodies_of, without_secrets, without_secrets_in_log
from canaryproof.model.kubernetes_text import meaning
from canaryproof.model.objects import BODIES, Body, Manifest, ObjectKey, integer_at, mapping_at
from canaryproof.model.registries import Registries
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.refusal_sentences import describe_refusals
from canaryproof.redaction import Redactor
from canaryproof.scenario import Course
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.chart_safety import Policy, Refusal, check_chart, node_ports
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.fingerprint import fingerprint
from canaryproof.submissions.static_chart import freeze, require_no_rights
from canaryproof.system.sandbox import UNCONFINED, Sandbox
from canaryproof.system.wait import Heartbeat, Ticks, wait_for
from canaryproof.timeouts import TimeLimits

Found = TypeVar("Found")

SERVICE_ACCOUNT = ObjectKey("ServiceAccount", "default")
DEPLOYMENTS = next(each for each in WATCHED if each.kind == "Deployment")
ENDED = tuple(each for kind in ("Deployment", "ReplicaSet", "Pod") for each in WATCHED if each.kind == kind)
"""In this order, so that nobody makes new ones."""
SLUG_LENGTH = 40
"""Of the 63 characters that a namespace may have."""
SILENCES = 3
"""So many times what the stable app took to start may pass without news before nothing is taken to happen."""
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
    places: Places
    """At work."""
    room: Places
    """In the cluster, with pods there; what only waits has left its place, and none of its room."""
    turns: Turns
    """At what only one experiment can have at a time."""
    confined: bool
    """Whether upgrades are made by somebody who has no rights outside of the namespace; else charts are frozen."""
    fence: Fence
    doomed: Callable[[], str | None]
    """Why no experiment can go on: the cluster failed, or the run is being ended."""
    durations: TimeLimits
    sandbox: Sandbox = UNCONFINED
    """For the process that parses what was handed in."""
    redactor: Redactor = field(default_factory=Redactor)
    """Removes the credentials of the cluster and of this process from what is kept."""
    registries: Registries | None = None
    """The only ones that images are pulled from; None where the cluster has rules of its own."""


def run_experiment(submission: Submission, bench: Bench) -> Evidence:
    """Try *submission* once; its namespace is gone, or going, afterwards.

    Faults of the cluster or the tools end up in ``Evidence.fault``; only Ctrl-C and the like are raised.
    """
    while True:
        experiment = _Experiment(submission, bench)
        try:
            with bench.places.place() as place:
                experiment.perform(place)
        except PortTakenError:
            continue  # nothing was tried yet, and it does not happen twice
        except (InfrastructureError, WaitError, OSError) as error:  # a full disk is an OSError, and nobody's fault
            experiment.note(fault=_fault(error, bench))
        return without_secrets(experiment.evidence, experiment.redactor)


def _fault(error: Exception, bench: Bench) -> str:
    """Return why an experiment could not go on: a component's end is told moments after its connections are gone."""
    if isinstance(error, InfrastructureError):
        with suppress(WaitError):
            return wait_for("fault of the cluster", bench.doomed, within=bench.durations.last_words, changes=Ticks())
    return " ".join(str(error).split())


class RefusedError(UnsafeError):
    """Objects of the chart must not be applied."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        """Keep the facts."""
        super().__init__(describe_refusals(refusals))
        self.refusals = refusals


class _Experiment:
    """The steps, and the evidence as far as they have come."""

    def __init__(self, submission: Submission, bench: Bench) -> None:
        identity = fingerprint(submission, bench.course, bench.setting)
        self.evidence = Evidence(submission.name, submission.source, bench.setting, identity)
        self.secrets = SecretValues()
        self._submission = submission
        self._bench = bench
        self._release = bench.course.release

    @property
    def redactor(self) -> Redactor:
        """Return what removes all secrets that are known so far."""
        return self.secrets.redactor(self._bench.redactor)

    def note(self, **fields: Any) -> None:
        """Add to the evidence."""
        self.evidence = replace(self.evidence, **fields)

    def perform(self, place: Place) -> None:
        """Take a copy of the chart, render it, find a namespace, and go through the steps there, at work at *place*."""
        own, turns = self._bench.course.namespace, self._bench.turns
        namespace = namespace_for(own, self._submission.name)
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(self._copy())
                chart = self._render(folder, namespace)
                if insists_on(own, chart, self.evidence.files):
                    with place.aside():
                        stack.enter_context(turns.in_namespace(own))
                    namespace, chart = own, self._render(folder, own)
            except SubmissionError as refused:
                self._refuse(refused)
                return
            self.note(namespace=namespace, chart=chart)
            if chart.error:
                self.note(decision=Decision("broken-chart", rendering_failure(chart)))
                return
            if not self._bench.confined:
                require_no_rights(chart.manifests)
            hurry = namespace == own or may_take_long(chart, self._bench.baseline.rendered(namespace))
            stack.enter_context(self._room(place, hurry=hurry))
            if node_ports(chart.manifests):
                with place.aside():
                    stack.enter_context(turns.with_ports(chart.manifests))
            recording = stack.enter_context(self._bench.recorder.open(namespace))
            stack.enter_context(self._namespace(namespace, recording))
            if not self._bench.confined:
                folder = freeze(folder, chart.manifests, folder.parent / "frozen" / folder.name)
            _Trial(self, self._bench, recording, namespace, place).perform(folder)

    @contextmanager
    def _room(self, place: Place, *, hurry: bool) -> Iterator[None]:
        """Wait for room in the cluster; what is in a *hurry* may take long, or others wait for its namespace."""
        place.leave()
        with self._bench.room.place(ahead=hurry):
            if hurry:
                place.take()
            else:
                place.let_pass()
            yield

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        bench = self._bench
        with clean_copy(self._submission, bench.course.release, bench.durations, bench.doomed, bench.sandbox) as folder:
            self.note(files=read_texts(folder))
            yield folder

    def _render(self, chart: Path, namespace: str) -> Rendering:
        """Render the submission; raise UnsafeError when something of it must not be applied."""
        bench = self._bench
        rendering = bench.helm.renderer.template(
            self._release, chart, namespace, upgrade=True, kubernetes=bench.setting.kubernetes
        )
        self.secrets.learn(bodies_of(rendering.manifests))
        if refusals := self.refused(rendering, namespace):
            raise RefusedError(refusals)
        return rendering

    def refused(self, rendering: Rendering, namespace: str) -> tuple[Refusal, ...]:
        """Return what of *rendering* must not be applied in *namespace*."""
        return check_chart(rendering.manifests, self._policy(namespace))

    def _policy(self, namespace: str) -> Policy:
        """Return what a chart may have in *namespace* on this cluster."""
        setting = self._bench.setting
        return Policy(
            namespaces=(namespace, self._bench.course.namespace),
            namespaced=self._is_namespaced,
            shared_cluster=setting.provider not in tenancy.OWN_CLUSTERS,
            nodes=setting.nodes,
        )

    def _is_namespaced(self, manifest: Manifest) -> bool | None:
        resource = self._bench.client.resource(manifest.api_version, manifest.kind)
        return resource.namespaced if resource else None

    def _refuse(self, error: SubmissionError) -> None:
        outcome: OutcomeName = "unsafe-chart" if isinstance(error, UnsafeError) else "broken-chart"
        refusals = error.refusals if isinstance(error, RefusedError) else ()
        code: Code = "chart-refused" if outcome == "unsafe-chart" else "no-chart"
        cause = Cause(code=code, detail="" if refusals else error.message)
        self.note(
            chart=Rendering(error=error.message, hint=error.hint),
            decision=Decision(outcome, cause, refusals=refusals),
        )

    @contextmanager
    def _namespace(self, name: str, recording: Recording) -> Iterator[None]:
        uid = self._bench.client.create_namespace(name, {RUN_LABEL: self._bench.run, **confinement.LABELS})
        if uid is None:
            raise InfrastructureError(f"namespace {name} exists already: somebody else made it; try again")
        try:
            for resource, body in self._tenancy(name):
                self._bench.client.create(resource, body, name)
            yield
        finally:
            with suppress(InfrastructureError):  # a cluster that is gone has no namespaces left
                if name == self._bench.course.namespace or self.evidence.violation:
                    self._clear(name, recording)
                self._bench.client.delete_namespace(name, uid)

    def _tenancy(self, namespace: str) -> Iterator[tuple[Resource, Body]]:
        """Yield the objects that keep the release in its namespace."""
        bench = self._bench
        if policy := network_policy(bench.setting.provider, bench.setting.nodes):
            yield NETWORK_POLICIES, policy
        if bench.confined:
            yield from tenancy.rights(namespace, confinement.user_of(namespace), self.evidence.chart.manifests)
        yield from tenancy.limits(bench.setting.nodes)  # last: what is there before costs no write of a quota

    def _clear(self, namespace: str, recording: Recording) -> None:
        """End the pods of a namespace that others wait for, or that must not go on.

        A namespace with pods that have a grace period ends no sooner than half of that later, however soon they do
        (kube-controller-manager, ``namespace_controller.go``): 16 s.
        """
        found = recording.timeline.objects
        with suppress(InfrastructureError):  # on a cluster that does not allow it, it takes longer
            for resource in ENDED:
                for key in found:
                    if key.kind == resource.kind:
                        self._bench.client.delete_now(resource, key.name, namespace)


class _Trial:
    """The steps that take place in the namespace of an experiment."""

    def __init__(
        self, experiment: _Experiment, bench: Bench, recording: Recording, namespace: str, place: Place
    ) -> None:
        self._experiment = experiment
        self._bench = bench
        self._durations = bench.durations
        self._release = bench.course.release
        self._recording = recording
        self._namespace = namespace
        self._place = place
        self._quiet = math.inf
        """After how many seconds without news another experiment may have the place."""
        self._stable = Stable((), ())
        self._prober: Prober | None = None
        self._changes = Heartbeat(recording.changes, bench.durations.look_again)
        self._user = confinement.user_of(namespace) if bench.confined else ""
        self._inspection = Inspection(
            bench.client, self._release, namespace, lambda applied: experiment.refused(applied, namespace)
        )

    @property
    def _evidence(self) -> Evidence:
        return self._experiment.evidence

    def _note(self, **fields: Any) -> None:
        self._experiment.note(**fields)

    def perform(self, chart: Path) -> None:
        """Go through all steps; what was seen until then is kept however they end."""
        try:
            self._install()
            with self._probing():
                self._upgrade(chart)
                self._observe()
                self._take_logs()
                self._await_answer(self._evidence.decision.at or 0.0)
                self._roll_back()
                self._await_answer(self._evidence.rollback.ended if self._evidence.rollback else 0.0)
            if lack := shortage(self._recording.timeline):
                raise InfrastructureError(describe(lack))
        except ViolationError as error:
            at = self._recording.now
            cause = Cause(code="release-violation", known=error.cause)
            decision = Decision("unsafe-chart", cause, at=at, proven_at=at)
            self._note(violation=error.violation, decision=decision)
            self._inspection.let_go(self._evidence.chart.manifests)
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
        self._experiment.secrets.learn(bodies_of(baseline.manifests))
        self._note(baseline=baseline, added=finding.added, canary=finding.canary)
        if finding.decision:
            self._note(decision=finding.decision)
        self._wait(
            "ServiceAccount/default",
            lambda: SERVICE_ACCOUNT in self._recording.timeline.objects or None,
            within=self._durations.namespace,
        )
        self._wait("ResourceQuota at work", self._is_counting, within=self._durations.namespace)
        self._bench.fence.prove(self._namespace, self._user)
        install = self._step(
            lambda: self._bench.helm.install(self._release, self._bench.course.baseline, self._namespace)
        )
        self._note(install=install)
        if install.error:
            raise InfrastructureError(f"the course's own chart could not be installed: {install.error}")
        self._learn_secrets(baseline)
        self._inspection.after_install()
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
            seen=lambda: str(self._visit() or "an answer"),
        )
        self._note(settled_at=self._recording.now)
        # A busy cluster is silent for longer, and has no room for more: it is as slow as it was to start stable.
        self._quiet = max(self._durations.quiet, SILENCES * (self._recording.now - install.ended))

    def _is_counting(self) -> bool | None:
        """Report whether the quotas are at work: the API server refuses what they limit until it was counted once."""
        quotas = [BODIES.decode(each) for each in self._bench.client.list(RESOURCE_QUOTAS, self._namespace).items]
        return (bool(quotas) and all(mapping_at(each, "status", "used") for each in quotas)) or None

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

    def _visit(self) -> Unanswered | None:
        """Ask the stable Service once; return why it did not answer, None when it did or there is none."""
        for service, port in self._stable.services:
            return self._bench.client.visit(self._namespace, service, port)
        return None

    def _upgrade(self, chart: Path) -> None:
        """Upgrade to the submission; what Helm refuses is decided by that."""
        manifests = self._evidence.chart.manifests
        self._bench.turns.await_ports(manifests, self._namespace)
        upgrade = self._step(lambda: self._bench.helm.upgrade(self._release, chart, self._namespace, user=self._user))
        upgrade = replace(upgrade, error=confinement.in_plain_words(upgrade.error, self._unknown(manifests)))
        if taken_by_chance(upgrade.error, manifests):
            raise PortTakenError(upgrade.error)
        self._note(upgrade=upgrade)
        self._inspect(upgrade)
        if upgrade.error and self._evidence.canary:
            why = meaning("refused", upgrade.error)
            cause = Cause(code="upgrade-failed", detail=upgrade.error, why=why)
            self._note(decision=Decision("refused", cause, at=upgrade.ended, proven_at=upgrade.ended))

    def _inspect(self, upgrade: Step) -> None:
        """Go on with what Helm has applied, not with what the chart rendered to before.

        Raises ViolationError when that is nothing that a submission may do.
        """
        if applied := self._inspection.after_upgrade(succeeded=upgrade.succeeded):
            self._experiment.secrets.learn(bodies_of(applied.manifests))
            self._experiment.evidence = as_applied(self._evidence, applied)
            self._inspection.vet(applied)
        self._inspection.require_room((upgrade.error, *self._recording.timeline.messages))

    def _learn_secrets(self, rendering: Rendering) -> None:
        """Learn the Secrets that are in the namespace now: templates make up passwords, and programs make Secrets."""
        with suppress(InfrastructureError):  # an account that must not list them; those that are rendered are known
            items = self._bench.client.list(SECRETS, self._namespace).items
            found = ({"kind": SECRETS.kind, **BODIES.decode(item)} for item in items)
            others = [each for each in found if each.get("type") != releases.TYPE]
            self._experiment.secrets.learn(others, among=bodies_of(rendering.manifests))

    def _unknown(self, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
        known = self._bench.client.resource
        return (each for each in manifests if known(each.api_version, each.kind) is None)

    def _observe(self) -> None:
        """Watch until the fate of the canary is certain."""
        canary, upgrade = self._evidence.canary, self._evidence.upgrade
        if canary is None or upgrade is None or upgrade.error:
            return
        stand_ins = self._bench.course.stand_ins if self._bench.setting.images == "stand-in" else ()
        canary = replace(canary, foreign=foreign_images(canary, stand_ins))
        decision = self._wait(
            f"fate of {canary.deployment}",
            lambda: decide(self._recording.timeline, canary, upgrade.ended, self._recording.now, self._durations),
            within=self._durations.observation_extended + self._durations.request,
        )
        self._note(canary=canary, decision=replace(decision, at=self._recording.now))
        if lack := out_of_reach(decision, canary, self._recording.timeline, self._bench.registries):
            raise InfrastructureError(describe(lack))

    def _take_logs(self) -> None:
        """Keep the last words of the canary's containers: the rollback takes them away."""
        canary = self._evidence.canary
        if canary is None:
            return
        wanted = tuple(self._containers(canary))
        if wanted:
            self._learn_secrets(self._evidence.chart)
            with ThreadPoolExecutor(len(wanted), "logs") as pool:
                taken = tuple(log for log in pool.map(self._log, wanted) if log.text)
            redactor = self._experiment.redactor
            logs = tuple(without_secrets_in_log(log, redactor) for log in taken)
            self._note(logs=logs, decision=with_last_words(self._evidence.decision, logs))

    def _containers(self, canary: Canary) -> Iterator[tuple[str, str, bool]]:
        family = descendants(self._recording.timeline, [ObjectKey("Deployment", canary.deployment)])
        pods = [each for each in self._recording.timeline.live("Pod") if each.key.local in family]
        for pod in pods[:LOGGED_PODS]:
            for container in pod.containers:
                for previous in (True, False):
                    yield pod.name, container.name, previous

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
        self._inspection.require_room(self._recording.timeline.messages)
        self._inspection.before_rollback()
        rollback = self._step(lambda: self._bench.helm.rollback(self._release, 1, self._namespace, user=self._user))
        self._note(rollback=rollback)
        generations = {name: self._generation(name) for name in self._stable.deployments}
        aftermath = Aftermath(
            client=self._bench.client,
            recording=self._recording,
            namespace=self._namespace,
            added=_added_objects(self._evidence, self._namespace),
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
            gone_at = last_deletion(self._recording.timeline, aftermath.family)
            self._note(gone_at=max(rollback.ended, gone_at or 0.0))

    def _history(self) -> tuple[Revision, ...]:
        records = self._bench.client.list(SECRETS, self._namespace, releases.selector(self._release))
        return releases.history(records.items)

    def _generation(self, deployment: str) -> int:
        return integer_at(self._bench.client.get(DEPLOYMENTS, deployment, self._namespace), "metadata", "generation")

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
        """Wait, and let another experiment work as soon as nothing happens in this one."""

        def look_or_leave() -> Found | None:
            found = look()
            if found is None and self._recording.quiet >= self._quiet:
                self._place.leave()
            return found

        found = wait_for(
            what, look_or_leave, within=within, changes=self._changes, doomed=self._bench.doomed, seen=seen
        )
        self._place.take()
        return found

    def _unready(self, generations: Mapping[str, int] | None = None) -> str:
        cause = unready(self._recording.timeline, self._stable, generations or {})
        return describe(cause) if cause else ""


def namespace_for(prefix: str, name: str) -> str:
    """Return a namespace that nobody has yet: *prefix*, *name* as far as namespaces allow, and four random digits."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:SLUG_LENGTH].strip("-") or "submission"
    return f"{prefix}-{slug}-{secrets.token_hex(2)}"


def timings_of(evidence: Evidence) -> Timings:
    """Return the seconds of each phase that *evidence* got to."""
    install, upgrade, rollback = evidence.install, evidence.upgrade, evidence.rollback
    return Timings(
        install=_between(install.began if install else None, evidence.settled_at),
        upgrade=upgrade.seconds if upgrade else 0.0,
        outcome=_between(upgrade.ended if upgrade else None, evidence.decision.at),
        rollback=rollback.seconds if rollback else 0.0,
        gone=_between(rollback.ended if rollback else None, evidence.gone_at),
        total=evidence.ended_at or 0.0,
    )


def _between(began: float | None, ended: float | None) -> float:
    """Return the seconds between two times; 0 where one of them never was."""
    return 0.0 if began is None or ended is None else max(0.0, ended - began)


def _added_objects(evidence: Evidence, namespace: str) -> dict[ObjectKey, Manifest]:
    """Return what the upgrade added as rendered, by keys as seen from *namespace*."""
    manifests = (manifest for manifest in evidence.chart.manifests if manifest.key in evidence.added)
    return {key_in(namespace, manifest): manifest for manifest in manifests}
