"""The documentation: the sources of the site, and what generates parts of the reference."""
