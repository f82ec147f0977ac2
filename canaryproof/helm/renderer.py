"""Renders charts with ``helm template``, without a cluster. Renders charts of submissions in a sandbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.errors import InfrastructureError, SubmissionError, UnsafeError
from canaryproof.helm.helm_binary import NO_WAY_OUT, NOWHERE, PATH, SETTINGS, Program
from canaryproof.model.evidence import Rendering
from canaryproof.model.rendered_yaml import parse
from canaryproof.system.sandbox import UNCONFINED, WORKING_DIRECTORY, Sandbox


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
        upgrade: bool = False,
        kubernetes: str = "",
        trusted: bool = False,
    ) -> Rendering:
        """Render a chart without a cluster, for an install, or with *upgrade* for an upgrade.

        *kubernetes* is the version of Kubernetes that the chart sees. Empty for Helm's default.

        The result includes the definitions in ``crds``. An upgrade does not apply them, but they show what the author
        intends. The result excludes objects that only ``helm test`` creates. Helm's ``--skip-tests`` would exclude all
        test hooks, even those that an upgrade runs because they are upgrade hooks too.

        Helm runs in the sandbox unless the chart is *trusted*. The course's chart is trusted, because it can be in a
        folder that the sandbox cannot read.

        Raises UnsafeError when rendering exceeds a limit of time, memory or output.
        """
        sandbox = UNCONFINED if trusted else self.sandbox
        place = Path(WORKING_DIRECTORY, chart.name) if sandbox.is_active else chart
        command = ["template", release, str(place), "--namespace", namespace, "--include-crds"]
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
            )
        except UnsafeError:
            raise
        except SubmissionError as error:
            return Rendering(error=error.message, hint=error.hint)
        try:
            return Rendering(tuple(each for each in parse(text) if not each.is_test))
        except UnsafeError:
            raise
        except SubmissionError as error:
            return Rendering(error=error.message, hint=error.hint, cause=error.cause, rendered=True)

    def _seen_in(self, sandbox: Sandbox) -> Mapping[str, str]:
        """Return the environment for rendering, without a cluster and credentials, and in a sandbox without folders."""
        if sandbox.is_active:
            return {"PATH": PATH, "HOME": NOWHERE, **SETTINGS, **NO_WAY_OUT}
        return {**self.environment, **NO_WAY_OUT}
