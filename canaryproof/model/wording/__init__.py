"""Turns facts into sentences. No code parses these sentences.  This package is pure."""
