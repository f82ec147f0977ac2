"""Runs Kubernetes in a container of the user's Docker, with kind through pytest-kind.

:mod:`provider` lends the cluster. :mod:`pytest_kind_cluster` calls pytest-kind with time limits and cleans up after it.
:mod:`config` defines the configuration of a node. :mod:`docker` calls Docker. :mod:`node_registry` serves the
stand-ins.
"""

DEFAULT_NAME = "pytest-kind"
"""The default cluster name of pytest-kind."""
