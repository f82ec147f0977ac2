"""Helm's verbs, nothing renamed and nothing combined; Helm 3 and 4 both."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from canaryproof.errors import InfrastructureError, SubmissionError
from canaryproof.helm.helm_binary import Program, environment_in
from canaryproof.helm.renderer import Renderer
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.sandbox import UNCONFINED, Sandbox
from canaryproof.timeouts import TimeLimits

VALIDATED_BY_SERVER = ("--disable-openapi-validation",)
"""Spares Helm 4 half of its work.  It applies on the server's side with ``fieldValidation=Strict`` and has the server
validate; all that is left to its own validation is to find out whether the server can, in 2 MB of OpenAPI documents.
What is refused, and in which words, stays the same.  Helm 3 validates by itself and needs them.
"""


@dataclass(frozen=True)
class Operation:
    """One call that changes a release: the command to show, and Helm's own words when it failed."""

    command: str
    error: str = ""


class Helm:
    """One Helm binary with folders and an environment of its own, aimed at one cluster; safe to use from many threads.

    Every verb raises InfrastructureError when Helm cannot be run or does not reach the API server.
    """

    def __init__(
        self,
        binary: Path,
        home: Path,
        kubeconfig: Path,
        context: str,
        *,
        time_limits: TimeLimits,
        doomed: Callable[[], str | None] = lambda: None,
        credentials: Mapping[str, str] = MappingProxyType({}),
        sandbox: Sandbox = UNCONFINED,
    ) -> None:
        """Keep everything that Helm writes under *home*; end what runs as soon as *doomed* gives a reason.

        *credentials* is the environment that a command of the kubeconfig needs, the user's own, where it has one.
        Charts of submissions are rendered in *sandbox*.
        """
        self.binary = binary
        self._program = Program(binary, time_limits, doomed)
        self._time_limits = time_limits
        self._version = ""
        self._environment = environment_in(home.resolve(), kubeconfig.resolve(), context, credentials)
        self.renderer = Renderer(self._program, environment_in(home.resolve(), Path(os.devnull), "", {}), sandbox)
        """Renders charts without the cluster."""

    @classmethod
    def on(
        cls,
        cluster: Cluster,
        binary: Path,
        home: Path,
        *,
        time_limits: TimeLimits,
        doomed: Callable[[], str | None] = lambda: None,
        sandbox: Sandbox = UNCONFINED,
    ) -> Self:
        """Return *binary*, aimed at *cluster*, which renders charts of submissions in *sandbox*."""
        aim = (cluster.kubeconfig, cluster.context)
        credentials = cluster.credentials
        return cls(binary, home, *aim, time_limits=time_limits, doomed=doomed, credentials=credentials, sandbox=sandbox)

    def version(self) -> str:
        """Return the version of the binary, ``4.3.1``; in a sandbox it must run too."""
        command = ("version", "--template", "{{.Version}}")
        try:
            said = self._program.run(command, timeout=self._time_limits.command, environment=self._environment)
        except SubmissionError as error:
            raise InfrastructureError(
                f"{self.binary} is not a Helm that runs: {error}; give --helm a Helm 3 or 4"
            ) from error
        self._version = said.strip().removeprefix("v")
        self.renderer.require_sandbox()
        return self._version

    def install(self, release: str, chart: Path, namespace: str, *, wait: bool = False) -> Operation:
        """Install *chart* as revision 1; return as soon as the objects are stored, or with *wait*, ready."""
        options = ("--wait",) if wait else ()
        return self._change(("install", release, chart), namespace, *options, hidden=self._validation)

    def upgrade(self, release: str, chart: Path, namespace: str, *, user: str = "") -> Operation:
        """Upgrade to *chart* with its own values only; return as soon as the objects are stored.

        Templates can look into the cluster while they are rendered, so Helm acts as *user*, where one is given.  Values
        have met their schema when the chart was rendered with no way out; here nothing keeps a schema from the network.
        """
        return self._change(
            ("upgrade", release, chart),
            namespace,
            "--reset-values",
            hidden=(*self._validation, "--skip-schema-validation", "--hide-notes"),
            user=user,
        )

    def rollback(self, release: str, revision: int, namespace: str, *, user: str = "") -> Operation:
        """Roll back to *revision*, which the caller names instead of trusting a default; as *user*, as above."""
        return self._change(("rollback", release, revision), namespace, user=user)

    @property
    def _validation(self) -> tuple[str, ...]:
        """Return the options for installs and upgrades of the version that is known."""
        return VALIDATED_BY_SERVER if self._version.startswith("4.") else ()

    def _change(
        self,
        verb: tuple[str | int | Path, ...],
        namespace: str,
        *options: str,
        hidden: tuple[str, ...] = (),
        user: str = "",
    ) -> Operation:
        """Run a verb with *options*, and some that are *hidden*: a person would do without them."""
        chart = next((each for each in verb if isinstance(each, Path)), None)
        shown = (f"./{each.name}" if isinstance(each, Path) else str(each) for each in verb)
        command = ["helm", *shown, "--namespace", namespace, *options]
        error, limit = "", self._time_limits.helm
        try:
            self._program.run(
                [*map(str, verb), "--namespace", namespace, *options, *hidden, f"--timeout={limit:g}s"],
                timeout=limit + self._time_limits.command,  # Helm ends first, and says what it waited for
                chart=chart,
                environment=self._environment,
                user=user,
            )
        except SubmissionError as refused:
            error = str(refused)
        return Operation(shlex.join(command), error)
