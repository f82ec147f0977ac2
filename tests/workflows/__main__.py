"""``python -m tests.workflows``: lints the workflows and the GitHub Action. Fails if a linter reports anything.

actionlint checks the workflows, and gives their shell commands to shellcheck. It does not read the file of an action.
zizmor checks workflows and the action for security faults, and reads the shell commands of both. The shell commands of
the action go to shellcheck too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from canaryproof.cluster.embedded.toolchain import Machine
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import TerminalProgress
from canaryproof.timeouts import TimeLimits
from tests.workflows.actionlint import provide_actionlint

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"


def workflows() -> list[Path]:
    """Return the workflows of this repository, and those that the documentation shows."""
    return sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("docs/examples/workflows/*.yml")])


def shell_steps(action: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the commands of each Bash step of a composite action."""
    for step in yaml.safe_load(action.read_text(encoding="utf-8"))["runs"]["steps"]:
        if step.get("shell") == "bash":
            yield step["name"], step["run"]


def main() -> int:
    """Run the linters, and return 0 when none of them reports anything."""
    machine = Machine(TimeLimits())
    actionlint = provide_actionlint(cache_folder(os.environ), TerminalProgress(sys.stderr), machine)
    own = Path(sys.executable).parent
    files = [str(file.relative_to(ROOT)) for file in workflows()]
    codes = [
        _run([str(actionlint), f"-shellcheck={own / 'shellcheck'}", "-pyflakes=", *files]),
        _run([str(own / "zizmor"), "--offline", "--quiet", "--strict-collection", *files, ACTION.name]),
        *(_shellcheck(own / "shellcheck", name, commands) for name, commands in shell_steps(ACTION)),
    ]
    sys.stdout.write(f"{len(files)} workflows and {ACTION.name} linted\n")
    return 1 if any(codes) else 0


def _shellcheck(shellcheck: Path, name: str, commands: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{name}.sh")
        file.write_text(commands, encoding="utf-8")
        return _run([str(shellcheck), "--shell=bash", str(file)])


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
