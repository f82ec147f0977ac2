"""Decides: manifests in, canary out; timeline in, outcome out; pure."""
