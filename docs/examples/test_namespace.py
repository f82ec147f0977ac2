"""A test of any other project: it needs a cluster and a namespace, and no submission."""

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
    chart = tmp_path / "shop"
    where = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--kube-context={cluster.context}",
        f"--namespace={namespace}",
    ]
    install = [str(helm), "install", "shop", str(chart), "--set=replicaCount=0", *where]

    subprocess.run([helm, "create", chart], check=True)
    subprocess.run(install, check=True)

    listed = subprocess.check_output([helm, "list", "--short", *where], text=True)
    assert listed == "shop\n"
