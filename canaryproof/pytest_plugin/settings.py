"""The user's settings, read from the options and validated before anything starts.

Relative paths from flags and the environment start at the current folder. Those from the ini file start at the folder
of that file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from canaryproof.cluster.embedded.toolchain import kubernetes_minors
from canaryproof.cluster.image_archives import opened_image
from canaryproof.cluster.lending import ClusterOptions
from canaryproof.errors import UsageError
from canaryproof.model.registries import Registries, endpoint
from canaryproof.pytest_plugin.option_table import DEFAULT_SUBMISSION, IMAGES, KIND_OPTIONS, OPTIONS, PROVIDERS
from canaryproof.pytest_plugin.options import NO, YES, Environment, Given, given
from canaryproof.reports.reader import find_records
from canaryproof.scenario.scenario_file import UPCOMMERCE, default_file, load_scenario
from canaryproof.scenario.scenario_of_run import Additions, scenario_of_run, values_files
from canaryproof.scenario.terms import ImageArchive, Scenario
from canaryproof.submissions.discovery import Submission, find_submissions
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.ownership import require_own
from canaryproof.system.paths import chart_cache
from canaryproof.system.plain_text import escaped
from canaryproof.timeouts import patience_of

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, kw_only=True)
class Settings(ClusterOptions):
    """The user's settings."""

    submissions: tuple[Submission, ...]
    scenario: Scenario
    parallel: int | None = None
    report_dir: Path | None = None
    records: Mapping[Submission, Path] = field(default_factory=dict)
    """The flight records that are judged without an experiment, by submission. It is empty unless this is a replay."""
    resume: bool = False
    step_summary: Path | None = None
    """The Markdown file from which GitHub Actions shows a job summary; None outside of GitHub Actions."""
    yes: bool = False


_SETTINGS = pytest.StashKey[Settings | UsageError]()


def settings_of(config: pytest.Config) -> Settings:
    """Return the user's settings.

    A test that needs no submissions gets the settings even when the submissions are invalid.

    Raises pytest.UsageError that lists every invalid setting.
    """
    settings = settings_or_error(config)
    if isinstance(settings, UsageError):
        try:
            settings = read_settings(config, os.environ, submissions=False)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error
    return settings


def settings_or_error(config: pytest.Config) -> Settings | UsageError:
    """Return the user's settings, or the error that lists every invalid one."""
    if _SETTINGS not in config.stash:
        try:
            config.stash[_SETTINGS] = read_settings(config, os.environ)
        except UsageError as error:
            config.stash[_SETTINGS] = error
    return config.stash[_SETTINGS]


def read_settings(config: pytest.Config, environment: Environment, *, submissions: bool = True) -> Settings:
    """Return the user's settings. With *submissions* false, no submission is searched for.

    Raises UsageError that lists every invalid setting.
    """
    return _Reading(config, environment, submissions).settings()


@dataclass
class _Reading:
    config: pytest.Config
    environment: Environment = field(repr=False)
    needs_submissions: bool
    problems: list[str] = field(default_factory=list)

    def settings(self) -> Settings:
        scenario = self._scenario()
        if archives := self._value("image", _image_archives):
            scenario = replace(scenario, images={**scenario.images, **archives})
        records = self._value("replay", lambda it: find_records(it.path())) or {}
        observe = self._value("observe", _truth) or False
        settings = Settings(
            scenario=scenario,
            cluster=self._value("cluster", _provider) or "auto",
            submissions=tuple(records) or self._looked_for(scenario, observe=observe),
            records=records,
            parallel=self._value("parallel", _count),
            images=self._value("images", _images),
            image_mirror=self._value("image-mirror", _mirror),
            image_registries=self._value("image-registry", _registries) or (),
            report_dir=self._value("report-dir", _creatable),
            resume=self._value("resume", _truth) or False,
            step_summary=Path(summary) if (summary := self.environment.get(STEP_SUMMARY)) else None,
            toolchain=self._value("toolchain", _toolchain),
            helm=self._value("helm", _own_executable),
            patience=self._value("patience", _factor) or 1,
            kubeconfig=self._value("kubeconfig", Given.path),
            kube_context=self._value("kube-context", _text),
            yes=self._value("yes", _truth) or False,
            observe=observe,
            cluster_name=self._value("cluster-name", _text),
            keep_cluster=self._value("keep-cluster", _truth) or False,
            kind_image=self._value("kind-image", _text),
            kind_bin=self._value("kind-bin", _own_executable),
            kind_kubectl_bin=self._value("kind-kubectl-bin", _own_executable),
            kubernetes=self._value("kubernetes", lambda it: _choice(it, kubernetes_minors())),
        )
        if settings.resume and not settings.report_dir:
            self.problems.append("--resume continues the run in --report-dir; give --report-dir too")
        if settings.resume and settings.records:
            self.problems.append("--resume and --replay exclude each other; give one of them")
        if self.problems:
            raise UsageError("\n".join(self.problems))
        return settings

    def _scenario(self) -> Scenario:
        """Return the scenario with the values of the command line. A fault is recorded."""
        said, here = self._given("scenario"), self.config.invocation_params.dir
        try:
            scenario = load_scenario(said.path() if said else default_file(here))
        except UsageError as error:
            self.problems.append(str(error))
            self.needs_submissions = False  # the file decides whether there are any
            scenario = load_scenario(UPCOMMERCE)
        added = Additions(
            values=self._value("values", _values_files) or (),
            settings=self._value("set", lambda it: it.values) or (),
            names_submission=self._given("submissions") is not None,
            own_file=said is None and default_file(here) != UPCOMMERCE,
        )
        return scenario_of_run(scenario, added, chart_cache(self.environment))

    def _looked_for(self, scenario: Scenario, *, observe: bool) -> tuple[Submission, ...]:
        if not self.needs_submissions:
            return ()
        return self._observed(scenario) if observe else self._submissions(scenario)

    def _observed(self, scenario: Scenario) -> tuple[Submission, ...]:
        """Return the release that the scenario names, as a submission."""
        if said := self._given("submissions"):
            self.problems.append(
                f"{said.by}: --observe judges a release in the cluster, not a submission; give one of them"
            )
        return (Submission(scenario.release, f"release {scenario.release} in namespace {scenario.namespace}", Path()),)

    def _submissions(self, scenario: Scenario) -> tuple[Submission, ...]:
        """Return the submissions at all paths, or the scenario's own charts.

        Each invalid path is recorded as its own problem.
        """
        said = self._given("submissions")
        if said and not scenario.submits_charts:
            self.problems.append(f"{said.by}: the scenario file names the chart of the canary; give only one of them")
            return ()
        if not scenario.submits_charts:
            return (own_submission(scenario),)
        folder = said.folder if said else self.config.invocation_params.dir
        paths = [folder / Path(each).expanduser() for each in (said.values if said else (DEFAULT_SUBMISSION,))]
        wrong = [problem for path in paths if (problem := _problem(path, scenario))]
        self.problems += wrong
        if wrong:
            return ()
        found = find_submissions(paths, chart_name=scenario.release)
        self.problems += self._judging_themselves(paths, found)
        return found

    def _judging_themselves(self, paths: Iterable[Path], found: Iterable[Submission]) -> Iterator[str]:
        """Yield a problem for each submission that contains the scenario file which is used by default."""
        default, sources = default_file(self.config.invocation_params.dir), {each.source for each in found}
        for path in () if self._given("scenario") else paths:
            if escaped(path) in sources and default.resolve().is_relative_to(path.resolve()):
                yield f"{default} is in the submission {path}; name the scenario file with --scenario if it is yours"

    def _value(self, name: str, read: Callable[[Given], Any]) -> Any:
        said = self._given(name)
        try:
            return read(said) if said else None
        except UsageError as error:
            self.problems.append(str(error))
            return None

    def _given(self, name: str) -> Given | None:
        option = next(each for each in (*OPTIONS, *KIND_OPTIONS) if each.name == name)
        return given(option, self.config, self.environment)


def _problem(path: Path, scenario: Scenario) -> str:
    try:
        find_submissions([path], chart_name=scenario.release)
    except UsageError as error:
        return str(error)
    return ""


def _provider(said: Given) -> str:
    return _choice(said, PROVIDERS)


def _images(said: Given) -> str:
    return _choice(said, IMAGES)


def _mirror(said: Given) -> str:
    """Return the URL of the mirror.

    Raises UsageError for a URL with a user: containerd and dockerd do not accept one, and command lines would show it.
    """
    try:
        url = urlsplit(said.last)
        Registries.of(mirror=said.last)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
        wanted = "the URL of a registry without a user, http://HOST:PORT"
        raise UsageError(f"{said.by} must be {wanted}, not {said.last.rpartition('@')[2]!r}")
    return said.last.rstrip("/")


def _registries(said: Given) -> tuple[str, ...]:
    try:
        return tuple(str(endpoint(each.strip())) for each in said.values)
    except ValueError as error:
        raise UsageError(f"{said.by} must be the host of a registry, HOST or HOST:PORT: {error}") from error


def _image_archives(said: Given) -> dict[str, ImageArchive]:
    """Return the archives of images by image reference.

    Raises UsageError when an archive does not contain its image.
    """
    found = {}
    for each in said.values:
        image, equals, archive = each.partition("=")
        if not (image and equals and archive):
            raise UsageError(f"{said.by} must be TAG=ARCHIVE, such as app:dev=app.tar, not {each!r}")
        found[image] = ImageArchive(said.folder / Path(archive).expanduser())
        with opened_image(found[image].archive, image):
            pass
    return found


def _text(said: Given) -> str:
    return said.last


def _truth(said: Given) -> bool:
    if said.last.lower() not in (*YES, *NO):
        raise UsageError(f"{said.by} must be yes or no, not {said.last!r}")
    return said.last.lower() in YES


def _choice(said: Given, choices: tuple[str, ...]) -> str:
    if said.last not in choices:
        raise UsageError(f"{said.by} must be one of {', '.join(choices)}, not {said.last!r}")
    return said.last


def _count(said: Given) -> int:
    if not (said.last.isascii() and said.last.isdigit() and int(said.last)):
        raise UsageError(f"{said.by} must be a number of experiments, at least 1, not {said.last!r}")
    return int(said.last)


def _factor(said: Given) -> float:
    try:
        return patience_of(said.last)
    except ValueError as error:
        raise UsageError(f"{said.by} {error}") from error


def _existing(said: Given, fits: Callable[[Path], bool], what: str) -> Path:
    if not fits(said.path()):
        seen = "is not one" if said.path().exists() else "does not exist"
        raise UsageError(f"{said.by} must be {what}, but {said.path()} {seen}; correct the path")
    return said.path()


def _executable(said: Given) -> Path:
    return _existing(said, _is_executable, "an executable file")


def _own_executable(said: Given) -> Path:
    """Return the path of a program that no other user can replace, because it runs as this user, who is often root."""
    path = _executable(said)
    require_own(path, said.by)
    return path


def _values_files(said: Given) -> tuple[Path, ...]:
    return values_files(said.values, said.folder, said.by)


def _toolchain(said: Given) -> Path:
    path = _existing(said, Path.is_dir, "a folder of binaries")
    for each in (path, *sorted(path.iterdir())):
        require_own(each, said.by)
    return path


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _creatable(said: Given) -> Path:
    """Return the path of a folder that exists or can be created. This check prevents a run whose reports are lost."""
    path = said.path()
    nearest = next(each for each in (path, *path.parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise UsageError(f"{said.by} must be a folder that can be written to, but {nearest} cannot; choose another")
    return path
