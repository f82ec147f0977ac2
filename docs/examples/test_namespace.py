"""A test of another project: it needs a cluster and a namespace."""

import subprocess
from pathlib import Path

from canaryproof.kube.running_cluster import Cluster


def test_a_chart_installs(
    cluster: Cluster,
    helm: Path,
    namespace: str,
    tmp_path: Path,
) -> None:
    """Helm installs a new chart into the namespace of this test."""
    chart = str(tmp_path / "shop")
    where = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--kube-context={cluster.context}",
        f"--namespace={namespace}",
    ]
    program = str(helm)

    subprocess.run([program, "create", chart], check=True)
    subprocess.run([program, "install", "shop", chart, *where], check=True)

    listed = subprocess.check_output([program, "list", "-q", *where], text=True)
    assert listed == "shop\n"
