"""A plugin that ``canaryproof check`` registers. While it is registered, messages name the options of that command."""
