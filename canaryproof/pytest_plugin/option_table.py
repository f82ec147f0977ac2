"""The options of a run. ``canaryproof check`` uses these names, and pytest adds a prefix.

The option ``--report-dir`` is ``--canaryproof-report-dir`` for pytest, ``CANARYPROOF_REPORT_DIR`` in the environment
and ``canaryproof_report_dir`` in an ini file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

PREFIX = "canaryproof"
PROVIDERS = ("auto", "embedded", "kind", "minikube", "existing")
IMAGES = ("stand-in", "upstream")
DEFAULT_SUBMISSION = "upcommerce"
SUBMISSION = "canaryproof_submission"
"""The parameter by which tests run once per submission. Fixtures that are internal have names with the same prefix."""


@dataclass(frozen=True)
class Option:
    """One option with all of its names."""

    name: str
    """The name without a prefix, such as ``report-dir``."""
    metavar: str
    help: str
    several: bool = False
    separator: str = os.pathsep
    """The separator between several values in the environment variable."""
    switch: bool = False
    """Whether the flag takes no value. The environment variable and the ini setting take yes or no."""
    kind: bool = False
    """Whether pytest-kind defines the flag for pytest. Such a flag has no prefix."""

    @property
    def flag(self) -> str:
        """Return the flag of ``canaryproof check``: ``--report-dir``."""
        return f"--{self.name}"

    @property
    def pytest_flag(self) -> str:
        """Return the flag of pytest: ``--canaryproof-report-dir``."""
        return self.flag if self.kind else f"--{PREFIX}-{self.name}"

    @property
    def dest(self) -> str:
        """Return the name in an ini file, which is also the attribute's name: ``canaryproof_report_dir``."""
        return f"{PREFIX}_{self.name.replace('-', '_')}"

    @property
    def variable(self) -> str:
        """Return the name of the environment variable: ``CANARYPROOF_REPORT_DIR``."""
        return self.dest.upper()


SUBMISSIONS = Option(
    "submissions",
    "PATH",
    "the folder of a chart, a repository that contains one, an archive of either, or a folder of any of these; "
    "repeatable (default: the charts of the scenario file, else ./upcommerce)",
    several=True,
)
SET = Option(
    "set",
    "KEY=VALUE",
    "add a value to those of the canary, as helm --set has it; repeatable",
    several=True,
    separator="\n",
)
VALUES = Option("values", "FILE", "add a values file to those of the canary; repeatable", several=True)
REPLAY = Option("replay", "DIR", "judge the flight records of an earlier run again; DIR is its --report-dir")
OBSERVE = Option("observe", "", "judge a release that was handled by hand, and change nothing", switch=True)
OPTIONS = (
    SUBMISSIONS,
    Option("cluster", "NAME", f"the provider of the cluster: {', '.join(PROVIDERS)} (default: auto)"),
    Option("kubernetes", "MINOR", "embedded cluster: the version of Kubernetes, such as 1.36 (default: the newest)"),
    Option("parallel", "N", "the number of experiments that run at once (default: as many as the cluster can take)"),
    Option("images", "KIND", "stand-in or upstream images (default: stand-in on the embedded cluster, else upstream)"),
    Option(
        "image",
        "TAG=ARCHIVE",
        "take this image from an archive, an OCI image layout or the output of docker save; repeatable",
        several=True,
        separator="\n",
    ),
    Option("image-mirror", "URL", "pull images from this registry first"),
    Option(
        "image-registry",
        "HOST[:PORT]",
        "embedded cluster with upstream images: also allow pulls from this registry; repeatable",
        several=True,
        separator=",",
    ),
    Option("report-dir", "DIR", "write all reports to this folder"),
    Option("resume", "", "continue the run in --report-dir: try what changed or has no verdict", switch=True),
    REPLAY,
    Option(
        "scenario", "FILE", "the scenario file (default: canaryproof.yaml of this folder, else the UpCommerce course)"
    ),
    SET,
    VALUES,
    Option("toolchain", "DIR", "use the programs of the embedded cluster in this folder, instead of building them"),
    Option("helm", "PATH", "the Helm program to use, version 3 or 4"),
    Option("patience", "FACTOR", "multiply every time limit by this factor, for a slow machine (default: 1)"),
    Option("kube-context", "NAME", "existing cluster: the context of the kubeconfig (default: the current one)"),
    Option("yes", "", "existing cluster: do not ask before using a cluster on another machine", switch=True),
    OBSERVE,
)
KIND_OPTIONS = (
    Option("cluster-name", "NAME", "the name of the embedded or kind cluster, or the minikube profile", kind=True),
    Option("keep-cluster", "", "keep the cluster running after the run, for the next run", switch=True, kind=True),
    Option("kubeconfig", "FILE", "existing cluster: the kubeconfig to read; kind: where to write it", kind=True),
    Option("kind-image", "IMAGE", "kind: the node image", kind=True),
    Option("kind-bin", "PATH", "kind: the kind program to use", kind=True),
    Option("kind-kubectl-bin", "PATH", "kind: the kubectl program to use", kind=True),
)
"""The options whose names and meanings are those of pytest-kind."""
