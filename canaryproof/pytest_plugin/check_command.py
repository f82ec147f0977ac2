"""A plugin that ``canaryproof check`` adds: its presence tells that options have the names of that command."""
