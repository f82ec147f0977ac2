"""Helm's verbs, nothing renamed and nothing combined; Helm 3 and 4 both."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from canaryproof.errors import CommandError, InfrastructureError, LimitError, SubmissionError, UnsafeError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Rendering
from canaryproof.model.helm_text import MissingRight, error_message, is_unreachable, missing_right
from canaryproof.model.rendered_yaml import parse
from canaryproof.system.process import Limits, run
from canaryproof.system.sandbox import UNCONFINED, WORKING_DIRECTORY, Sandbox
from canaryproof.timeouts import TimeLimits

LIMITS = Limits(memory=512 * 2**20, output=2**20, file_size=0)
"""What Helm may use: it takes 60 MiB for the course's chart, which renders to 2 KiB, and stores no more than 1 MiB.
In a sandbox it writes no file."""
LONGEST_MESSAGE = 1_500
"""Characters of what Helm says that are kept: templates can make it say anything."""

NO_WAY_OUT = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
"""Leads every request to where nobody listens: rendering asks for nothing, whatever a chart's schema refers to."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SMALL_LANGUAGE = {"LC_MESSAGES": "ko_KR.UTF-8"}
"""Helm says nothing that kubectl's translations have, and unpacks one at each start: English, the largest, takes 10 of
the 25 ms that a start takes, this one next to nothing.  A command for credentials gets the user's own language."""

NOWHERE = "/nonexistent"
"""The home of a user who has none, as Debian's ``/etc/passwd`` has it."""

_SETTINGS = {
    "HELM_NO_PLUGINS": "1",
    "HELM_QPS": "1000",  # no throttling on the client's side: -1 makes Helm 4.3.1 fail in client-go's limiter
    "HELM_BURST_LIMIT": "1000",
    "GOGC": "off",  # it lives for a moment, and never comes near the limit
    "GOMEMLIMIT": f"{LIMITS.memory // 2 if LIMITS.memory else 'off'}",
}

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
        durations: TimeLimits,
        doomed: Callable[[], str | None] = lambda: None,
        credentials: Mapping[str, str] = MappingProxyType({}),
        sandbox: Sandbox = UNCONFINED,
    ) -> None:
        """Keep everything that Helm writes under *home*; end what runs as soon as *doomed* gives a reason.

        *credentials* is the environment that a command of the kubeconfig needs, the user's own, where it has one.
        Charts of submissions are rendered in *sandbox*.
        """
        self.binary = binary
        self._durations = durations
        self._doomed = doomed
        self._version = ""
        self._sandbox = sandbox
        self._environment = _environment(home.resolve(), kubeconfig.resolve(), context, credentials)
        self._offline_environment = _environment(home.resolve(), Path(os.devnull), "", {})

    @classmethod
    def on(
        cls,
        cluster: Cluster,
        binary: Path,
        home: Path,
        *,
        durations: TimeLimits,
        doomed: Callable[[], str | None] = lambda: None,
        sandbox: Sandbox = UNCONFINED,
    ) -> Self:
        """Return *binary*, aimed at *cluster*, which renders charts of submissions in *sandbox*."""
        aim = (cluster.kubeconfig, cluster.context)
        credentials = cluster.credentials
        return cls(binary, home, *aim, durations=durations, doomed=doomed, credentials=credentials, sandbox=sandbox)

    def version(self) -> str:
        """Return the version of the binary, ``4.3.1``; in a sandbox it must run too."""
        command = ("version", "--template", "{{.Version}}")
        try:
            self._version = self._run(command, timeout=self._durations.command).strip().removeprefix("v")
        except SubmissionError as error:
            raise InfrastructureError(
                f"{self.binary} is not a Helm that runs: {error}; give --helm a Helm 3 or 4"
            ) from error
        if self._sandbox.is_active:
            self._check_sandbox()
        return self._version

    def _check_sandbox(self) -> None:
        try:
            run(
                [str(self.binary), "version"],
                timeout=self._durations.command,
                env=self._rendering_environment(self._sandbox),
                cwd=Path(os.sep),
                doomed=self._doomed,
                limits=LIMITS,
                sandbox=self._sandbox,
            )
        except CommandError as error:
            reason = clean(error.stderr) or error.outcome
            raise InfrastructureError(
                f"{self.binary} does not run in the sandbox in which submissions are rendered: {reason}; give --helm a"
                " Helm that is one executable file, not a script that starts another"
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
        sandbox = UNCONFINED if trusted else self._sandbox
        place = Path(WORKING_DIRECTORY, chart.name) if sandbox.is_active else chart
        command = ["template", release, str(place), "--namespace", namespace, "--include-crds"]
        command += ["--is-upgrade"] if upgrade else []
        command += ["--kube-version", kubernetes] if kubernetes else []
        try:
            text = self._render(command, place, sandbox, chart.parent if sandbox.is_active else None)
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

    def _render(self, command: Sequence[str], chart: Path, sandbox: Sandbox, folder: Path | None) -> str:
        """Return what Helm prints when it runs in *folder* and knows nothing of the cluster."""
        with self._failures(command[0], chart, can_reach=False):
            return run(
                [str(self.binary), *command],
                timeout=self._durations.render,
                env=self._rendering_environment(sandbox),
                cwd=folder,
                doomed=self._doomed,
                limits=LIMITS,
                sandbox=sandbox,
            )

    def _rendering_environment(self, sandbox: Sandbox) -> Mapping[str, str]:
        """Return what Helm gets to see when it only renders: no cluster, no credentials; no folder in a sandbox."""
        if sandbox.is_active:
            return {"PATH": PATH, "HOME": NOWHERE, **SMALL_LANGUAGE, **_SETTINGS, **NO_WAY_OUT}
        return {**self._offline_environment, **NO_WAY_OUT}

    def install(self, release: str, chart: Path, namespace: str) -> Operation:
        """Install *chart* as revision 1; return as soon as the objects are stored."""
        return self._change(("install", release, chart), namespace, hidden=self._validation)

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
        error = ""
        try:
            self._run(
                [*map(str, verb), "--namespace", namespace, *options, *hidden, f"--timeout={self._durations.helm:g}s"],
                timeout=self._durations.helm + self._durations.command,  # Helm ends first, and says what it waited for
                chart=chart,
                environment={"HELM_KUBEASUSER": user} if user else {},
            )
        except SubmissionError as refused:
            error = str(refused)
        return Operation(shlex.join(command), error)

    def _run(
        self,
        arguments: list[str] | tuple[str, ...],
        *,
        timeout: float,
        chart: Path | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Return what Helm prints.

        Raises SubmissionError with Helm's own message when it fails for a reason of the chart or the release; of these,
        UnsafeError when it was ended for what it used.
        """
        with self._failures(arguments[0], chart, user=environment.get("HELM_KUBEASUSER", "")):
            return run(
                [str(self.binary), *arguments],
                timeout=timeout,
                env={**self._environment, **environment},
                doomed=self._doomed,
                limits=LIMITS,
                grace=self._durations.grace,
            )

    @contextmanager
    def _failures(self, verb: str, chart: Path | None, *, can_reach: bool = True, user: str = "") -> Iterator[None]:
        """Tell apart whose fault it is that Helm fails; without a cluster that it *can_reach*, it is the chart's."""
        try:
            yield
        except LimitError as error:
            advice = "look for what has no end in the templates, or makes far too much"
            raise UnsafeError(f"helm {verb} {error.outcome}", advice) from error
        except CommandError as error:
            message = clean(error.stderr, chart) or f"helm {verb} failed: {error.outcome}"
            if not can_reach:
                raise SubmissionError(message) from error
            if is_unreachable(message):
                raise InfrastructureError(f"Helm cannot reach the cluster: {message}") from error
            if not user and (lack := missing_right(message)):
                raise InfrastructureError(_lacking(lack)) from error
            raise SubmissionError(message) from error
        except InfrastructureError as error:
            if self._doomed():
                raise
            raise InfrastructureError(f"no usable Helm: {error} Give --helm the path of a Helm 3 or 4") from error


def clean(stderr: str, chart: Path | None = None) -> str:
    """Return Helm's message on one line: no warnings, no advice about flags, paths inside *chart* kept short."""
    text = error_message(stderr)
    if chart:
        text = text.replace(f"{chart}/", "")
        text = text if chart.is_relative_to(WORKING_DIRECTORY) else text.replace(f"{chart.resolve()}/", "")
    beginning, end = LONGEST_MESSAGE * 2 // 3, LONGEST_MESSAGE // 3
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:beginning]} ... {text[-end:]}"


def _lacking(lack: MissingRight) -> str:
    return (
        f"the account {lack.user} of this cluster may not {lack.right}, which the chart has: the submission cannot be"
        " tried; canaryproof rights prints the roles to give it"
    )


def _environment(home: Path, kubeconfig: Path, context: str, credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return all that Helm gets to see: nothing of the user's but what their own command for credentials needs."""
    return {
        "PATH": PATH,
        "HOME": str(home),
        **({name: value for name, value in credentials.items() if not name.startswith("HELM_")} or SMALL_LANGUAGE),
        "KUBECACHEDIR": str(home / "kube"),  # where client-go keeps what it discovers of the API
        "KUBECONFIG": str(kubeconfig),
        **({"HELM_KUBECONTEXT": context} if context else {}),
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
        **_SETTINGS,
    }
