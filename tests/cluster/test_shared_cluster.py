"""On a shared cluster, charts get no resources that are meant for others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of
from tests.corpus.catalogue import CORPUS
from tests.corpus.mutation import Below, Mutation, accepted, pod
from tests.corpus.policies import extra, unsafe_object
from tests.corpus.trial import expected, try_all
from tests.corpus.unsafe import unsafe

pytestmark = pytest.mark.cluster

GROUP = "kustomize.toolkit.fluxcd.io"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"kustomizations.{GROUP}"},
    "spec": {
        "group": GROUP,
        "names": {"kind": "Kustomization", "plural": "kustomizations"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
CHARTS: dict[str, Mutation] = {
    "custom-resource": unsafe_object(f"{GROUP}/v1", "Kustomization", "spec: {path: ./, prune: true}"),
    "load-balancer": unsafe(*CORPUS["load-balancer"].edits),
    "ingress": unsafe(*CORPUS["ingress"].edits),
    "priority": unsafe(pod("priorityClassName: high")),
    "node-by-name": unsafe(pod("nodeName: control-plane")),
    "all-taints": unsafe(pod("tolerations: [{operator: Exists}]")),
    "runtime": unsafe(pod("runtimeClassName: kata")),
    "name-in-dns": unsafe(
        Below(
            "templates/canary-service.yml", "metadata:", "  annotations: {external-dns.alpha.kubernetes.io/hostname: a}"
        )
    ),
    "volume-of-somebody": unsafe(
        extra(
            "v1",
            "PersistentVolumeClaim",
            "spec: {volumeName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}",
        )
    ),
    "reference": accepted(),
    **{name: CORPUS[name] for name in ("node-port", "network-policy", "role-of-its-own", "secret-of-a-team")},
}


@pytest.fixture(scope="module")
def shared(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with another owner."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kubectl(toolchain: Toolchain, shared: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The kubectl of the cluster's owner. The cluster has a custom resource of a controller."""
    kubectl = kubectl_of(toolchain, shared)
    file = tmp_path_factory.mktemp("definition") / "definition.json"
    file.write_text(json.dumps(DEFINITION), encoding="utf-8")
    kubectl("apply", "--filename", str(file))
    kubectl("wait", "--for=condition=Established", f"crd/kustomizations.{GROUP}", "--timeout=30s")
    return kubectl


def test_charts_get_nothing_that_is_somebody_elses(shared: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    """Objects that use the owners' resources are refused before anything is applied. Others are judged as usual."""
    said = try_all(CHARTS, tmp_path, "--canaryproof-cluster=existing", f"--kubeconfig={shared.kubeconfig}")

    assert {name: told.verdict for name, told in said.items()} == {
        name: expected(mutation) for name, mutation in CHARTS.items()
    }
    assert kubectl("get", f"kustomizations.{GROUP}", "--all-namespaces", "--output=name") == ""
