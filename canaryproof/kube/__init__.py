"""The Kubernetes API: the client, the recorder, the lease that marks the namespaces of a run."""
