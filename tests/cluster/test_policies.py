"""Policies of an existing cluster are tolerated, or named as the reason why nobody can be judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
GROUP = "admissionregistration.k8s.io/v1"
IMAGE = "uonyeka/upcommerce:v3"
SIDECAR = (
    'JSONPatch{op: "add", path: "PATH/containers/-", value:'
    ' Object.SPEC.containers{name: "mesh", image: "IMAGE", command: ["/agnhost", "pause"]}}'
)
MIRROR = (
    'JSONPatch{op: "replace", path: "PATH/containers/0/image", value: "docker.io/" + object.SPEC.containers[0].image}'
)


@pytest.fixture(scope="module")
def theirs(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with policies of its owner."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kubectl(toolchain: Toolchain, theirs: Cluster) -> Kubectl:
    """The kubectl of the cluster's owner."""
    return kubectl_of(toolchain, theirs)


@pytest.mark.parametrize(("resource", "spec"), [("pods", "spec"), ("deployments", "spec.template.spec")])
@pytest.mark.parametrize("patch", [SIDECAR, MIRROR])
def test_what_a_policy_changes_is_no_fault(
    theirs: Cluster, kubectl: Kubectl, tmp_path: Path, *, resource: str, spec: str, patch: str
) -> None:
    """A policy that adds a container, or takes images from elsewhere, in pods or in workloads, changes no verdict."""
    path = patch.replace("PATH", f"/{spec.replace('.', '/')}").replace("SPEC", spec).replace("IMAGE", IMAGE)
    mutations = [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{path}]"}}]
    more = {"mutations": mutations, "reinvocationPolicy": "Never"}

    with policy(kubectl, tmp_path, "MutatingAdmissionPolicy", resource, **more):
        row = checked(theirs, tmp_path)

    assert (row["verdict"], row["outcome"], row["score"]) == ("accepted", "crash-loop", 13), row["reason"]


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        ("pods", "false"),
        ("deployments", "!object.metadata.name.contains('canary')"),
        ("pods", "!object.metadata.name.contains('canary')"),
    ],
)
def test_what_a_policy_refuses_is_no_fault(
    theirs: Cluster, kubectl: Kubectl, tmp_path: Path, resource: str, expression: str
) -> None:
    """A policy that refuses everything, or the canary alone, is named within the time of an ordinary experiment."""
    more = {"validations": [{"expression": expression, "message": "not here"}]}

    with policy(kubectl, tmp_path, "ValidatingAdmissionPolicy", resource, **more):
        row = checked(theirs, tmp_path)

    assert (row["verdict"], row["score"]) == ("error", None)
    assert row["reason"].startswith("the cluster's own ValidatingAdmissionPolicy/policy refuses objects")
    assert row["timings"]["total"] < 60


@contextmanager
def policy(kubectl: Kubectl, folder: Path, kind: str, resource: str, **more: Any) -> Iterator[None]:
    """Have an admission policy of *kind* for new objects of *resource*, as long as the block runs."""
    group = "apps" if resource == "deployments" else ""
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    actions = {"validationActions": ["Deny"]} if kind.startswith("Validating") else {}
    documents = [
        {
            "apiVersion": GROUP,
            "kind": kind,
            "metadata": {"name": "policy"},
            "spec": {"matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail", **more},
        },
        {
            "apiVersion": GROUP,
            "kind": f"{kind}Binding",
            "metadata": {"name": "policy"},
            "spec": {"policyName": "policy", **actions},
        },
    ]
    file = folder / "policy.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    kubectl("apply", "--filename", str(file))
    try:
        yield
    finally:
        kubectl("delete", "--filename", str(file))


def checked(cluster: Cluster, folder: Path) -> Any:
    """Return the result of the repository's own chart on *cluster*, as on one that belongs to others."""
    reports = folder / "reports"
    command = [sys.executable, "-m", "canaryproof", "check", str(REPOSITORY / "upcommerce"), "--cluster=existing"]
    command += [f"--kubeconfig={cluster.kubeconfig}", f"--report-dir={reports}"]
    subprocess.run(command, cwd=REPOSITORY, check=False, stdout=subprocess.DEVNULL, timeout=300)
    (row,) = json.loads((reports / "results.json").read_text(encoding="utf-8"))["submissions"]
    return row
