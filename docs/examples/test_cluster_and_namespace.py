"""Tests that need a real cluster, Helm and a namespace, and run no experiment."""

import subprocess
from pathlib import Path

from canaryproof import Cluster, Release


def run_helm(helm: Path, cluster: Cluster, namespace: str, *arguments: str | Path) -> str:
    """Run Helm in the namespace and return its output."""
    where = [f"--kubeconfig={cluster.kubeconfig}", f"--kube-context={cluster.context}", f"--namespace={namespace}"]
    return subprocess.check_output([helm, *arguments, *where], text=True)


def test_a_new_namespace_has_no_releases(cluster: Cluster, helm: Path, namespace: str) -> None:
    """Each test gets a namespace of its own, which is deleted after the test."""
    assert run_helm(helm, cluster, namespace, "list", "--short") == ""


def test_the_stable_release_can_be_scaled(cluster: Cluster, helm: Path, release: Release) -> None:
    """The scenario's stable chart is installed in the namespace of the test, and its pods are ready."""
    change = ("--set", "replicaCount=2", "--wait")
    said = run_helm(helm, cluster, release.namespace, "upgrade", release.name, release.chart, *change)
    assert "STATUS: deployed" in said
