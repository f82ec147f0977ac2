"""The pytest plugin: pytest over the engine, thin; one entry point, which loads its parts.

:mod:`options` reads what the user chose. :mod:`markers` defines the marker ``check``. :mod:`parametrize` runs the
acceptance tests once per submission. :mod:`cluster_choice` and :mod:`fixtures` provide the cluster,
:mod:`progress_display` shows slow work, :mod:`grading` judges, :mod:`reporting` writes the reports, and
:mod:`terminal_text` words what :mod:`terminal` prints. The state of a run is in :mod:`run_state`.
"""

pytest_plugins = [
    "canaryproof.pytest_plugin.options",
    "canaryproof.pytest_plugin.rootdir",
    "canaryproof.pytest_plugin.markers",
    "canaryproof.pytest_plugin.parametrize",
    "canaryproof.pytest_plugin.cluster_choice",
    "canaryproof.pytest_plugin.fixtures",
    "canaryproof.pytest_plugin.grading",
    "canaryproof.pytest_plugin.reporting",
    "canaryproof.pytest_plugin.runloop",
    "canaryproof.pytest_plugin.shutdown",
    "canaryproof.pytest_plugin.terminal",
]
