"""Words what was found; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from canaryproof.doctor.diagnosis import Finding, works

Findings = Mapping[str, tuple[Finding, ...]]


def report(found: Findings, auto: str) -> Iterator[str]:
    """Yield the lines: each provider, what it lacks, and how to close each gap; last, what ``auto`` takes."""
    width = max(map(len, found))
    for provider, findings in found.items():
        yield f"{provider.ljust(width)}   {_verdict(findings)}"
        for finding in sorted(findings, key=lambda each: not each.stops):
            yield f"  {'x' if finding.stops else '-'} {finding.problem}"
            yield f"      {finding.remedy}"
    yield ""
    yield f"--cluster auto: {auto}"


def _verdict(findings: tuple[Finding, ...]) -> str:
    if not works(findings):
        return "does not work here"
    return "works, with remarks" if findings else "works"


def exit_code(found: Findings) -> int:
    """Return 0 when at least one provider works, else 1."""
    return 0 if any(works(findings) for findings in found.values()) else 1
