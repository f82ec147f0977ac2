"""Defines the values that all packages share: Kubernetes objects, the timeline, causes and evidence.  Pure."""
