"""Charts of our own: small mutations of the reference, each with what must be said of it."""
