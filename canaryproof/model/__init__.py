"""The values that all parts share: Kubernetes objects, the timeline, causes and evidence; pure."""
