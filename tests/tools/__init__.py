"""Builds the tools of several test environments at once."""
