"""The harness chooses a context by kubectl's rules, makes its paths absolute, and knows whether it is local."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canaryproof.errors import UsageError
from canaryproof.kube.kubeconfig import Files, Target, confirm, paths, read, target_of


def config(name: str = "lab", *, server: str = "https://10.0.0.1", user: Any = None, cluster: Any = None) -> Any:
    """Return a kubeconfig with one context."""
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "theirs"}}],
        "clusters": [{"name": name, "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": name, "user": user or {"token": "secret"}}],
    }


def target(**parts: Any) -> Target:
    """Return the target of the only context in a kubeconfig."""
    return target_of([(Path("/home/me/.kube/config"), config(**parts))])


def test_the_current_context_is_taken_unless_one_is_named() -> None:
    """The harness uses the current context unless the user names one. Tools get no other context."""
    files: Files = [(Path("/a"), config("one")), (Path("/b"), config("two"))]

    assert target_of(files).context == "one"
    other = target_of(files, "two")
    assert other.context == "two"
    assert [each["name"] for each in other.document["clusters"]] == ["two"]
    assert "namespace" not in other.document["contexts"][0]["context"]  # no default namespace


def test_the_first_file_that_names_something_wins() -> None:
    """The first file in KUBECONFIG that defines a name takes effect."""
    files: Files = [(Path("/a"), config(server="https://first")), (Path("/b"), config(server="https://second"))]

    assert target_of(files).server == "https://first"


def test_paths_count_from_the_file_that_they_stand_in() -> None:
    """Paths start at the folder of their kubeconfig, and a command without a slash is searched on PATH."""
    user = {"client-certificate": "me.crt", "client-key": "/keys/me.key", "exec": {"command": "bin/plugin"}}

    document = target(user=user, cluster={"certificate-authority": "../ca.crt"}).document

    assert document["clusters"][0]["cluster"]["certificate-authority"] == "/home/me/.kube/../ca.crt"
    handed = document["users"][0]["user"]
    assert handed["client-certificate"] == "/home/me/.kube/me.crt"
    assert handed["client-key"] == "/keys/me.key"
    assert handed["exec"]["command"] == "/home/me/.kube/bin/plugin"
    assert target(user={"exec": {"command": "aws"}}).document["users"][0]["user"]["exec"]["command"] == "aws"


def test_it_is_known_whether_a_command_of_the_users_runs() -> None:
    """The target states whether it runs a command of the user's, which needs the user's environment."""
    assert target(user={"exec": {"command": "aws"}}).runs_commands
    assert not target().runs_commands


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:6443",
        "https://[::1]:6443",
        "https://localhost:6443",
        "https://kubernetes.docker.internal:6443",
        "https://api.localhost",
    ],
)
def test_a_server_on_this_machine_is_local(server: str) -> None:
    """A server at the loopback address is local, as with kind, Docker Desktop, minikube and embedded clusters."""
    assert target(server=server).is_local


@pytest.mark.parametrize("server", ["https://192.168.49.2:8443", "https://8.8.8.8", "https://prod.example.com"])
def test_any_other_server_is_not(server: str) -> None:
    """A server at another address is not local, whatever the context's name is."""
    assert not target(name="minikube", server=server).is_local


def test_a_minikube_in_a_machine_of_its_own_is_local() -> None:
    """A minikube in a virtual machine with a private address is local, because its context records minikube."""
    extensions = [{"name": "cluster_info", "extension": {"provider": "minikube.sigs.k8s.io"}}]

    assert target(server="https://192.168.49.2:8443", cluster={"extensions": extensions}).is_local
    assert not target(server="https://8.8.8.8:8443", cluster={"extensions": extensions}).is_local


def test_a_cluster_elsewhere_is_used_only_when_that_was_meant() -> None:
    """The harness asks before it uses a remote cluster. Without a terminal, the error names the option."""
    confirm(target(), lambda question: "yes" if "https://10.0.0.1, which is not on this machine" in question else "")
    with pytest.raises(UsageError, match="nothing was done"):
        confirm(target(), lambda _: "")
    with pytest.raises(UsageError, match="no terminal to ask at: say --yes"):
        confirm(target(), None)


@pytest.mark.parametrize(
    ("document", "context", "message"),
    [
        ({}, None, "no current context: give --kube-context one of: none"),
        (config("one"), "typo", "no context 'typo': give --kube-context one of: one"),
        ({**config(), "users": None}, None, "is of the user 'lab', which the kubeconfig does not have"),
        ({**config(), "clusters": [{"name": "lab"}]}, None, "its cluster has no server"),
    ],
)
def test_what_is_missing_is_named(document: Any, context: str | None, message: str) -> None:
    """The error for a missing context lists the existing ones."""
    with pytest.raises(UsageError, match=message):
        target_of([(Path("/config"), document)], context)


def test_files_are_looked_for_where_kubectl_would(tmp_path: Path) -> None:
    """The flag precedes KUBECONFIG, which precedes the home folder. A missing file in the list is allowed."""
    here = tmp_path / "here"
    here.write_text(json.dumps(config()))

    assert paths(here, {"KUBECONFIG": "/other"}) == (here,)
    assert paths(None, {"KUBECONFIG": f"{here}:/no/such:"}) == (here, Path("/no/such"))
    assert paths(None, {"HOME": "/home/me"}) == (Path("/home/me/.kube/config"),)
    assert [file for file, _ in read([Path("/no/such"), here])] == [here]


def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path) -> None:
    """The error for an invalid kubeconfig names the file and the remedy."""
    broken, text = tmp_path / "broken", tmp_path / "text"
    broken.write_text("a: [")
    text.write_text("hello")

    for file, message in ((broken, "is no YAML"), (text, "should be a map"), (tmp_path / "no", "give --kubeconfig")):
        with pytest.raises(UsageError, match=message):
            read([file])


def test_what_is_written_is_for_the_user_alone(tmp_path: Path) -> None:
    """The written kubeconfig is readable only by its owner, because it may contain a token."""
    file = target().write(tmp_path)

    assert file.stat().st_mode & 0o777 == 0o600
    assert target_of(read([file])).server == "https://10.0.0.1"
