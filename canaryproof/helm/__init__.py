"""Runs Helm commands, and reads the records of a release that Helm keeps in the namespace."""
