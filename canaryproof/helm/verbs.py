"""Provides the verbs of Helm 3 and 4 under their own names, with one method for each verb."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from canaryproof.errors import InfrastructureError, SubmissionError
from canaryproof.helm.chart_values import NO_VALUES, Values
from canaryproof.helm.helm_binary import Program, environment_in
from canaryproof.helm.renderer import Renderer
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.sandbox import UNCONFINED, Sandbox
from canaryproof.timeouts import TimeLimits

VALIDATED_BY_SERVER = ("--disable-openapi-validation",)
"""The option for Helm 4 that disables its own validation, which is half of its work.

Helm 4 uses server-side apply with ``fieldValidation=Strict``, so the API server validates the objects. Helm's own
validation only finds out whether the server can do so, from 2 MB of OpenAPI documents. The option changes neither which
objects are refused nor the messages. Helm 3 validates by itself and needs the documents.
"""
RESET_VALUES = "--reset-values"
VALUES_OF_BEFORE = frozenset({RESET_VALUES, "--reuse-values", "--reset-then-reuse-values"})
"""The flags that say which values of the revision before an upgrade keeps. Without one, canaryproof resets them."""


@dataclass(frozen=True)
class Operation:
    """One call that changes a release: the command to show to users, and Helm's message if it failed."""

    command: str
    error: str = ""


class Helm:
    """A thread-safe interface to one Helm binary and one cluster. Helm gets its own folders and environment.

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
        """Configure Helm to write only below *home*.

        A running Helm is ended as soon as *doomed* returns a reason. *credentials* is the user's environment if the
        kubeconfig has a credentials command, which needs it, and otherwise empty. Charts of submissions are rendered in
        *sandbox*.
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
        """Return an interface to *binary* for *cluster*, which renders charts of submissions in *sandbox*."""
        aim = (cluster.kubeconfig, cluster.context)
        credentials = cluster.credentials
        return cls(binary, home, *aim, time_limits=time_limits, doomed=doomed, credentials=credentials, sandbox=sandbox)

    def version(self) -> str:
        """Return the version of the binary, such as ``4.3.1``.

        Raises InfrastructureError when the binary does not run, outside of the sandbox or in it.
        """
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

    def install(
        self,
        release: str,
        chart: Path,
        namespace: str,
        *,
        values: Values = NO_VALUES,
        flags: Sequence[str] = (),
        wait: bool = False,
    ) -> Operation:
        """Install *chart* as revision 1, with further *flags*. Return once the API server has stored the objects.

        With *wait*, return once the objects are ready.
        """
        options = ("--wait",) if wait and not any(each.startswith("--wait") for each in flags) else ()
        return self._change(
            ("install", release, chart), namespace, *options, *flags, values=values, hidden=self._validation
        )

    def upgrade(
        self,
        release: str,
        chart: Path,
        namespace: str,
        *,
        values: Values = NO_VALUES,
        flags: Sequence[str] = (),
        user: str = "",
        trusted: bool = False,
    ) -> Operation:
        """Upgrade to *chart* with its own and the given *values*, and with further *flags*.

        Return once the API server has stored the objects, unless one of the flags makes Helm wait.

        Templates can read from the cluster during rendering, so Helm impersonates *user* if given.

        Unless the chart is *trusted*, Helm skips the schema validation of values here, because a schema could refer to
        the network. The renderer has validated them before without access to the network.
        """
        reset = () if any(each.partition("=")[0] in VALUES_OF_BEFORE for each in flags) else (RESET_VALUES,)
        return self._change(
            ("upgrade", release, chart),
            namespace,
            *reset,
            *flags,
            values=values,
            hidden=(*self._validation, *(() if trusted else ("--skip-schema-validation",)), "--hide-notes"),
            user=user,
        )

    def rollback(
        self, release: str, revision: int, namespace: str, *, flags: Sequence[str] = (), user: str = ""
    ) -> Operation:
        """Roll back to *revision*, always explicit instead of Helm's default, with further *flags*.

        Helm impersonates *user* if given.
        """
        return self._change(("rollback", release, revision), namespace, *flags, user=user)

    @property
    def _validation(self) -> tuple[str, ...]:
        """Return the validation options of the binary's version for installs and upgrades."""
        return VALIDATED_BY_SERVER if self._version.startswith("4.") else ()

    def _change(
        self,
        verb: tuple[str | int | Path, ...],
        namespace: str,
        *options: str,
        values: Values = NO_VALUES,
        hidden: tuple[str, ...] = (),
        user: str = "",
    ) -> Operation:
        """Run a verb with *options*, and with *hidden* options, which the shown command omits: a user needs none."""
        chart = next((each for each in verb if isinstance(each, Path)), None)
        error, limit, place = "", self._time_limits.helm, ("--namespace", namespace)
        try:
            self._program.run(
                [*map(str, verb), *place, *values.options, *options, *hidden, f"--timeout={limit:g}s"],
                timeout=limit + self._time_limits.command,  # Helm times out first and reports what it waited for
                chart=chart,
                environment=self._environment,
                user=user,
            )
        except SubmissionError as refused:
            error = str(refused)
        return Operation(shlex.join([*_shown(verb), *place, *values.shown, *options]), error)


def _shown(verb: Iterable[str | int | Path]) -> Iterator[str]:
    """Yield the start of a command as a user would write it, in the folder of its chart."""
    yield "helm"
    yield from (f"./{each.name}" if isinstance(each, Path) else str(each) for each in verb)
