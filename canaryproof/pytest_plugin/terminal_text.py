"""Composes the terminal summary of a run. Causes come first, then their consequences, then the advice.

It does no input or output.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from canaryproof.analysis import container_log
from canaryproof.analysis.availability import by_service, outages
from canaryproof.checks.remarks import codes
from canaryproof.checks.results import CheckResult, RunResults, SubmissionResult
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import ContainerLog, Evidence, Observed, Probe
from canaryproof.system.progress import elapsed, one_line

FEW = 5
"""The largest number of submissions shown in full. In a larger class, an accepted submission takes one line."""
SURE = 3
"""The number of judged submissions from which on the remaining time is estimated."""
LONGEST_NAME = 40
COLOURS = {"ACCEPTED": "green", "REJECTED": "red", "ERROR": "yellow", "INCOMPLETE": "yellow"}


@dataclass(frozen=True)
class Line:
    """One paragraph. *text* is indented to stand beside *lead*, and only *lead* is coloured."""

    lead: str
    text: str = ""
    colour: str = ""

    def wrapped(self, width: int) -> tuple[str, ...]:
        """Return the paragraph as lines of at most *width* columns. Beside a long lead, at least 20 columns remain."""
        indent = " " * len(self.lead)
        room = max(width, len(self.lead) + 20)
        lines = textwrap.wrap(
            self.text,
            room,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,  # keep a path in one piece, so that it can be copied
            break_on_hyphens=False,
        )
        first, *others = lines or [""]
        return (self.lead + first[len(self.lead) :], *others)


def cluster_line(cluster: Cluster, helm: str, patience: float = 1) -> str:
    """Return the description of the cluster: ``embedded Kubernetes 1.37.2, 1 node, ready in 3.8 s · Helm 4.3.1``."""
    slow = f" · waiting {patience:g} times longer" if patience > 1 else ""
    nodes = f" {cluster.nodes} node{'' if cluster.nodes == 1 else 's'}," if cluster.nodes else ""
    return (
        f"{cluster.provider} Kubernetes {cluster.kubernetes},{nodes} ready in {cluster.ready_after:.1f} s"
        f" · Helm {helm} · {cluster.images} images{slow}{f' · {cluster.note}' if cluster.note else ''}"
        f"{f' · Services have no addresses: {one_line(cluster.lack)}' if cluster.lack else ''}"
    )


def standing(standings: Sequence[str], *, total: int, running: int, seconds: float, resumed: int = 0) -> str:
    """Return the progress of a class from the *standings* of the judged submissions after *seconds*.

    Of these, *resumed* come from an earlier run and are left out of the time estimate.
    """
    done = len(standings)
    said = [f"{done} done, {running} running", *([_counted(standings)] if standings else [])]
    if (tried := done - resumed) >= SURE and done < total:
        said.append(f"about {elapsed(seconds / tried * (total - done))} left")
    return " · ".join(said)


def summary(results: RunResults, evidence: Mapping[str, Evidence], kept: Mapping[str, Path]) -> Iterator[Line]:
    """Yield the summary of all submissions. *evidence* and *kept*, the kept pages, map submission names to values."""
    names = [one_line(each.name) for each in results.submissions]
    width = min(LONGEST_NAME, max(map(len, names), default=0))
    brief = len(names) > FEW
    told: dict[str, str] = {}
    yield from _faults(results.submissions)
    for name, result in zip(names, results.submissions, strict=True):
        yield _head(name.ljust(width), result)
        seen = evidence.get(result.name)
        if seen and seen.observed:
            yield from revisions(seen, seen.observed)
        elif result.verdict == "accepted":
            yield from phases(seen) if seen and not brief else ()
        elif result.verdict == "error":
            first = told.setdefault(result.reason, name.rstrip())
            yield Line("  ! ", one_line(result.reason) if first == name.rstrip() else f"as {first}", "yellow")
        yield from _causes(result)
        yield from _remarks(result, brief=brief)
        if page := kept.get(result.name):
            yield Line("  see: ", str(page))
    if brief:
        yield Line("", _tally(results.submissions))


def _faults(submissions: Sequence[SubmissionResult]) -> Iterator[Line]:
    """Yield the infrastructure faults of a class, which are shown first."""
    reasons = Counter(one_line(each.reason) for each in submissions if each.ended("error"))
    if len(submissions) > 1:
        for reason, count in reasons.most_common():
            yield Line("! ", f"{count} of {len(submissions)} submissions have no verdict: {reason}", "red")


def _head(name: str, result: SubmissionResult) -> Line:
    verdict = result.standing.upper()
    score = "not scored" if result.score is None else f"{result.score:g}/{result.max_score:g}"
    said = [score, *([f"{result.timings.total:.1f} s"] if result.timings.total else [])]
    said += [result.outcome] if result.verdict == "rejected" else []
    said += ["from the earlier run"] if result.resumed else []
    return Line(f"{name}   {verdict}   ", "   ".join(said), COLOURS[verdict])


def _causes(result: SubmissionResult) -> Iterator[Line]:
    """Yield the failed checks, then those that were skipped or not run because of them."""
    failed = result.ended("failed")
    width = max((len(each.check.id) for each in failed), default=0)
    for each in failed:
        yield from _failure(each, width)
    waiting: dict[str, list[str]] = {}
    for each in result.ended("skipped"):
        waiting.setdefault(one_line(each.judgement.message), []).append(each.check.id)
    for cause, ids in waiting.items():
        yield Line("  - skipped: ", f"{', '.join(ids)} ({cause})")
    unrun = sum(not each.was_run for each in result.checks)
    if failed and unrun:
        yield Line("  - not run: ", f"{unrun} of {len(result.checks)} checks")


def _remarks(result: SubmissionResult, *, brief: bool) -> Iterator[Line]:
    """Yield one line per remark. In a large class, yield one line with all codes."""
    if brief and result.remarks:
        yield Line("  i remarks: ", ", ".join(codes(result.remarks)), "cyan")
    for each in () if brief else result.remarks:
        yield Line("  i remark: ", f"{each.code}: {each.message}", "cyan")


def _failure(result: CheckResult, width: int) -> Iterator[Line]:
    judgement, lead = result.judgement, f"  x {result.check.id.ljust(width)}   "
    yield Line(lead, one_line(judgement.message), "red")
    if judgement.where:
        yield Line(" " * len(lead), one_line(judgement.where))
    if judgement.hint:
        yield Line(" " * len(lead) + "try: ", one_line(judgement.hint), "cyan")


def phases(evidence: Evidence) -> Iterator[Line]:
    """Yield one line for each of the three steps of an experiment."""
    timings = evidence.timings
    yield _phase("1 install", timings.install, "stable ready")
    yield _phase("2 upgrade", timings.upgrade, one_line(evidence.decision.reason))
    if (said := last_words(evidence.logs)) and said != evidence.decision.cause.last_words:
        yield Line(" " * 23 + "| ", said)
    yield _phase("3 rollback", timings.rollback, f"canary gone after {timings.gone:.1f} s; {answers(evidence)}")


def revisions(evidence: Evidence, observed: Observed) -> Iterator[Line]:
    """Yield the role of each revision of a release that a user handled by hand."""
    roles = {
        observed.safe: "the stable app",
        observed.stable: "an earlier canary" if observed.target_has_canary else "the stable app",
        observed.canary: f"the canary: {one_line(evidence.decision.reason)}",
        observed.rollback: f"the rollback to revision {observed.stable}",
    }
    for revision, role in sorted((each, role) for each, role in roles.items() if each is not None):
        yield Line(f"  revision {revision}   ", role)


def _phase(name: str, seconds: float, text: str) -> Line:
    return Line(f"  {name.ljust(10)} {f'{seconds:.1f}'.rjust(5)} s   ", text)


def last_words(logs: Sequence[ContainerLog]) -> str:
    """Return the line that tells why a container ended, or an empty string."""
    said = (container_log.last_words(log.text) for log in sorted(logs, key=lambda each: not each.previous))
    return next(filter(None, said), "")


def answers(evidence: Evidence) -> str:
    """Return the availability of the stable Service: ``stable answered 52 of 52 requests``, and its longest outage."""
    services = by_service(evidence.probes)
    if len(services) <= 1:
        return f"stable answered {_answered(evidence.probes, evidence)}"
    return "; ".join(f"{service} answered {_answered(probes, evidence)}" for service, probes in services.items())


def _answered(probes: Sequence[Probe], evidence: Evidence) -> str:
    answered = sum(not each.error for each in probes)
    longest = max((each.seconds for each in outages(probes, evidence.time_limits)), default=0.0)
    outage = f", longest outage {longest:.1f} s" if longest else ""
    return f"{answered} of {len(probes)} requests{outage}"


def _tally(submissions: Sequence[SubmissionResult]) -> str:
    remarked = sum(bool(each.remarks) for each in submissions)
    return _counted([each.standing for each in submissions]) + (f"; {remarked} with remarks" if remarked else "")


def _counted(standings: Sequence[str]) -> str:
    return ", ".join(f"{standings.count(each)} {each}" for each in map(str.lower, COLOURS) if each in standings)
