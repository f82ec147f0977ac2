"""The acceptance suite: ``pytest --pyargs canaryproof.acceptance``, or ``canaryproof check``."""
