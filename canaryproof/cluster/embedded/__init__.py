"""The embedded provider: a real Kubernetes as one process tree in its own namespaces.

These modules run on the host:

- :mod:`provider` lends the cluster, and :mod:`toolchain` provides its binaries.
- :mod:`components`, :mod:`certificates` and :mod:`canaryproof.cluster.stand_ins` define its contents.
- :mod:`process_tree` starts and ends its processes, and :mod:`startup` waits until it is ready.
- :mod:`cgroups` and :mod:`run_dirs` manage the objects that outlive a process.

The package :mod:`supervisor` runs inside the cluster. It imports only the standard library.
"""
