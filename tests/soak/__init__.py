"""The same charts again and again: a verdict that wobbles is a bug in a wait or in a rule."""
