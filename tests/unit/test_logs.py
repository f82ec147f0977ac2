"""The package logs nothing by default, and never a credential."""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import pytest

from canaryproof.system.logs import logger_of
from canaryproof.system.process import run


def test_a_command_is_logged_with_its_duration_and_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """The log shows a command with its duration, and without values of its environment."""
    with caplog.at_level(logging.DEBUG, logger="canaryproof"):
        run(["/bin/echo", "hunter2-and-more"], timeout=10, env={"DB_PASSWORD": "hunter2-and-more"})

    started, ended = caplog.messages
    assert started.startswith("running /bin/echo ")
    assert re.match(r"ran \d+\.\d\d s: /bin/echo ", ended)
    assert "hunter2" not in caplog.text


def test_a_logger_removes_what_looks_like_a_credential(caplog: pytest.LogCaptureFixture) -> None:
    """The logger redacts credentials in every message, for example in a quoted header."""
    with caplog.at_level(logging.INFO, logger="canaryproof"):
        logger_of("canaryproof.test").info("refused: %s", "Authorization: Bearer abcdef0123456789abcdef")

    assert "abcdef0123456789" not in caplog.text
    assert caplog.messages[0].startswith("refused: ")


def test_the_package_is_silent_by_default() -> None:
    """The package prints nothing by default, not even through Python's handler of last resort."""
    program = "from canaryproof.system.logs import logger_of; logger_of('canaryproof.test').error('heard')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert ended.stdout + ended.stderr == ""
