"""canaryproof proves, on a real Kubernetes with the real Helm, that a canary release fails safely."""
