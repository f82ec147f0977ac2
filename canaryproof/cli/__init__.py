"""Provides the command ``canaryproof``."""

from canaryproof.cli.subcommands import main

__all__ = ["main"]
