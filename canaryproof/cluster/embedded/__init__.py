"""The embedded provider: a real Kubernetes as one process tree in namespaces of its own.

The host's side: :mod:`provider` lends the cluster, :mod:`toolchain` has its binaries, :mod:`components`,
:mod:`certificates` and :mod:`canaryproof.cluster.stand_ins` say what it is made of, :mod:`process_tree` holds its
processes, :mod:`startup` says when it is useful, :mod:`cgroups` and :mod:`run_dirs` keep account of what outlives a
process. The cluster's side is the package :mod:`supervisor`, which imports nothing but the standard library.
"""
