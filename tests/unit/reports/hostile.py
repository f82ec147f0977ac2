"""Text that tries to act as markup, a formula or a control sequence in the reports."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.checks.registry import Check
from canaryproof.checks.results import Judgement, SubmissionResult, grade
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import (
    ContainerLog,
    Decision,
    Evidence,
    Observed,
    Probe,
    Rendering,
    Revision,
    Setting,
    Step,
    Timings,
)
from canaryproof.model.objects import Manifest
from canaryproof.model.rendered_yaml import parse
from tests.unit.stories import CANARY, CANARY_DEPLOYMENT, STABLE, Story, because, rendering

HTML = "</title></script></style><script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:0'>\"x' y"
TEMPLATE = "{{ 7*7 }}{% raw %}"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\r\x08\u202egnp\x00"
WORKFLOW = "::error::owned\n##[error]owned\n::stop-commands::x"
MARKDOWN = (
    "![x](http://evil.example/x) [y](javascript:0) <b>z</b> @all #1 https://evil.example www.evil.example `c` ~~d~~"
)
FENCES = "```\n# out\n````\n<script>"
FORMULA = "=HYPERLINK(1)"
TABLE = "|cell|"
ALL = "\n".join([HTML, TEMPLATE, TERMINAL, WORKFLOW, MARKDOWN, FENCES, FORMULA, TABLE])  # noqa: FLY002 - reads as a list

DECLARED = (
    Check("passes", "It passes", points=2),
    Check("canary-outcome", "It crash-loops", hint=ALL),
    Check("waits", "It waits", needs=("canary-outcome",)),
    Check("breaks", "It breaks"),
)
CRASHED = (
    Story()
    .at(2.0)
    .pod()
    .at(2.5)
    .running()
    .at(3.0)
    .ended(1)
    .at(3.1)
    .running()
    .at(3.5)
    .ended(1)
    .at(3.6)
    .waiting("CrashLoopBackOff")
    .at(4.5)
    .deleting()
    .at(5.0)
    .gone()
)
EVIDENCE = Evidence(
    "shop",
    "class/shop",
    Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in"),
    namespace="sre-shop",
    baseline=rendering(STABLE),
    chart=rendering(STABLE + CANARY_DEPLOYMENT),
    canary=CANARY,
    decision=Decision("crash-loop", because("it crash-loops"), 3.6, 3.5, ("exit code 1",)),
    install=Step("helm install", 0.1, 0.5),
    upgrade=Step("helm upgrade", 1.5, 1.9),
    rollback=Step("helm rollback", 4.0, 4.3),
    history=(Revision(1, "superseded", "Install complete"), Revision(3, "deployed", "Rollback to 1")),
    timeline=CRASHED.timeline,
    settled_at=1.4,
    restored_at=4.6,
    gone_at=5.0,
    ended_at=6.0,
    probes=tuple(Probe(1.5 + number / 10, 0.01) for number in range(40)),
    logs=(ContainerLog("one", "canary", previous=True, text="starting\n  bad flag\n"),),
    timings=Timings(1.3, 0.4, 1.7, 0.3, 0.7, 6.0),
)
"""The evidence of a successful experiment."""


BY_HAND = replace(EVIDENCE, observed=Observed(1, 2, 3, "superseded", gaps={"waits": Cause(code="not-watched")}))
"""The same evidence from a release that a user handled by hand. One check cannot be judged."""


def remarkable(evidence: Evidence = EVIDENCE, text: str = "false") -> Evidence:
    """Return *evidence* of a canary that runs *text*, mounts programs and adds a Job. All names are *text*."""
    (canary,) = parse(CANARY_DEPLOYMENT)
    canary.body["metadata"]["name"] = text
    canary.body["spec"]["template"]["spec"] = {
        "containers": [
            {"name": text, "image": text, "command": [text, "a b"], "volumeMounts": [{"name": "v", "mountPath": text}]}
        ],
        "volumes": [{"name": "v", "configMap": {"name": text, "defaultMode": 0o755}}],
    }
    job = Manifest({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": text}})
    chart = Rendering((*evidence.chart.manifests, canary, job))
    return replace(evidence, chart=chart, canary=replace(CANARY, name=text))


def hostile_evidence(text: str = ALL) -> Evidence:
    """Return evidence that contains *text* in every place that a submission controls."""
    story = CRASHED.at(5.5).event("BackOff", text).at(5.6).pod(text).at(5.7).waiting(text, text, pod=text)
    said = replace(
        EVIDENCE,
        name=text,
        source=text,
        chart=rendering(
            STABLE + CANARY_DEPLOYMENT.replace("name: main", "name: main\n          env: [{name: A, value: XYZ}]")
        ),
        canary=replace(CANARY, name=text, source=text, images=(text,)),
        decision=replace(EVIDENCE.decision, cause=because(text), proof=(text,)),
        history=(Revision(1, text, text, text),),
        timeline=story.timeline,
        probes=(Probe(1.5, 0.1, text), *EVIDENCE.probes),
        logs=(ContainerLog(text, text, previous=True, text=text),),
    )
    return replace(remarkable(said, text), canary=said.canary)


def judged(evidence: Evidence | None, *, failed: str = "", error: str = "", name: str = "shop") -> SubmissionResult:
    """Return a result with one failed check and one that ended with an error."""
    judgements = {
        "passes": Judgement("passed"),
        "canary-outcome": Judgement("failed", failed, failed, failed) if failed else Judgement("passed"),
        "waits": Judgement("skipped", f"needs canary-outcome, which failed {failed}")
        if failed
        else Judgement("passed"),
        "breaks": Judgement("error", error) if error else Judgement("passed"),
    }
    named = evidence.name if evidence else name
    return grade(named, named, declared=DECLARED, judgements=judgements, evidence=evidence)
