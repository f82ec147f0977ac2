"""Provides the loggers of the package. They are silent until logging is configured, and redact credentials.

The package logs nothing above INFO. A fault appears in a verdict or an error, and the log only shows its history.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property

from canaryproof.redaction import Redactor, environment_values

# Not in canaryproof/__init__: child processes that use only the standard library would import logging needlessly.
logging.getLogger("canaryproof").addHandler(logging.NullHandler())


class CleanLog(logging.Filter):
    """Removes credentials and the secrets in the environment of this process from log records."""

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(environment_values(os.environ))

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and accept it."""
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        return True


def logger_of(module: str) -> logging.Logger:
    """Return the logger of *module*, whose records are redacted."""
    logger = logging.getLogger(module)
    logger.addFilter(CleanLog())
    return logger
