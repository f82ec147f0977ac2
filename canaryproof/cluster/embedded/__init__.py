"""The embedded provider: a real Kubernetes as one process tree in namespaces of its own.

The parent's side: :mod:`provider` lends the cluster, :mod:`toolchain` builds its binaries, :mod:`layout`, :mod:`components`,
:mod:`certificates` and :mod:`images` say what it is made of, :mod:`cgroups` and :mod:`runs` keep what outlives a process.
The cluster's side is the package :mod:`inside`, which imports nothing but the standard library.
"""
