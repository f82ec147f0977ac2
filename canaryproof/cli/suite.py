"""Runs the acceptance suite with pytest in this process, for ``canaryproof check``, ``replay`` and ``observe``.

By default, pytest searches for its configuration, for ``conftest.py`` and for tests in the current folder and around
the submission. Files in both places are untrusted, so the arguments here point pytest to files in the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from canaryproof.pytest_plugin.option_table import KIND_OPTIONS, OBSERVE, OPTIONS, REPLAY, SUBMISSIONS, Option

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
SUITE = (
    str(ACCEPTANCE),
    f"--config-file={ACCEPTANCE / 'pytest.ini'}",
    f"--rootdir={ACCEPTANCE}",
    "--noconftest",
    "--assert=plain",  # the suite reports findings instead of assertions, and the package is already imported
    "-p",
    "no:cacheprovider",  # the cache provider would write to the folder of the package
    "-p",
    "canaryproof.pytest_plugin",  # needed if PYTEST_DISABLE_PLUGIN_AUTOLOAD is set
    "-p",
    "canaryproof.pytest_plugin.check_command",
)
CHECK_OPTIONS = tuple(each for each in (*OPTIONS, *KIND_OPTIONS) if each not in {SUBMISSIONS, REPLAY, OBSERVE})
REPLAY_OPTIONS = tuple(each for each in OPTIONS if each.name in {"scenario", "report-dir"})
OBSERVE_OPTIONS = tuple(
    each
    for each in CHECK_OPTIONS
    if each.name
    in {
        *("cluster", "cluster-name", "scenario", "helm", "kube-context", "kubeconfig"),
        *("patience", "report-dir", "toolchain"),
    }
)


def run_suite(said: Mapping[str, Any], options: Sequence[Option], *arguments: str, further: Sequence[str] = ()) -> int:
    """Run the suite and return pytest's exit code.

    *said* maps the ``dest`` of each of *options* to its values, or to None if the user did not give the option.
    *arguments* and *further* go to pytest. *further* comes last, so it takes precedence.
    """
    return int(pytest.main([*SUITE, *arguments, *_flags(said, options), *further]))


def _flags(said: Mapping[str, Any], options: Sequence[Option]) -> Iterator[str]:
    for option in options:
        for value in said[option.dest] or ():
            yield option.pytest_flag if option.switch else f"{option.pytest_flag}={value}"
