"""Runs the command ``canaryproof`` as ``python -m canaryproof``."""

from __future__ import annotations

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder, added by python -m; its modules may belong to a submission

from canaryproof.cli.subcommands import main

sys.exit(main())
