"""Wraps services of the operating system: processes, waiting, files, locks and signals.

Nothing in this package depends on Kubernetes.
"""
