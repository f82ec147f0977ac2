"""Tells without a cluster what a scenario leads to, and writes scenario files for charts."""
