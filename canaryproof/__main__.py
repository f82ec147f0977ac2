"""``python -m canaryproof``: the command ``canaryproof``."""

from __future__ import annotations

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # python -m puts the current folder there, whose modules may be a submission's

from canaryproof.cli.subcommands import main

sys.exit(main())
