"""The configuration of Sphinx: ``./toxw run -e docs`` builds the documentation into ``docs/_build/html``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.generate import write_pages  # noqa: E402 - the path has to be set before

write_pages(HERE / "_generated")

project = "canaryproof"
author = "the canaryproof contributors"
project_copyright = f"2026, {author}"
version = release = version_of("canaryproof")

extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated", "examples"]
nitpicky = True

smartquotes = False  # "--" stays what it is

html_theme = "furo"
html_title = f"canaryproof {release}"
html_static_path = ["_static"]
html_css_files = ["canaryproof.css"]
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
