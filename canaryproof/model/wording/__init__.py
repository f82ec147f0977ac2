"""Puts facts into words; pure.  Nothing reads these sentences back."""
