"""Runs the Helm binary with its environment and limits, and attributes each failure to the chart or the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from canaryproof.errors import CommandError, InfrastructureError, LimitError, SubmissionError, UnsafeError
from canaryproof.model.helm_text import MissingRight, error_message, is_unreachable, missing_right
from canaryproof.system.process import Limits, run
from canaryproof.system.sandbox import UNCONFINED, WORKING_DIRECTORY, Sandbox
from canaryproof.timeouts import TimeLimits

LIMITS = Limits(memory=512 * 2**20, output=2**20, file_size=0)
"""The limits of a Helm process, in bytes.

Helm uses 60 MiB for the chart of the UpCommerce course, which renders to 2 KiB, and stores at most 1 MiB. In a sandbox,
Helm writes no file.
"""
TRUSTED = Limits(output=64 * 2**20)
"""The limits of a Helm process that renders a chart of the scenario: charts with CRDs can render to several MiB."""
LONGEST_MESSAGE = 1_500
"""The maximum length of a Helm message, in characters. Templates can produce messages of any length."""

NO_WAY_OUT = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
"""Proxy variables that make every HTTP request fail, because no server listens there.

So rendering sends no request, even if a chart's schema refers to a URL.
"""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NOWHERE = "/nonexistent"
"""The home folder for users without one, as in Debian's ``/etc/passwd``."""

SETTINGS = {
    "HELM_NO_PLUGINS": "1",
    "HELM_QPS": "1000",  # no client-side throttling; the value -1 makes Helm 4.3.1 fail in client-go's limiter
    "HELM_BURST_LIMIT": "1000",
    "GOGC": "off",  # Helm runs only briefly and stays far below the memory limit
    "GOMEMLIMIT": f"{LIMITS.memory // 2 if LIMITS.memory else 'off'}",
}


@dataclass(frozen=True)
class Program:
    """A Helm binary."""

    binary: Path
    time_limits: TimeLimits
    doomed: Callable[[], str | None]
    """Returns the reason why a running Helm must end now, or None while it may continue."""

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float,
        environment: Mapping[str, str],
        chart: Path | None = None,
        can_reach: bool = True,
        user: str = "",
        folder: Path | None = None,
        sandbox: Sandbox = UNCONFINED,
        limits: Limits = LIMITS,
    ) -> str:
        """Run Helm with *arguments* in *folder* and return its output.

        If *user* is given, Helm impersonates that user of the cluster. *can_reach* is false if the call needs no
        cluster. The cluster cannot be the cause of a failure then.

        Raises SubmissionError with Helm's own message when Helm fails because of *chart* or its release. Raises
        UnsafeError when Helm is ended because it exceeded a limit. Raises InfrastructureError when Helm cannot be run
        or does not reach the API server, or when the account of the cluster lacks a right that the chart needs.
        """
        try:
            return run(
                [str(self.binary), *arguments],
                timeout=timeout,
                env={**environment, **({"HELM_KUBEASUSER": user} if user else {})},
                cwd=folder,
                doomed=self.doomed,
                limits=limits,
                grace=self.time_limits.grace,
                sandbox=sandbox,
            )
        except LimitError as error:
            advice = "look for what has no end in the templates, or makes far too much"
            raise UnsafeError(f"helm {arguments[0]} {error.outcome}", advice) from error
        except CommandError as error:
            message = clean(error.stderr, chart) or f"helm {arguments[0]} failed: {error.outcome}"
            if can_reach and is_unreachable(message):
                raise InfrastructureError(f"Helm cannot reach the cluster: {message}") from error
            if can_reach and not user and (lack := missing_right(message)):
                raise InfrastructureError(_lacking(lack)) from error
            raise SubmissionError(message) from error
        except InfrastructureError as error:
            if self.doomed():
                raise
            raise InfrastructureError(f"no usable Helm: {error} Give --helm the path of a Helm 3 or 4") from error


def clean(stderr: str, chart: Path | None = None) -> str:
    """Return Helm's message on one line, without warnings and advice about flags. Paths in *chart* become relative."""
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


def environment_in(home: Path, kubeconfig: Path, context: str, credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Return the whole environment of Helm.

    It contains nothing of the user's environment except *credentials*, which the user's credentials command needs.
    """
    return {
        "PATH": PATH,
        "HOME": str(home),
        **{name: value for name, value in credentials.items() if not name.startswith("HELM_")},
        "KUBECACHEDIR": str(home / "kube"),  # client-go caches the API discovery there
        "KUBECONFIG": str(kubeconfig),
        **({"HELM_KUBECONTEXT": context} if context else {}),
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
        **SETTINGS,
    }
