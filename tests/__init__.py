"""The acceptance criteria, and the harness's own tests."""
