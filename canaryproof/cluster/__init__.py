"""Contains the providers. A provider lends a Kubernetes cluster for the length of a ``with`` block."""
