"""kind through pytest-kind: Kubernetes in a container of the user's Docker.

:mod:`provider` lends the cluster, :mod:`creating` calls pytest-kind so that nothing waits for ever and nothing stays,
:mod:`configuration` says what a node is told, :mod:`docker` asks Docker, and :mod:`images` serves the stand-ins.
"""
