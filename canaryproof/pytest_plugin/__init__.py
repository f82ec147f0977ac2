"""The pytest plugin, a thin layer between pytest and the engine.

A project in which canaryproof is installed loads only :mod:`options`, :mod:`rootdir`, :mod:`fixtures` and
:mod:`activation`. These import only pytest and the standard library. A fixture imports its modules when a test requests
it.

The first test that needs the evidence of an experiment makes :mod:`activation` load the rest:

- :mod:`parametrize` runs tests once per submission.
- :mod:`cluster_choice` finds the cluster.
- :mod:`runloop` orders the tests of a class.
- :mod:`grading` judges the checks.
- :mod:`reporting` writes the reports.
- :mod:`terminal` prints the text that :mod:`terminal_text` composes.

The state of a run is in :mod:`run_state`.
"""

pytest_plugins = [
    "canaryproof.pytest_plugin.options",
    "canaryproof.pytest_plugin.rootdir",
    "canaryproof.pytest_plugin.fixtures",
    "canaryproof.pytest_plugin.activation",
]
