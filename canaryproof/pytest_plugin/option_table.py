"""The options of a run, once: ``canaryproof check`` has them as they are called here, pytest with a prefix.

``--report-dir`` is ``--canaryproof-report-dir`` for pytest, ``CANARYPROOF_REPORT_DIR`` in the environment and
``canaryproof_report_dir`` in an ini file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

PREFIX = "canaryproof"
PROVIDERS = ("auto", "embedded", "kind", "minikube", "existing")
IMAGES = ("stand-in", "upstream")
DEFAULT_SUBMISSION = "upcommerce"


@dataclass(frozen=True)
class Option:
    """One option under all of its names."""

    name: str
    """``report-dir``."""
    metavar: str
    help: str
    several: bool = False
    separator: str = os.pathsep
    """What is between several values in the environment."""
    switch: bool = False
    """Whether the flag takes no value; elsewhere it is yes or no."""
    kind: bool = False
    """Whether pytest-kind defines the flag for pytest, where it has no prefix."""

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
        """Return its name in an ini file, and as an attribute: ``canaryproof_report_dir``."""
        return f"{PREFIX}_{self.name.replace('-', '_')}"

    @property
    def variable(self) -> str:
        """Return its name in the environment: ``CANARYPROOF_REPORT_DIR``."""
        return self.dest.upper()


SUBMISSIONS = Option(
    "submissions",
    "PATH",
    "a chart folder, a repository that holds one, an archive of either, or a folder of any of these; repeatable "
    "(default: ./upcommerce)",
    several=True,
)
REPLAY = Option("replay", "DIR", "judge the records of an earlier run again; DIR is its --report-dir")
OBSERVE = Option("observe", "", "judge what was done by hand in a cluster, and change nothing", switch=True)
OPTIONS = (
    SUBMISSIONS,
    Option("cluster", "NAME", f"where Kubernetes comes from: {', '.join(PROVIDERS)} (default: auto)"),
    Option("kubernetes", "MINOR", "embedded: this version of Kubernetes, such as 1.36 (default: the newest)"),
    Option("parallel", "N", "how many experiments run at once (default: as many as the cluster can take)"),
    Option("images", "KIND", f"{' or '.join(IMAGES)} images (default: stand-in on embedded, else upstream)"),
    Option("image-mirror", "URL", "ask this registry first when images are pulled"),
    Option(
        "image-registry",
        "HOST[:PORT]",
        "embedded: allow pulls from this registry too; repeatable, with commas in the environment",
        several=True,
        separator=",",
    ),
    Option("report-dir", "DIR", "write all reports to this folder"),
    Option("resume", "", "continue the run in --report-dir: only what changed or has no verdict", switch=True),
    REPLAY,
    Option("course", "FILE", "what the assignment asks (default: the UpCommerce course)"),
    Option("toolchain", "DIR", "use the cluster's binaries in this folder instead of building them"),
    Option("helm", "PATH", "use this Helm, version 3 or 4"),
    Option("patience", "FACTOR", "multiply every time limit by this factor, for a slow machine (default: 1)"),
    Option("kube-context", "NAME", "existing: use this context of the kubeconfig (default: the current one)"),
    Option("yes", "", "existing: do not ask before using a cluster on another machine", switch=True),
    OBSERVE,
)
KIND_OPTIONS = (
    Option("cluster-name", "NAME", "the name of the embedded or kind cluster, or the minikube profile", kind=True),
    Option("keep-cluster", "", "leave the cluster running for the next run", switch=True, kind=True),
    Option("kubeconfig", "FILE", "existing: read this kubeconfig; kind: write it there", kind=True),
    Option("kind-image", "IMAGE", "kind: use this node image", kind=True),
    Option("kind-bin", "PATH", "kind: use this kind binary", kind=True),
    Option("kind-kubectl-bin", "PATH", "kind: use this kubectl binary", kind=True),
)
"""As pytest-kind names them, and by its rules."""
