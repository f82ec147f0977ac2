"""Judges evidence by the acceptance criteria, and returns findings and results.  This package is pure."""
