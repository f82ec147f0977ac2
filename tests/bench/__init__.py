"""Measures the duration and the memory use of the harness."""
