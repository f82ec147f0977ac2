"""The lines of the terminal summary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from canaryproof.checks.registry import Check
from canaryproof.checks.results import Judgement, RunResults, SubmissionResult, grade
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import ContainerLog, Decision, Evidence, Probe, Timings
from canaryproof.pytest_plugin.terminal_text import Line, answers, cluster_line, last_words, standing, summary
from tests.unit.reports.hostile import judged, remarkable
from tests.unit.stories import because

DECLARED = (Check("one", "One holds"), Check("another", "Another holds"))
PASSED = {"one": Judgement("passed"), "another": Judgement("passed")}
FAILED = {
    "one": Judgement("failed", "one is wrong", "mend it", "a.yaml:3"),
    "another": Judgement("failed", "so is two"),
}
EVIDENCE = Evidence("", "", decision=Decision("crash-loop", because("it crash-loops")), timings=Timings(total=5.4))


def result(name: str, judgements: dict[str, Judgement]) -> SubmissionResult:
    """Return the verdict on a submission."""
    return grade(name, name, declared=DECLARED, judgements=judgements, evidence=EVIDENCE)


def shown(*results: SubmissionResult, kept: dict[str, Path] | None = None) -> list[str]:
    """Return the lines of a summary on a wide terminal."""
    run = RunResults("", 1, None, results)
    evidence = {each.name: replace(EVIDENCE, name=each.name) for each in results}
    return [text for line in summary(run, evidence, kept or {}) for text in line.wrapped(200)]


def test_columns_line_up() -> None:
    """The columns are aligned: names and ids of failed checks are padded to the longest."""
    assert shown(result("a", PASSED), result("long-name", FAILED), kept={"long-name": Path("/kept")}) == [
        "a           ACCEPTED   2/2   5.4 s",
        "  1 install    0.0 s   stable ready",
        "  2 upgrade    0.0 s   it crash-loops",
        "  3 rollback   0.0 s   canary gone after 0.0 s; stable answered 0 of 0 requests",
        "long-name   REJECTED   0/2   5.4 s   crash-loop",
        "  x one       one is wrong",
        "              a.yaml:3",
        "              try: mend it",
        "  x another   so is two",
        "  see: /kept",
    ]


def test_many_submissions_are_told_briefly() -> None:
    """The summary of more than five submissions has one line per accepted one, explains the others, and counts all."""
    lines = shown(*(result(f"s{n}", PASSED) for n in range(5)), result("bad", FAILED), result("odd", {}))

    assert [line for line in lines if line.startswith("s")] == [f"s{n}    ACCEPTED   2/2   5.4 s" for n in range(5)]
    assert "  x one       one is wrong" in lines
    assert lines[-1] == "5 accepted, 1 rejected, 1 incomplete"


def test_an_error_hides_no_failure() -> None:
    """The summary shows a fault first, once for equal faults, and then the findings of the same submission."""
    odd = {"one": FAILED["one"], "another": Judgement("error", "etcd ended")}

    assert shown(result("a", odd), result("b", odd)) == [
        "! 2 of 2 submissions have no verdict: etcd ended",
        "a   ERROR   not scored   5.4 s",
        "  ! etcd ended",
        "  x one   one is wrong",
        "          a.yaml:3",
        "          try: mend it",
        "b   ERROR   not scored   5.4 s",
        "  ! as a",
        "  x one   one is wrong",
        "          a.yaml:3",
        "          try: mend it",
    ]


def test_remarks_are_told_below_the_verdict() -> None:
    """The summary shows each remark with its sentence. For many submissions it shows codes and a count."""
    remarked = replace(judged(remarkable()), name="odd")
    alone = shown(remarked)
    among = shown(*(result(f"s{n}", PASSED) for n in range(6)), remarked)

    assert alone[4].startswith("  i remark: program-replaced: container false starts a program that the chart chooses")
    assert sum(line.startswith("  i remark: ") for line in alone) == 3
    place = next(number for number, line in enumerate(among) if line.startswith("odd   ACCEPTED"))
    assert among[place + 1] == "  i remarks: program-replaced, program-mounted, workloads-added"
    assert among[-1] == "7 accepted; 1 with remarks"
    assert "remark" not in "".join(shown(result("a", PASSED), result("b", FAILED)))


def test_remarks_cannot_draw_on_the_terminal() -> None:
    """A container name with control characters in a remark cannot control the terminal."""
    lines = shown(judged(remarkable(text="\x1b[2J\nshop\a")))

    assert any("i remark" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_names_cannot_draw_on_the_terminal() -> None:
    """Control characters in a submission's name, message or place do not reach the terminal."""
    nasty = "\x1b[2J\nshop\a"

    lines = shown(result(nasty, {"one": Judgement("failed", nasty, nasty, nasty), "another": Judgement("passed")}))

    assert all(line.isprintable() for line in lines)


def test_a_long_text_hangs_beside_its_lead() -> None:
    """A long text is wrapped to the width and indented by its lead, and a path is not broken."""
    line = Line(
        "  x port   ", "no container declares containerPort 5003; seen: 5000 /a/very/long/path/that/goes/on/and/on"
    )

    assert line.wrapped(40) == (
        "  x port   no container declares",
        "           containerPort 5003; seen:",
        "           5000",
        "           /a/very/long/path/that/goes/on/and/on",
    )


def test_the_last_words_are_those_before_the_crash() -> None:
    """The last log line is that of the run that ended, not of the restarted one. Empty lines do not count."""
    logs = (
        ContainerLog("p", "c", previous=False, text="starting\n"),
        ContainerLog("p", "c", previous=True, text="starting\ncannot bind\n\n"),
    )

    assert last_words(logs) == "cannot bind"
    assert last_words(()) == ""


def test_requests_are_counted_with_the_longest_outage() -> None:
    """The summary counts the requests. The longest outage lasts from the first to the last consecutive failure."""
    probes = (Probe(1.0, 0.1), Probe(1.2, 0, "refused"), Probe(1.3, 0, "refused"), Probe(1.6, 0.1))

    assert answers(replace(EVIDENCE, probes=probes)) == "stable answered 2 of 4 requests, longest outage 0.1 s"
    assert answers(replace(EVIDENCE, probes=probes[:1])) == "stable answered 1 of 1 requests"


def test_the_cluster_is_one_line() -> None:
    """The cluster line names provider, size, start time, Helm and images."""
    cluster = Cluster("embedded", Path(), "", "1.37.2", 1, 2, "stand-in", 3.84)

    assert cluster_line(cluster, "4.3.1") == (
        "embedded Kubernetes 1.37.2, 1 node, ready in 3.8 s · Helm 4.3.1 · stand-in images"
    )


def test_a_cluster_without_service_addresses_says_so() -> None:
    """The cluster line gives the reason why the Services of the cluster have no addresses, as one line."""
    cluster = Cluster("embedded", Path(), "", "1.37.2", 1, 2, "stand-in", 3.84, lack="no nft\nhere")

    assert cluster_line(cluster, "4.3.1").endswith(" · Services have no addresses: no nft here")


def test_a_class_says_how_far_it_is() -> None:
    """The progress of a class states the finished and running submissions, their verdicts, and the estimated time."""
    judged = ["accepted"] * 30 + ["rejected"] * 6 + ["error"]

    said = standing(judged, total=100, running=8, seconds=74)

    assert said == "37 done, 8 running · 30 accepted, 6 rejected, 1 error · about 2 min 6 s left"


def test_a_class_that_has_just_begun_promises_nothing() -> None:
    """The progress of a class has no estimate for fewer than three verdicts, and none at the end."""
    assert standing([], total=100, running=8, seconds=2) == "0 done, 8 running"
    assert standing(["accepted"] * 2, total=100, running=8, seconds=9) == "2 done, 8 running · 2 accepted"
    assert standing(["accepted"] * 3, total=3, running=0, seconds=9) == "3 done, 0 running · 3 accepted"


def test_what_an_earlier_run_tried_does_not_promise_speed() -> None:
    """The estimate counts only the submissions that this run has tried."""
    said = standing(["accepted"] * 64, total=100, running=8, seconds=8, resumed=60)

    assert said.endswith("about 1 min 12 s left")
