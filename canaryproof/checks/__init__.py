"""The acceptance criteria: evidence in, findings and results out; pure."""
