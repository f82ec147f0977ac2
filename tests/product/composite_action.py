"""Runs the shell steps of a composite GitHub Action in the environment that a runner gives them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_Outputs = dict[str, dict[str, str]]
"""The outputs of the steps by id."""
_CONDITIONS: Mapping[str | None, Callable[[bool, _Outputs], bool]] = {
    None: lambda failed, _: not failed,
    "${{ always() }}": lambda _failed, _outputs: True,
    "${{ !cancelled() && steps.check.outputs.exit-code != '' }}": lambda _, outputs: "exit-code" in outputs["check"],
}
"""The conditions of steps, by their text: whether a step runs, given whether one has failed, and all outputs."""
_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""The command with which a runner starts ``shell: bash``."""


@dataclass
class Run:
    """The result of one run of an action."""

    code: int = 0
    """The exit code of the first step that failed, or 0."""
    text: str = ""
    """The output of all shell steps."""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    used: list[dict[str, str]] = field(default_factory=list)
    """The inputs of each step that uses another action, with the name of that action under ``uses``."""


@dataclass
class Action:
    """A composite action, and the folder in which its steps run."""

    file: Path
    folder: Path
    temporary: Path

    def run(self, **inputs: str) -> Run:
        """Run the steps with *inputs*, by name with ``_`` in the place of ``-``.

        Steps that use other actions are not run.
        """
        action = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        given = {name: str(each.get("default", "")) for name, each in action["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() == action["inputs"].keys(), "an input that the action does not have"
        run = Run()
        outputs: _Outputs = {step["id"]: {} for step in action["runs"]["steps"] if "id" in step}
        for number, step in enumerate(action["runs"]["steps"]):
            if not _CONDITIONS[step.get("if")](run.code != 0, outputs):
                continue
            if "uses" in step:
                values = {name: _evaluated(value, given, outputs) for name, value in step["with"].items()}
                run.used.append({"uses": step["uses"], **values})
                continue
            wanted = {name: _evaluated(value, given, outputs) for name, value in step.get("env", {}).items()}
            outputs[step.get("id", str(number))] = self._step(step, wanted, run)
        run.outputs = {name: _evaluated(each["value"], given, outputs) for name, each in action["outputs"].items()}
        return run

    def _step(self, step: Mapping[str, Any], wanted: Mapping[str, str], run: Run) -> dict[str, str]:
        """Run a shell step. Add its results to *run*, and return its outputs."""
        assert step["shell"] == "bash"
        script, output, summary = (self.temporary / name for name in ("step.sh", "output", "summary"))
        script.write_text(step["run"], encoding="utf-8")
        output.write_text("")
        summary.write_text("")
        runners = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.file.parent),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self.temporary),
        }
        done = subprocess.run(
            [*_SHELL, str(script)],
            cwd=self.folder,
            env={**os.environ, **runners, **wanted},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        run.code = run.code or done.returncode
        run.text += done.stdout
        run.summary += summary.read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())


def _evaluated(value: object, inputs: Mapping[str, str], outputs: Mapping[str, Mapping[str, str]]) -> str:
    """Return *value* with the expressions that read an input, or an output of a step, replaced by their values."""

    def value_of(match: re.Match[str]) -> str:
        if name := match["input"]:
            return inputs[name]
        return outputs[match["step"]].get(match["output"], "")

    expression = r"\$\{\{ (?:inputs\.(?P<input>[\w-]+)|steps\.(?P<step>\w+)\.outputs\.(?P<output>[\w-]+)) \}\}"
    text = re.sub(expression, value_of, str(value))
    assert "${{" not in text, f"an expression that this program cannot evaluate: {text}"
    return text
