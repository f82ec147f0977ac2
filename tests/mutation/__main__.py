"""``python -m tests.mutation``: runs mutmut over a copy of the code, and fails where too many mutants survive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.mutation.survey import LEAST, Survey, read_survey
from tests.mutation.workspace import ROOT, prepare

FOLDER = ROOT / ".mutation"
"""Where mutmut works, and where ``mutmut browse`` shows its results afterwards."""


def main() -> int:
    """Change the code in all ways that mutmut knows, and return 0 where the tests notice enough of them."""
    prepare(FOLDER)
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([str(mutmut), "run"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    survey = read_survey(FOLDER)
    sys.stdout.write(told(survey))
    return 0 if survey.is_enough else 1


def told(survey: Survey) -> str:
    """Return the survivors that nobody has explained, and the figures, for people."""
    equivalent = len(survey.survivors) - len(survey.unexplained)
    killed = survey.mutants - len(survey.survivors)
    return "\n".join(
        (
            *(f"survived: {each}" for each in survey.unexplained),
            *(f"equivalent.toml explains no survivor by: {each.text}: {each.reason}" for each in survey.outdated),
            f"{survey.mutants} mutants: {killed} killed, {equivalent} equivalent, {len(survey.unexplained)} survived",
            f"the unit tests kill {survey.percent:.1f} % of those that are not equivalent; {LEAST} % are required",
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
