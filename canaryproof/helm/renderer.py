"""Renders charts with ``helm template``, without a cluster; those of submissions in a sandbox."""

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
    """Renders charts; those of submissions in *sandbox*."""

    program: Program
    environment: Mapping[str, str] = field(repr=False)
    """What Helm gets to see outside of the sandbox, without a cluster."""
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
        """Render a chart without asking the cluster, for an upgrade or an install, as for API version *kubernetes*.

        The definitions in ``crds`` are rendered as well: an upgrade does not apply them, but they say what is meant.
        Objects that only ``helm test`` creates are left out.  (Helm's ``--skip-tests`` leaves out all tests, also those
        that an upgrade runs, because they are hooks of upgrades as well.)

        It happens in the sandbox, unless the chart is *trusted*: that of the course may lie where nobody can read it.

        Raises UnsafeError when rendering takes more time, memory or output than it may.
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
        """Return what Helm gets to see when it only renders: no cluster, no credentials; no folder in a sandbox."""
        if sandbox.is_active:
            return {"PATH": PATH, "HOME": NOWHERE, **SETTINGS, **NO_WAY_OUT}
        return {**self.environment, **NO_WAY_OUT}
