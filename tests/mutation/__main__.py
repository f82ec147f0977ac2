"""``python -m tests.mutation [PACKAGE ...]``: runs mutmut over copies of packages, and fails for too many survivors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.survey import LEAST, Survey, read_survey
from tests.mutation.workspace import PACKAGES, ROOT, prepare

FOLDER = ROOT / ".mutation"
"""The folder with mutmut's working copy of each package. ``mutmut browse`` there shows the results afterwards."""


def main(packages: Sequence[str]) -> int:
    """Run mutmut on *packages*, and return 0 when the tests detect enough of the mutants."""
    mutmut = Path(sys.executable).with_name("mutmut")
    for package in packages:
        prepare(FOLDER / package, package)
        subprocess.run([str(mutmut), "run"], cwd=FOLDER / package, check=True, stdout=subprocess.DEVNULL)
    surveys = [read_survey(FOLDER / package, package) for package in packages]
    sys.stdout.write("\n".join(map(told, surveys)))
    return 0 if all(survey.is_enough for survey in surveys) else 1


def told(survey: Survey) -> str:
    """Return the unexplained survivors and the figures as text."""
    equivalent = len(survey.survivors) - len(survey.unexplained)
    killed, left = survey.mutants - len(survey.survivors), len(survey.unexplained)
    return "\n".join(
        (
            *(f"survived: {each}" for each in survey.unexplained),
            *(f"equivalent.toml explains no survivor by: {each.text}: {each.reason}" for each in survey.outdated),
            f"{survey.package}: {survey.mutants} mutants, {killed} killed, {equivalent} equivalent, {left} survived",
            f"its unit tests kill {survey.percent:.1f} % of those that are not equivalent; {LEAST} % are required",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or tuple(PACKAGES)))
