"""``python -m tests.tools``: builds every tool that the environments in tox's list need, and keeps it in the cache.

These are the tools of the embedded cluster, of a kind node, and Helm 3. One build of all of them compiles each Go
package once. Built one after the other, on first use, they would compile Kubernetes' libraries three times, because
canaryproof removes Go's caches after each build.
"""

from __future__ import annotations

import os
import sys

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import TerminalProgress
from canaryproof.timeouts import TimeLimits
from tests.kind.node_image import TOOLS as OF_A_KIND_NODE

HELM_3 = "helm3"


def main() -> None:
    """Build what is missing."""
    progress, machine = TerminalProgress(sys.stderr), Machine(TimeLimits())
    built = provide(cache=cache_folder(os.environ), progress=progress, tools=[*OF_A_KIND_NODE, HELM_3], machine=machine)
    sys.stdout.write(f"{len(built.binaries)} tools are ready\n")


if __name__ == "__main__":
    main()
