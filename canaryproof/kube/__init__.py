"""Contains the client of the Kubernetes API, the recorder, and the Lease that marks the namespaces of a run."""
