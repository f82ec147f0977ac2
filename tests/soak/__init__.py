"""Repeats the same charts: a verdict that varies shows a bug in a wait or a rule."""
