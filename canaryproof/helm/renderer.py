"""Renders charts with ``helm template``, without a cluster. Renders charts of submissions in a sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.errors import InfrastructureError, SubmissionError, UnsafeError
from canaryproof.helm.chart_values import NO_VALUES, Values
from canaryproof.helm.helm_binary import LIMITS, NO_WAY_OUT, NOWHERE, PATH, SETTINGS, TRUSTED, Program
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Manifest
from canaryproof.model.rendered_yaml import parse
from canaryproof.system.sandbox import UNCONFINED, WORKING_DIRECTORY, Sandbox

VALUES_FOLDER = ".canaryproof-values"
"""The folder beside a chart in the sandbox with copies of the values files. No chart can have this name."""


@dataclass(frozen=True)
class Renderer:
    """Renders charts. Renders those of submissions in *sandbox*."""

    program: Program
    environment: Mapping[str, str] = field(repr=False)
    """The environment of Helm outside of the sandbox, without a cluster."""
    sandbox: Sandbox

    def require_sandbox(self) -> None:
        """Raise InfrastructureError when Helm does not run in the sandbox."""
        if not self.sandbox.is_active:
            return
        try:
            self.program.run(
                ["version"],
                timeout=self.program.time_limits.command,
                environment=self._seen_in(self.sandbox),
                can_reach=False,
                folder=Path(os.sep),
                sandbox=self.sandbox,
            )
        except SubmissionError as error:
            raise InfrastructureError(
                f"{self.program.binary} does not run in the sandbox in which submissions are rendered: {error}; give"
                " --helm a Helm that is one executable file, not a script that starts another"
            ) from error

    def template(
        self,
        release: str,
        chart: Path,
        namespace: str,
        *,
        values: Values = NO_VALUES,
        upgrade: bool = False,
        kubernetes: str = "",
        trusted: bool = False,
    ) -> Rendering:
        """Render a chart with *values* without a cluster, for an install, or with *upgrade* for an upgrade.

        *kubernetes* is the version of Kubernetes that the chart sees. Empty for Helm's default.

        The result includes the definitions in ``crds``. An upgrade does not apply them, but they show what the author
        intends. The result excludes objects that only ``helm test`` creates. Helm's ``--skip-tests`` would exclude all
        test hooks, even those that an upgrade runs because they are upgrade hooks too.

        Helm runs in the sandbox unless the chart is *trusted*. The scenario's own charts are trusted. They can be in
        folders that the sandbox cannot read.

        Raises UnsafeError when rendering exceeds a limit of time, memory or output.
        """
        sandbox = UNCONFINED if trusted else self.sandbox
        place = Path(WORKING_DIRECTORY, chart.name) if sandbox.is_active else chart
        given = (_beside(chart, values) if sandbox.is_active else values).options
        command = ["template", release, str(place), "--namespace", namespace, "--include-crds", *given]
        command += ["--is-upgrade"] if upgrade else []
        command += ["--kube-version", kubernetes] if kubernetes else []
        try:
            text = self.program.run(
                command,
                timeout=self.program.time_limits.render,
                environment=self._seen_in(sandbox),
                chart=place,
                can_reach=False,
                folder=chart.parent if sandbox.is_active else None,
                sandbox=sandbox,
                limits=TRUSTED if trusted else LIMITS,
            )
        except UnsafeError:
            raise
        except SubmissionError as error:
            return Rendering(error=error.message, hint=error.hint)
        return _parsed(text)

    def definitions(self, chart: Path) -> tuple[Manifest, ...]:
        """Return the objects in the ``crds`` folders of a trusted chart and its dependencies, which are no templates.

        The result is empty if Helm cannot read the chart, or a definition is not well-formed.
        """
        try:
            return parse(self.show("crds", chart))
        except SubmissionError:
            return ()

    def show(self, what: str, chart: Path) -> str:
        """Return the output of ``helm show`` about a trusted chart, such as its default values.

        Raises SubmissionError with Helm's message when the chart cannot be read.
        """
        return self.program.run(
            ["show", what, str(chart)],
            timeout=self.program.time_limits.render,
            environment=self._seen_in(UNCONFINED),
            chart=chart,
            can_reach=False,
            limits=TRUSTED,
        )

    def _seen_in(self, sandbox: Sandbox) -> Mapping[str, str]:
        """Return the environment for rendering, without a cluster and credentials, and in a sandbox without folders."""
        if sandbox.is_active:
            return {"PATH": PATH, "HOME": NOWHERE, **SETTINGS, **NO_WAY_OUT}
        return {**self.environment, **NO_WAY_OUT}


def _parsed(text: str) -> Rendering:
    try:
        return Rendering(tuple(each for each in parse(text) if not each.is_test))
    except UnsafeError:
        raise
    except SubmissionError as error:
        return Rendering(error=error.message, hint=error.hint, cause=error.cause, rendered=True)


def _beside(chart: Path, values: Values) -> Values:
    """Copy the files of *values* to a folder beside *chart*, and return the values as a sandboxed Helm finds them."""
    folder = chart.parent / VALUES_FOLDER
    copies = [f"{number}.yaml" for number, _ in enumerate(values.files, 1)]
    if copies:
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    for name, file in zip(copies, values.files, strict=True):
        shutil.copyfile(file, folder / name)
        (folder / name).chmod(0o644)
    return replace(values, files=tuple(Path(WORKING_DIRECTORY, VALUES_FOLDER, name) for name in copies))
