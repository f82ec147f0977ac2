"""What decides: manifests in, canary out; timeline in, outcome out; pure."""
