"""On a real cluster, a release stays in its namespace, and a rollback uses only Helm's own records."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.existing.account_rights import OPTIONAL, ROLE
from canaryproof.errors import CommandError, InfrastructureError
from canaryproof.experiment import tenancy
from canaryproof.experiment.admission_probe import AdmissionProbe
from canaryproof.experiment.runner import Parallel, Runner
from canaryproof.helm.releases import content_of
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import SECRETS, SERVICES, Resource
from canaryproof.kube.running_cluster import Cluster, Vitals
from canaryproof.model.evidence import Evidence
from canaryproof.model.objects import BODIES, Body, text_at
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of
from tests.corpus.records import in_the_cluster, record

pytestmark = pytest.mark.cluster

REFERENCE = Path(__file__).parents[2] / "upcommerce"
CONFIG_MAPS = Resource("ConfigMap", "/api/v1", "configmaps")
PRECIOUS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: precious, namespace: default}\n"
OWN = "fenced"
USER = tenancy.user_of(OWN)
TAKEOVER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: attacker}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: attacker}
rules: [{apiGroups: [""], resources: [namespaces], verbs: [get, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: attacker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: attacker}
subjects: [{kind: ServiceAccount, name: attacker}]
---
apiVersion: v1
kind: Pod
metadata: {name: attacker}
spec:
  serviceAccountName: attacker
  containers: [{name: main, image: uonyeka/upcommerce:v3, command: [/agnhost, pause]}]
"""


@pytest.fixture(scope="module")
def cluster(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of this test."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("fenced"), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[KubeClient]:
    """A client with the rights of the administrator."""
    with closing(KubeClient(cluster.kubeconfig, cluster.context, TimeLimits())) as client:
        yield client


@pytest.fixture(scope="module")
def kubectl(toolchain: Toolchain, cluster: Cluster, client: KubeClient) -> Kubectl:
    """The administrator's kubectl. The cluster has a namespace like that of an experiment."""
    client.create_namespace(OWN, tenancy.LABELS)
    for resource, body in (*tenancy.limits(1), *tenancy.rights(OWN, ())):
        assert client.create(resource, body, OWN)
    kubectl = kubectl_of(toolchain, cluster)
    wait_for(
        "rights of the user",
        lambda: _may_create_secrets(kubectl) or None,
        within=20,
        changes=Ticks(0.1),
    )
    return kubectl


@pytest.fixture(scope="module")
def account(kubectl: Kubectl, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The same cluster for an account that may not impersonate users, so that charts are frozen."""
    kubectl("create", "serviceaccount", "robot", "--namespace=default")
    kubectl("apply", "--filename", str(ROLE), "--filename", str(OPTIONAL))
    for name in ("canaryproof", "canaryproof-optional"):
        kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", "--serviceaccount=default:robot")
    config = json.loads(kubectl("config", "view", "--raw", "--output=json"))
    token = kubectl("create", "token", "robot", "--namespace=default").strip()
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    file = tmp_path_factory.mktemp("robot") / "kubeconfig"
    file.write_text(json.dumps(config))
    return replace(cluster, kubeconfig=file, provider="existing")


@pytest.mark.parametrize(
    "attempt",
    [
        ("label", "namespace", OWN, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
        ("annotate", "namespace", OWN, "a=b"),
        ("delete", "namespace", OWN),
        ("create", "rolebinding", "a", "--clusterrole=cluster-admin", "--serviceaccount=fenced:default"),
        ("create", "rolebinding", "a", "--clusterrole=edit", "--serviceaccount=fenced:default"),
        ("create", "role", "a", "--verb=patch", "--resource=namespaces"),
        ("create", "role", "a", "--verb=*", "--resource=*"),
        ("create", "role", "a", "--verb=create", "--resource=pods/exec"),
        ("create", "token", "default"),
        ("delete", "resourcequota", tenancy.GUARD),
        ("delete", "resourcequota", f"{tenancy.GUARD}-pods"),
        ("patch", "resourcequota", tenancy.GUARD, "--patch", '{"spec": {"hard": {"pods": "9999"}}}'),
        ("delete", "limitrange", tenancy.GUARD),
        ("run", "a", "--image=a", "--privileged"),
        ("run", "a", "--image=a", '--overrides={"spec": {"priorityClassName": "system-node-critical"}}'),
        ("run", "a", "--image=a", '--overrides={"spec": {"priorityClassName": "system-cluster-critical"}}'),
        ("get", "secrets", "--namespace=kube-system"),
    ],
    ids=" ".join,
)
def test_the_user_that_upgrades_may_not_get_out(kubectl: Kubectl, attempt: tuple[str, ...]) -> None:
    """The API server denies the upgrade's user changes to namespace labels, rights, tokens and guards."""
    where = () if any(each.startswith("--namespace=") for each in attempt) else ("--namespace", OWN)
    with pytest.raises(CommandError, match=r"[Ff]orbidden"):
        kubectl(*attempt, *where, "--as", USER)

    assert "enforce=baseline" in kubectl("get", "namespace", OWN, "--show-labels")


@pytest.mark.parametrize(
    "attempt",
    [
        ("create", "rolebinding", "view", "--clusterrole=view", "--serviceaccount=fenced:default"),
        ("create", "role", "reader", "--verb=get,list,watch", "--resource=pods,configmaps"),
        ("create", "quota", "small", "--hard=pods=3"),
        ("get", "namespace", OWN),
        ("run", "a", "--image=a"),
    ],
    ids=" ".join,
)
def test_the_user_that_upgrades_may_work_inside(kubectl: Kubectl, attempt: tuple[str, ...]) -> None:
    """The upgrade's user may grant its own rights in its namespace, and create quotas."""
    dry = () if attempt[0] == "get" else ("--dry-run=server",)
    assert kubectl(*attempt, "--namespace", OWN, "--as", USER, *dry)


@pytest.mark.usefixtures("kubectl")
def test_the_quota_of_the_namespace_refuses_what_no_chart_needs(client: KubeClient) -> None:
    """The namespace's quota refuses excessive objects under a name that distinguishes it from a chart's quota."""
    ports = [{"name": f"p{number}", "port": number} for number in range(1, tenancy.NODE_PORTS + 2)]
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"type": "NodePort", "ports": ports},
    }

    assert tenancy.refused_by_quota([client.refusal(SERVICES, body, OWN, user=USER)])
    body["spec"] = {"type": "NodePort", "ports": ports[:5]}
    assert client.refusal(SERVICES, body, OWN, user=USER) == ""


@pytest.mark.usefixtures("kubectl")
def test_pod_security_is_proven_by_the_cluster_itself(client: KubeClient) -> None:
    """The cluster refuses a privileged pod in a namespace with the label. Without the label the run would end."""
    faults: list[str] = []
    AdmissionProbe(client, TimeLimits(), lambda: None, faults.append).prove(OWN, USER)
    assert faults == []

    with pytest.raises(InfrastructureError, match="admitted one"):
        AdmissionProbe(client, TimeLimits(), lambda: None, faults.append).prove("default", "")
    assert len(faults) == 1


@pytest.mark.parametrize("who", ["cluster", "account"])
def test_a_run_ends_where_a_privileged_pod_would_be_admitted(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    toolchain: Toolchain,
    tmp_path: Path,
    who: str,
) -> None:
    """A cluster that admits a privileged pod ends the whole run before any install.

    In frozen mode the run's account asks.
    """
    monkeypatch.setattr(tenancy, "LABELS", {})
    cluster = replace(request.getfixturevalue(who), vitals=Vitals())

    evidence = _try(cluster, toolchain, _chart(tmp_path))

    assert evidence.fault
    assert "it admitted one (in a dry run)" in evidence.fault.detail
    assert cluster.vitals.fault == evidence.fault.detail
    assert evidence.install is None


def test_a_chart_that_wants_to_open_its_namespace_is_refused(
    cluster: Cluster, toolchain: Toolchain, tmp_path: Path
) -> None:
    """A chart whose templates create a Role only in the cluster is refused.

    The API server lets no user grant rights that the user lacks.
    """
    chart = _chart(tmp_path)
    in_the_cluster(TAKEOVER, "templates/attack.yaml").apply(chart)

    evidence = _try(cluster, toolchain, chart)

    assert evidence.fault is None
    assert evidence.decision.outcome in {"refused", "unsafe-chart"}
    assert evidence.upgrade is not None
    assert "attempting to grant RBAC permissions not currently held" in evidence.upgrade.error
    assert not evidence.timeline.versions("Pod", "attacker")


@pytest.mark.parametrize("who", ["cluster", "account"])
def test_a_record_that_appears_at_run_time_stops_the_rollback(
    request: pytest.FixtureRequest, client: KubeClient, toolchain: Toolchain, tmp_path: Path, who: str
) -> None:
    """A record of a later revision, written while the canary is observed, prevents the rollback.

    Helm would take it for the current revision. A rollback would delete the objects that it lists, also in another
    namespace, and with the run's rights for a frozen chart.
    """
    client.create(CONFIG_MAPS, yaml.safe_load(PRECIOUS), "default")
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_forge, client, f"sre-by-{who}-", over)
        try:
            evidence = _try(request.getfixturevalue(who), toolchain, _chart(tmp_path), f"by {who}")
        finally:
            over.set()

    assert writing.result()
    assert client.get(CONFIG_MAPS, "precious", "default") is not None
    assert evidence.fault is None
    assert evidence.rollback is None
    assert evidence.decision.outcome == "unsafe-chart"
    assert evidence.violation is not None
    assert (evidence.violation.code, evidence.violation.object) == ("unknown-record", "Secret/later")


def test_rights_for_pods_are_no_matter_for_an_account_that_cannot_confine(
    account: Cluster, toolchain: Toolchain, tmp_path: Path
) -> None:
    """A chart that grants rights to pods is an error for an account that cannot confine its rollback.

    Nothing is applied.
    """
    chart = _chart(tmp_path)
    binding = "kind: RoleBinding\nmetadata: {name: viewer}\nroleRef: {kind: ClusterRole, name: view}\nsubjects: []\n"
    (chart / "templates" / "role.yaml").write_text(f"apiVersion: rbac.authorization.k8s.io/v1\n{binding}")

    evidence = _try(account, toolchain, chart)

    assert evidence.fault
    assert "RoleBinding/viewer" in evidence.fault.detail
    assert evidence.install is None


def test_a_frozen_chart_gets_the_same_verdict(account: Cluster, toolchain: Toolchain, tmp_path: Path) -> None:
    """The reference as a frozen chart, with the rights of both ClusterRoles, crash-loops and is rolled back."""
    evidence = _try(account, toolchain, _chart(tmp_path))

    assert (evidence.fault, evidence.decision.outcome) == (None, "crash-loop")
    assert evidence.rollback is not None
    assert evidence.rollback.succeeded


def _chart(folder: Path) -> Path:
    return Path(shutil.copytree(REFERENCE, folder / "upcommerce"))


def _try(cluster: Cluster, toolchain: Toolchain, chart: Path, name: str = "alice") -> Evidence:
    """Return the evidence of one experiment."""
    with Runner.open(
        cluster,
        scenario=load_scenario(),
        helm=toolchain.path("helm"),
        parallel=Parallel.exactly(1),
        locks=chart.parent / "locks",
        time_limits=TimeLimits(),
    ) as runner:
        return runner.submit(Submission(name, name, chart)).result(180)


def _forge(client: KubeClient, prefix: str, over: threading.Event) -> bool:
    """Write a record of revision 50 as soon as a namespace has revision 2, and return whether it was new."""

    def second() -> Body | None:
        bodies = (BODIES.decode(each) for each in client.list(SECRETS, labels="owner=helm,version=2").items)
        return next((each for each in bodies if text_at(each, "metadata", "namespace").startswith(prefix)), None)

    found = wait_for(
        "second revision",
        second,
        within=180,
        changes=Ticks(0.05),
        doomed=lambda: "the experiment is over" if over.is_set() else None,
    )
    release = content_of(found) | {"version": 50, "manifest": PRECIOUS}
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    forged = yaml.safe_load(record("later", release=packed))
    return client.create(SECRETS, forged, text_at(found, "metadata", "namespace"))


def _may_create_secrets(kubectl: Kubectl) -> bool:
    try:
        return bool(kubectl("auth", "can-i", "create", "secrets", "--as", USER, "--namespace", OWN))
    except CommandError:
        return False
