"""Helm: its commands, and the records that it keeps of a release in the namespace."""
