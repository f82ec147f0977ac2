"""Where Kubernetes comes from: a provider lends a cluster for the length of a ``with`` block."""
