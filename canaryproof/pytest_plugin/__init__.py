"""The pytest plugin: pytest over the engine, thin.

A project in which canaryproof is installed loads :mod:`options`, :mod:`rootdir`, :mod:`fixtures` and :mod:`activation`
alone, which import pytest and the standard library.  A fixture imports what it uses when a test asks for it.

The first test that needs the evidence of an experiment makes :mod:`activation` load the rest: :mod:`parametrize` runs
tests once per submission, :mod:`cluster_choice` finds the cluster, :mod:`runloop` orders the tests of a class,
:mod:`grading` judges, :mod:`reporting` writes the reports, and :mod:`terminal` prints what :mod:`terminal_text` words.
The state of a run is in :mod:`run_state`.
"""

pytest_plugins = [
    "canaryproof.pytest_plugin.options",
    "canaryproof.pytest_plugin.rootdir",
    "canaryproof.pytest_plugin.fixtures",
    "canaryproof.pytest_plugin.activation",
]
