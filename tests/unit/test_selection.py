"""``auto`` chooses the fastest provider and explains the choice, and conflicting options are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from canaryproof.cluster.detection import Command, ThisMachine
from canaryproof.cluster.selection import Choice, choose
from canaryproof.errors import ClusterError
from canaryproof.pytest_plugin.cluster_choice import choice_of, conflicts
from canaryproof.pytest_plugin.settings import Settings
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Machine:
    """A machine without any provider, unless the test sets one."""

    against_embedded: str = "needs root"
    tools_built: bool = False
    against_docker: str = "no Docker"
    has_kind: bool = False
    against_minikube: str = "no minikube"


@pytest.mark.parametrize(
    ("machine", "provider", "why"),
    [
        (Machine(against_embedded=""), "embedded", "Linux is all it needs"),
        (Machine(against_embedded="", tools_built=True, against_docker="", has_kind=True), "embedded", "its tools"),
        (Machine(against_embedded="", against_docker="", has_kind=True), "kind", "would first build its tools"),
        (Machine(against_embedded="", against_docker=""), "embedded", "Linux is all it needs"),
        (Machine(against_docker="", has_kind=True, against_minikube=""), "kind", "kind is here"),
        (Machine(against_docker="", against_minikube=""), "minikube", "one is running"),
        (Machine(against_docker=""), "kind", "will be built"),
        (Machine(against_minikube=""), "minikube", "one is running"),
    ],
)
def test_the_shortest_way_to_a_verdict_is_taken(machine: Machine, provider: str, why: str) -> None:
    """``auto`` prefers a provider that is ready to one that must be downloaded or built, and states this reason."""
    choice = choose(machine)

    assert choice.provider == provider
    assert why in str(choice)


def test_a_cluster_of_the_users_is_never_taken_unasked() -> None:
    """``auto`` never takes a cluster of the user. If no provider works, the error lists every obstacle and option."""
    with pytest.raises(ClusterError) as caught:
        choose(Machine())

    for obstacle in ("needs root", "no Docker", "no minikube", "--cluster existing"):
        assert obstacle in str(caught.value)


def test_what_the_user_said_needs_no_reason() -> None:
    """A provider that the user names has no reason beside it."""
    assert str(Choice("kind")) == "kind"


def test_who_asks_for_a_version_gets_the_cluster_that_has_several(pytester: pytest.Pytester) -> None:
    """``auto`` takes the embedded cluster for ``--kubernetes``, and states this reason."""
    (pytester.path / "upcommerce").mkdir()
    (pytester.path / "upcommerce" / "Chart.yaml").write_text("name: upcommerce\n")

    choice = choice_of(pytester.parseconfig("--canaryproof-kubernetes", "1.36"))

    assert choice.provider == "embedded"
    assert "--kubernetes" in str(choice)


def test_who_only_looks_looks_where_kubectl_would(pytester: pytest.Pytester) -> None:
    """``auto`` takes the current context for ``--observe``, because nothing is changed there."""
    choice = choice_of(pytester.parseconfig("--canaryproof-observe"))

    assert str(choice) == "existing (auto: --observe changes nothing, and looks where kubectl would)"


def test_a_machine_is_asked_by_its_commands(tmp_path: Path) -> None:
    """The machine's providers are detected by their commands. The reason quotes the last line of a failed one."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho first >&2\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)
    machine = ThisMachine(env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, cache=tmp_path, time_limits=TimeLimits())

    assert machine.against_docker == "docker version --format {{.Server.Version}}: Cannot connect to the Docker daemon"
    assert (
        ThisMachine(env={"PATH": ""}, cache=tmp_path, time_limits=TimeLimits()).against_docker
        == "there is no command docker"
    )
    assert not Command("/usr/bin/docker", "28.1").against("docker")
    assert not machine.has_kind
    assert not machine.tools_built
    assert ThisMachine(env={}, cache=tmp_path, ready=True, time_limits=TimeLimits()).tools_built


@pytest.mark.parametrize(
    ("provider", "settings", "problem"),
    [
        ("embedded", {"image_mirror": "http://mirror"}, "say --images upstream"),
        ("existing", {"image_mirror": "http://mirror"}, "pulls its images by its own rules"),
        ("embedded", {"image_registries": ("own.lan:443",)}, "say --images upstream"),
        ("kind", {"image_registries": ("own.lan:443",)}, "pulls its images by its own rules"),
        ("existing", {"images": "stand-in"}, "pulls its images itself"),
        ("minikube", {"images": "stand-in"}, "pulls its images itself"),
        ("embedded", {"kubeconfig": Path("there")}, "has its own"),
        ("kind", {"kube_context": "mine"}, "is for --cluster existing"),
        ("existing", {"keep_cluster": True}, "one that exists stays as it is"),
        ("embedded", {"observe": True}, "starts empty"),
        ("kind", {"kubernetes": "1.36"}, "is for --cluster embedded, and this is kind; kind's version is its image's"),
    ],
)
def test_what_a_provider_cannot_do_is_refused(provider: str, settings: dict[str, object], problem: str) -> None:
    """An option that the provider does not support is refused with an alternative."""
    plain = Settings(submissions=(), cluster=provider, scenario=load_scenario())

    assert list(conflicts(provider, plain)) == list(conflicts(provider, replace(plain, yes=True)))
    assert problem in " ".join(conflicts(provider, replace(plain, **settings)))  # type: ignore[arg-type]  # as pytest parametrizes


def test_a_cluster_elsewhere_is_not_touched_unasked(pytester: pytest.Pytester) -> None:
    """A remote cluster without a terminal and ``--yes`` is refused before anything starts.

    The name of its context does not matter.
    """
    pytester.makepyfile(
        "from canaryproof.pytest_plugin.markers import check\n@check('any')\ndef test_any(canaryproof_submission): pass"
    )
    (pytester.mkdir("upcommerce") / "Chart.yaml").write_text("name: upcommerce\n")
    pytester.makefile(
        ".yaml",
        elsewhere="""
            current-context: kind-lab
            contexts: [{name: kind-lab, context: {cluster: lab, user: lab}}]
            clusters: [{name: lab, cluster: {server: "https://203.0.113.1:6443"}}]
            users: [{name: lab, user: {token: secret}}]
        """,
    )
    command = ("--canaryproof-cluster=existing", "--kubeconfig=elsewhere.yaml")

    refused = pytester.runpytest_inprocess(*command)
    unknown = pytester.runpytest_inprocess(*command, "--canaryproof-kube-context=typo")
    collected = pytester.runpytest_inprocess(*command, "--collect-only")
    meant = pytester.runpytest_inprocess(*command, "--canaryproof-yes")

    assert (refused.ret, unknown.ret, collected.ret) == (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.USAGE_ERROR, 0)
    refused.stderr.fnmatch_lines(["*kind-lab leads to https://203.0.113.1:6443*no terminal to ask at: say --yes*"])
    unknown.stderr.fnmatch_lines(["*no context 'typo'*kind-lab*"])
    assert meant.ret == 0
