"""Finds the canary in manifests, and decides its outcome from a timeline.  This package is pure."""
