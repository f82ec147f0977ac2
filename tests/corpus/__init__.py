"""Test charts: small mutations of the reference, each with its expected result."""
