"""The embedded provider: a real Kubernetes as one process tree in namespaces of its own.

The host's side: :mod:`provider` lends the cluster, :mod:`toolchain` has its binaries, :mod:`components`,
:mod:`certificates` and :mod:`images` say what it is made of, :mod:`tree` holds its processes, :mod:`readiness` says
when it is useful, :mod:`cgroups` and :mod:`runs` keep account of what outlives a process.  The cluster's side is the
package :mod:`inside`, which imports nothing but the standard library.
"""
