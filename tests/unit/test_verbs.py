"""Helm gets none of the user's settings, and its failures are assigned to the chart or the cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from canaryproof.errors import InfrastructureError, UnsafeError
from canaryproof.helm.chart_values import Values
from canaryproof.helm.helm_binary import clean
from canaryproof.helm.verbs import Helm
from canaryproof.timeouts import TimeLimits

FAKE = """#!/bin/sh
{ echo "$@"; env; } >> "$HOME/calls"
case "$1" in
%s
esac
"""


def helm_that(tmp_path: Path, cases: str, time_limits: TimeLimits | None = None) -> Helm:
    """Return a Helm whose binary is a shell script with an answer per verb."""
    binary = tmp_path / "helm"
    binary.write_text(FAKE % cases)
    binary.chmod(0o755)
    (tmp_path / "home").mkdir()
    return Helm(binary, tmp_path / "home", tmp_path / "kubeconfig", "lab", time_limits=time_limits or TimeLimits())


def calls(tmp_path: Path) -> str:
    """Return the arguments and the environment of every call."""
    return (tmp_path / "home" / "calls").read_text()


def test_helm_sees_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helm's environment consists of the harness's folders and cluster, whatever the user has set."""
    monkeypatch.setenv("HELM_NAMESPACE", "production")
    monkeypatch.setenv("KUBECONFIG", "/home/user/.kube/config")

    helm_that(tmp_path, "*) echo v4.3.1;;").version()

    seen = calls(tmp_path)
    assert "production" not in seen
    assert f"KUBECONFIG={tmp_path}/kubeconfig" in seen
    assert "HELM_KUBECONTEXT=lab" in seen
    assert "HELM_NO_PLUGINS=1" in seen
    assert set(re.findall(r"^HELM_\w+_HOME=(.*)/\w+$", seen, re.MULTILINE)) == {f"{tmp_path}/home"}


def test_a_command_for_credentials_gets_all_of_the_users_but_helm_settings(tmp_path: Path) -> None:
    """A kubeconfig's credentials command gets the user's whole environment except for Helm's settings."""
    helm_that(tmp_path, "*) ;;")
    theirs = {"CLOUD": "here", "LANG": "fr_FR.UTF-8", "HELM_NAMESPACE": "production"}

    Helm(
        tmp_path / "helm",
        tmp_path / "home",
        tmp_path / "kubeconfig",
        "lab",
        credentials=theirs,
        time_limits=TimeLimits(),
    ).version()

    seen = calls(tmp_path)
    assert "CLOUD=here" in seen
    assert "LANG=fr_FR.UTF-8" in seen
    assert "production" not in seen


def test_an_operation_shows_a_command_that_a_person_would_type(tmp_path: Path) -> None:
    """An operation shows a short command as a user would type it. The real one has absolute paths and a time limit."""
    chart = tmp_path / "upcommerce"
    helm = helm_that(tmp_path, "*) ;;")

    upgraded = helm.upgrade("shop", chart, "sre")
    rolled_back = helm.rollback("shop", 1, "sre")

    assert upgraded.command == "helm upgrade shop ./upcommerce --namespace sre --reset-values"
    assert rolled_back.command == "helm rollback shop 1 --namespace sre"
    hidden = "--skip-schema-validation --hide-notes --timeout=50s"
    assert f"upgrade shop {chart} --namespace sre --reset-values {hidden}\n" in calls(tmp_path)
    assert "--wait" not in calls(tmp_path)


@pytest.mark.parametrize(("version", "options"), [("v4.3.1", " --disable-openapi-validation"), ("v3.22.0", "")])
def test_helm_4_leaves_validation_to_the_server(tmp_path: Path, version: str, options: str) -> None:
    """Helm 4 leaves the validation to the server (fieldValidation=Strict), and Helm 3 validates itself."""
    helm = helm_that(tmp_path, f"version) echo {version};;")
    helm.version()

    helm.install("shop", tmp_path, "sre")
    helm.upgrade("shop", tmp_path, "sre")
    helm.rollback("shop", 1, "sre")

    assert f"install shop {tmp_path} --namespace sre{options} --timeout=50s\n" in calls(tmp_path)
    hidden = f"{options} --skip-schema-validation --hide-notes"
    assert f"upgrade shop {tmp_path} --namespace sre --reset-values{hidden} --timeout=50s\n" in calls(tmp_path)
    assert "rollback shop 1 --namespace sre --timeout=50s\n" in calls(tmp_path)


def test_a_refusal_is_an_operation_with_helms_own_words(tmp_path: Path) -> None:
    """A refusal of the chart is returned as an operation with Helm's message on one line, without prefix and advice."""
    helm = helm_that(tmp_path, '*) echo "level=ERROR msg=x\nError: UPGRADE FAILED: port\n  is wrong" >&2; exit 1;;')

    assert helm.upgrade("shop", tmp_path, "sre").error == "port is wrong"


def test_an_unreachable_cluster_is_not_the_charts_fault(tmp_path: Path) -> None:
    """A failure to reach the API server is raised as an infrastructure error."""
    message = 'Error: INSTALLATION FAILED: kubernetes cluster unreachable: Get \\"https://x/version\\": EOF'
    helm = helm_that(tmp_path, f'*) echo "{message}" >&2; exit 1;;')

    with pytest.raises(InfrastructureError, match=r"cannot reach the cluster.*EOF"):
        helm.install("shop", tmp_path, "sre")


def test_a_missing_helm_says_what_to_do(tmp_path: Path) -> None:
    """The error about a missing Helm names the path, and the option for another one."""
    helm = Helm(tmp_path / "none", tmp_path, tmp_path / "kubeconfig", "lab", time_limits=TimeLimits())

    with pytest.raises(InfrastructureError, match=r"none.*--helm"):
        helm.version()


def test_another_program_is_not_taken_for_helm(tmp_path: Path) -> None:
    """A program that does not report a Helm version is refused, and the error quotes it."""
    with pytest.raises(InfrastructureError, match=r"not a Helm that runs: unknown flag.*--helm"):
        helm_that(tmp_path, "*) echo 'Error: unknown flag' >&2; exit 2;;").version()


def test_a_chart_that_does_not_render_is_a_rendering_with_the_reason(tmp_path: Path) -> None:
    """A rendering error keeps Helm's file and line, without the machine's paths and the advice about --debug."""
    chart = tmp_path / "shop"
    error = f"Error: {chart}/templates/service.yaml:13: bad\n\nUse --debug flag to render out invalid YAML"
    helm = helm_that(tmp_path, f"template) echo '{error}' >&2; exit 1;;")

    assert helm.renderer.template("shop", chart, "sre").error == "templates/service.yaml:13: bad"


def test_a_chart_that_never_renders_is_given_up(tmp_path: Path) -> None:
    """A template that never ends is a fault of the chart, and ends at the time limit."""
    helm = helm_that(tmp_path, "template) sleep 60;;", TimeLimits(render=0.2))

    with pytest.raises(UnsafeError, match=r"^helm template did not end within 0\.2 s; look for"):
        helm.renderer.template("shop", tmp_path, "sre")


def test_a_chart_that_renders_to_too_much_is_given_up(tmp_path: Path) -> None:
    """A rendering with endless output is ended at the output limit."""
    helm = helm_that(tmp_path, "template) exec yes;;")

    with pytest.raises(UnsafeError, match=r"^helm template prints more than 1 MiB; look for"):
        helm.renderer.template("shop", tmp_path, "sre")


def test_rendering_has_no_way_to_any_network(tmp_path: Path) -> None:
    """The rendering has no network, because its proxy does not exist. Only operations reach the cluster."""
    helm = helm_that(tmp_path, "*) ;;")

    helm.renderer.template("shop", tmp_path, "sre")
    rendering = calls(tmp_path)
    helm.upgrade("shop", tmp_path, "sre")

    assert "HTTPS_PROXY=http://127.0.0.1:9" in rendering
    assert "PROXY" not in calls(tmp_path).removeprefix(rendering)


def test_changes_may_be_made_by_somebody_with_fewer_rights(tmp_path: Path) -> None:
    """An operation may impersonate a user with fewer rights, for that call only."""
    helm = helm_that(tmp_path, "*) ;;")

    helm.upgrade("shop", tmp_path, "sre", user="guest")
    helm.rollback("shop", 1, "sre", user="guest")
    changes = calls(tmp_path)
    helm.renderer.template("shop", tmp_path, "sre")

    assert changes.count("HELM_KUBEASUSER=guest") == 2
    assert "HELM_KUBEASUSER" not in calls(tmp_path).removeprefix(changes)


@pytest.mark.parametrize("words", ["kubernetes cluster unreachable", 'Get "https://a/b": dial tcp: connection refused'])
def test_a_chart_cannot_blame_the_cluster(tmp_path: Path, words: str) -> None:
    """A chart cannot cause an infrastructure error with the message of ``fail``."""
    failing = f"Error: UPGRADE FAILED: execution error at (shop/templates/a.yaml:1:3): {words}"
    (tmp_path / "said").write_text(failing)
    helm = helm_that(tmp_path, f"*) cat {tmp_path / 'said'} >&2; exit 1;;")

    assert words in helm.upgrade("shop", tmp_path, "sre").error
    (tmp_path / "said").write_text(f"Error: {words}")
    assert words in helm.renderer.template("shop", tmp_path, "sre").error


def test_a_crash_is_told_without_its_stacks(tmp_path: Path) -> None:
    """A crash of Helm is reported without Go's stack traces."""
    (tmp_path / "said").write_text("panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()\n")
    helm = helm_that(tmp_path, f"*) cat {tmp_path / 'said'} >&2; exit 2;;")

    assert helm.renderer.template("shop", tmp_path, "sre").error == "panic: assignment to entry in nil map"


def test_a_message_has_an_end(tmp_path: Path) -> None:
    """A message of Helm is shortened to a maximum length."""
    helm = helm_that(tmp_path, "*) head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1;;")

    assert len(helm.renderer.template("shop", tmp_path, "sre").error) < 2_100


def test_what_runs_is_ended_when_the_run_is_doomed(tmp_path: Path) -> None:
    """A Helm that waits for a hook is ended when the run ends."""
    helm = helm_that(tmp_path, "*) sleep 60;;")
    doomed = Helm(
        tmp_path / "helm",
        tmp_path / "home",
        tmp_path / "k",
        "lab",
        doomed=lambda: "the run was ended",
        time_limits=TimeLimits(),
    )
    del helm

    with pytest.raises(InfrastructureError, match="ended before its time: the run was ended"):
        doomed.upgrade("shop", tmp_path, "sre")


def test_a_message_keeps_file_and_line() -> None:
    """A rendering error of Helm 4.3.1 fits on one line with its file and line number."""
    stderr = (
        "WARNING: Kubernetes configuration file is group-readable.\n"
        "Error: upcommerce/templates/service.yaml:13:10\n"
        '  executing "upcommerce/templates/service.yaml" at <.Values.nope.x>:\n'
        "    nil pointer evaluating interface {}.x\n\n"
        "Use --debug flag to render out invalid YAML\n"
    )

    assert clean(stderr) == (
        'upcommerce/templates/service.yaml:13:10 executing "upcommerce/templates/service.yaml" '
        "at <.Values.nope.x>: nil pointer evaluating interface {}.x"
    )


def test_values_and_flags_of_a_scenario_reach_helm_in_order(tmp_path: Path) -> None:
    """Files come in their order and before settings, and a flag about earlier values replaces the default one."""
    helm = helm_that(tmp_path, "*) ;;")
    values = Values((tmp_path / "one.yaml", tmp_path / "two.yaml"), ("tag=2",))

    done = helm.upgrade("shop", tmp_path, "sre", values=values, flags=("--reuse-values",), trusted=True)

    command = f"helm upgrade shop ./{tmp_path.name} --namespace sre --values one.yaml --values two.yaml --set tag=2"
    assert done.command == f"{command} --reuse-values"
    assert f"--values {tmp_path}/one.yaml --values {tmp_path}/two.yaml --set tag=2 --reuse-values" in calls(tmp_path)
    assert "--skip-schema-validation" not in calls(tmp_path)
