"""The scenario of a run comes from ``--scenario`` or from the current folder, and options add to its values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.pytest_plugin.settings import Settings, read_settings
from canaryproof.scenario.terms import ChartReference, Revision

Read = Callable[..., Settings]
FILE = """\
apiVersion: canaryproof/v1
release: shop
stable: {chart: shop}
expect: {outcome: crash-loop}
"""


@pytest.fixture
def read(pytester: pytest.Pytester) -> Read:
    """Return a function that reads the settings of a run beside the charts ``shop`` and ``upcommerce``."""
    for name in ("shop", "upcommerce"):
        Path(name).mkdir()
        Path(name, "Chart.yaml").write_text(f"name: {name}\n", encoding="utf-8")
    Path("more.yaml").write_text("a: 1\n", encoding="utf-8")

    def read(*arguments: str, **environment: str) -> Settings:
        return read_settings(pytester.parseconfig(*arguments), {"HOME": str(Path.cwd()), **environment})

    return read


def write(more: str = "", name: str = "canaryproof.yaml") -> None:
    """Write a scenario file into the current folder."""
    Path(name).write_text(FILE + more, encoding="utf-8")


def test_the_scenario_file_of_the_folder_is_the_default(read: Read) -> None:
    """A scenario file in the current folder replaces the UpCommerce course, and the run tries its charts."""
    write()
    settings = read()

    assert settings.scenario.release == "shop"
    assert not settings.scenario.submits_charts
    (submission,) = settings.submissions
    assert (submission.name, submission.chart) == ("shop", Path.cwd() / "shop")


def test_a_submission_may_be_given_to_it(read: Read) -> None:
    """With a path, the chart of the canary is the submission."""
    write()
    settings = read("--canaryproof-submissions=upcommerce")

    assert settings.scenario.submits_charts
    assert [each.name for each in settings.submissions] == ["upcommerce"]


def test_a_named_file_without_a_canary_is_about_a_submission(read: Read) -> None:
    """A file from ``--scenario`` that states no canary needs a submission, by default ``./upcommerce``."""
    write(name="course.yaml")
    settings = read("--canaryproof-scenario=course.yaml")

    assert settings.scenario.submits_charts
    assert [each.name for each in settings.submissions] == ["upcommerce"]


@pytest.mark.parametrize("canary", ["{chart: shop}", "{values: [{canary: true}]}"])
def test_a_named_file_with_a_canary_is_about_its_charts(read: Read, canary: str) -> None:
    """A file from ``--scenario`` that states the canary needs no submission."""
    write(f"canary: {canary}\n", name="release.yaml")
    settings = read("--canaryproof-scenario=release.yaml")

    assert not settings.scenario.submits_charts
    assert [each.name for each in settings.submissions] == ["shop"]


def test_a_submission_beside_a_chart_of_the_canary_is_refused(read: Read) -> None:
    """A path contradicts a scenario file that names the chart of the canary."""
    write("canary: {chart: shop}\n")

    with pytest.raises(UsageError, match="--canaryproof-submissions: the scenario file names the chart of the canary"):
        read("--canaryproof-submissions=upcommerce")


def test_values_of_the_command_line_come_last(read: Read) -> None:
    """``--values`` and ``--set`` add to the values of the canary, after those of the file."""
    write("canary: {values: [{a: 1}]}\n")
    settings = read("--canaryproof-values=more.yaml", "--canaryproof-set=a=2", "--canaryproof-set=image.tag=1.10")

    canary = settings.scenario.canary
    assert canary.values == ({"a": 1}, Path.cwd() / "more.yaml")
    assert canary.settings == ("a=2", "image.tag=1.10")
    assert settings.scenario.stable == (Revision(ChartReference(Path.cwd() / "shop")),)
    assert read(CANARYPROOF_SET="a=2\nb={x,y}").scenario.canary.settings == ("a=2", "b={x,y}")
    with pytest.raises(UsageError, match=r"--canaryproof-values must name files, and there is no file .*none\.yaml"):
        read("--canaryproof-values=none.yaml")


def test_a_submission_cannot_choose_what_is_asked(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario file inside of a submission is used only if the user names it."""
    monkeypatch.chdir("upcommerce")
    Path("canaryproof.yaml").write_text(FILE.replace("chart: shop", "chart: ../shop"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"is in the submission .*; name the scenario file with --scenario if it is"):
        read("--canaryproof-submissions=.")
    named = read("--canaryproof-submissions=.", "--canaryproof-scenario=canaryproof.yaml")
    assert named.scenario.release == "shop"


def test_a_chart_of_a_repository_has_a_place_in_the_cache(read: Read) -> None:
    """Each version of a chart that is fetched has a path of its own, and nothing is fetched for the settings."""
    write("canary: {chart: podinfo, repo: https://charts.test, version: 1.2.3}\n")
    one = read().scenario.canary.chart
    write("canary: {chart: 'oci://charts.test/podinfo:1.2.4'}\n")
    other = read().scenario.canary.chart

    assert one
    assert one.path
    assert one.path.is_relative_to(Path.cwd() / ".cache" / "canaryproof" / "charts")
    assert one.path.name == "podinfo-1.2.3.tgz"
    assert other
    assert other.path
    assert other.path.name == "podinfo-1.2.4.tgz"
    assert other.path.parent != one.path.parent


def test_a_fault_of_the_file_is_reported_with_those_of_options(read: Read) -> None:
    """One error contains the faults of the scenario file and of the options."""
    write("colour: red\n")

    with pytest.raises(UsageError) as caught:
        read("--canaryproof-parallel=none")

    fault, option = str(caught.value).splitlines()
    assert fault.startswith("canaryproof.yaml:5:1: unknown key 'colour'")
    assert option.startswith("--canaryproof-parallel must be")
