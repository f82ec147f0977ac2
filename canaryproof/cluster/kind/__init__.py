"""kind through pytest-kind: Kubernetes in a container of the user's Docker.

:mod:`provider` lends the cluster, :mod:`pytest_kind_cluster` calls pytest-kind so that nothing waits for ever and
nothing stays, :mod:`config` says what a node is told, :mod:`docker` asks Docker, and :mod:`node_registry` serves the
stand-ins.
"""

DEFAULT_NAME = "pytest-kind"
"""The name of the cluster that pytest-kind uses by default."""
