"""Options come from flag, environment or ini file, in this order, and all invalid ones are reported together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.pytest_plugin.option_table import OPTIONS
from canaryproof.pytest_plugin.settings import Settings, read_settings

Read = Callable[..., Settings]
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def read(pytester: pytest.Pytester) -> Read:
    """Return a function that reads the settings of a pytest run with these arguments, beside a chart."""
    chart("upcommerce")

    def read(*arguments: str, environment: Mapping[str, str] = NOTHING, ini: str = "") -> Settings:
        pytester.makeini(f"[pytest]\n{ini}\n")
        return read_settings(pytester.parseconfig(*arguments), environment)

    return read


def chart(name: str) -> Path:
    """Make the smallest chart in the current folder."""
    folder = Path.cwd() / name
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: upcommerce\n")
    return folder


def test_nothing_has_to_be_said(read: Read) -> None:
    """Without any option, the run tries the chart in the current folder against the UpCommerce course."""
    settings = read()

    assert [each.chart for each in settings.submissions] == [Path.cwd() / "upcommerce"]
    assert settings.scenario.release == "upcommerce"
    assert (settings.cluster, settings.parallel, settings.images, settings.report_dir) == ("auto", None, None, None)


def test_a_flag_beats_the_environment_beats_the_ini_file(read: Read) -> None:
    """A flag precedes the environment variable, which precedes the ini file."""
    ini, environment = "canaryproof_parallel = 1", {"CANARYPROOF_PARALLEL": "2"}

    assert read(ini=ini).parallel == 1
    assert read(ini=ini, environment=environment).parallel == 2
    assert read("--canaryproof-parallel", "3", ini=ini, environment=environment).parallel == 3


def test_submissions_may_be_several_everywhere(read: Read) -> None:
    """Several submissions are given by repeated flags, a path list in the environment, or lines in the ini file."""
    chart("one")
    chart("two")

    flags = read("--canaryproof-submissions", "one", "--canaryproof-submissions", "two")
    variable = read(environment={"CANARYPROOF_SUBMISSIONS": os.pathsep.join(["one", "two"])})
    ini = read(ini="canaryproof_submissions =\n  one\n  two")

    for settings in (flags, variable, ini):
        assert [each.name for each in settings.submissions] == ["one", "two"]


def test_paths_of_the_ini_file_count_from_its_folder(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the folder of the ini file that contains it, and a flag's at the current folder."""
    root, below = chart("mine").parent, chart("below/mine").parent
    monkeypatch.chdir(below)

    assert read("--canaryproof-submissions", "mine").submissions[0].chart == below / "mine"
    settings = read(f"--rootdir={root}", "-c", str(root / "tox.ini"), ini="canaryproof_submissions = mine")
    assert settings.submissions[0].chart == root / "mine"


def test_two_submissions_of_one_name_stay_apart(read: Read) -> None:
    """Two submissions of one name get unique names, because tests, rows and folders use them."""
    chart("a/shop")
    chart("b/shop")

    settings = read("--canaryproof-submissions", "a/shop", "--canaryproof-submissions", "b/shop")

    assert [each.name for each in settings.submissions] == ["shop", "shop-2"]


def test_all_that_is_wrong_is_said_at_once(read: Read) -> None:
    """One error lists every invalid option by the name under which the user gave it."""
    Path("plain").touch()

    with pytest.raises(UsageError) as caught:
        read(
            *("--canaryproof-submissions", "missing", "--canaryproof-submissions", "absent"),
            *(
                "--canaryproof-cluster",
                "cloud",
                "--canaryproof-kubernetes",
                "1.20",
                "--canaryproof-images",
                "own",
                "--canaryproof-report-dir",
                "plain/out",
            ),
            *(
                "--canaryproof-patience",
                "0.5",
                "--canaryproof-toolchain",
                "plain",
                "--canaryproof-helm",
                "plain",
            ),
            environment={"CANARYPROOF_PARALLEL": "0"},
        )

    lines = str(caught.value).splitlines()
    expected = [
        "--canaryproof-cluster must be one of auto, embedded, kind, minikube, existing, not 'cloud'",
        "submissions *missing: expected a Helm chart*but there is no such path*",
        "submissions *absent: expected a Helm chart*but there is no such path*",
        "CANARYPROOF_PARALLEL must be a number of experiments, at least 1, not '0'",
        "--canaryproof-images must be one of stand-in, upstream, not 'own'",
        "--canaryproof-report-dir must be a folder that can be written to, but *plain cannot; choose another",
        "--canaryproof-toolchain must be a folder of binaries, but *plain is not one; correct the path",
        "--canaryproof-helm must be an executable file, but *plain is not one; correct the path",
        "--canaryproof-patience must be a number from 1 to 100, not '0.5'",
        "--canaryproof-kubernetes must be one of 1.37, 1.36, not '1.20'",
    ]
    pytest.LineMatcher(lines).fnmatch_lines(expected, consecutive=True)


@pytest.mark.parametrize("said", ["1", "true", "yes", "On"])
def test_a_switch_is_a_flag_or_a_word(read: Read, said: str) -> None:
    """A switch is a flag without a value, or yes or no in the environment and the ini file.

    Other values are refused.
    """
    assert read("--canaryproof-observe").observe
    assert read(environment={"CANARYPROOF_OBSERVE": said}).observe
    assert not read(environment={"CANARYPROOF_OBSERVE": "no"}, ini="canaryproof_observe = yes").observe
    with pytest.raises(UsageError, match="CANARYPROOF_OBSERVE must be yes or no, not 'perhaps'"):
        read(environment={"CANARYPROOF_OBSERVE": "perhaps"})


def test_the_options_of_pytest_kind_are_its_own(read: Read) -> None:
    """The flags of pytest-kind are not defined twice. The environment and the ini file may set these options, too."""
    assert (read().cluster_name, read().keep_cluster, read().kubeconfig) == (None, False, None)

    flags = read("--cluster-name", "mine", "--keep-cluster", "--kubeconfig", "there")
    assert (flags.cluster_name, flags.keep_cluster, flags.kubeconfig) == ("mine", True, Path.cwd() / "there")
    assert read(environment={"CANARYPROOF_CLUSTER_NAME": "yours"}).cluster_name == "yours"
    assert read(ini="canaryproof_keep_cluster = yes").keep_cluster


def test_they_may_be_missing(read: Read) -> None:
    """A run without pytest-kind lacks only its flags."""
    assert read("-p", "no:pytest-kind", environment={"CANARYPROOF_CLUSTER_NAME": "mine"}).cluster_name == "mine"


def test_every_option_is_told_by_help(pytester: pytest.Pytester) -> None:
    """``--help`` lists each option with its variable, and starts nothing."""
    result = pytester.runpytest_inprocess("--help")

    assert result.ret == 0
    for option in OPTIONS:
        result.stdout.fnmatch_lines([f"*{option.pytest_flag}{'' if option.switch else '='}*"])
        result.stdout.fnmatch_lines([f"*{option.variable}*"])


def test_wrong_options_end_a_run_that_needs_them(pytester: pytest.Pytester) -> None:
    """A run with invalid options ends with pytest's usage error and exit code 4 before anything starts."""
    pytester.makepyfile(
        """
        from canaryproof.pytest_plugin.markers import check
        @check("any")
        def test_any(evidence):
            pass
        """
    )

    result = pytester.runpytest_inprocess("--canaryproof-submissions", "missing", "--canaryproof-parallel", "many")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: submissions *missing*", "--canaryproof-parallel must be *"])


def test_who_observes_hands_nothing_in(read: Read) -> None:
    """A chart beside ``--observe`` is refused, because the course's release is judged instead."""
    (submission,) = read("--canaryproof-observe").submissions

    assert (submission.name, submission.source) == ("upcommerce", "release upcommerce in namespace sre")
    with pytest.raises(UsageError, match="--canaryproof-submissions: --observe judges a release in the cluster"):
        read("--canaryproof-observe", "--canaryproof-submissions", "upcommerce")


def test_going_on_needs_the_run_to_go_on_with(read: Read) -> None:
    """``--resume`` without a report folder is refused, and the error names the missing option."""
    with pytest.raises(UsageError, match="--resume continues the run in --report-dir; give --report-dir too"):
        read("--canaryproof-resume")

    assert read("--canaryproof-resume", "--canaryproof-report-dir", "out").resume


def test_registries_are_hosts(read: Read) -> None:
    """Registries are given by repeated flags or by a comma-separated list in the environment, and a URL is refused."""
    flags = read("--canaryproof-image-registry", "own.lan", "--canaryproof-image-registry", "other.lan:5000")
    variable = read(environment={"CANARYPROOF_IMAGE_REGISTRY": "own.lan, other.lan:5000"})

    assert flags.image_registries == variable.image_registries == ("own.lan:443", "other.lan:5000")
    with pytest.raises(UsageError, match="--canaryproof-image-registry must be the host of a registry"):
        read("--canaryproof-image-registry", "https://own.lan")


def test_a_mirror_has_no_user(read: Read) -> None:
    """A mirror with a user is refused, because containerd and dockerd do not accept it.

    The error omits the password.
    """
    with pytest.raises(UsageError, match="without a user") as refused:
        read("--canaryproof-image-mirror", "http://me:hidden-password@mirror.lan")

    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("option", ["canaryproof-helm", "kind-bin", "kind-kubectl-bin", "canaryproof-toolchain"])
def test_a_program_that_others_could_replace_is_refused(read: Read, option: str) -> None:
    """A program or toolchain file that others could replace is refused. The error names the fault and the remedy."""
    chart("one")
    Path("tools").mkdir()
    program = Path("tools", "helm")
    program.touch(mode=0o755)
    said = "tools" if option == "canaryproof-toolchain" else "tools/helm"
    read("--canaryproof-submissions", "one", f"--{option}", said)

    program.chmod(0o757)

    with pytest.raises(UsageError, match=rf"--{option} .*tools/helm has mode 0757, so everybody .*; chmod go-w /"):
        read("--canaryproof-submissions", "one", f"--{option}", said)
