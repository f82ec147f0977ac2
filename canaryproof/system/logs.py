"""The loggers of the package: silent unless somebody asks for them, and without credentials.

Nothing is logged above INFO: a fault ends in a verdict or an error, so a log only tells how it came about.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property

from canaryproof.redaction import Redactor, environment_values

# Here and not in canaryproof/__init__: children with the standard library alone would import logging for nothing.
logging.getLogger("canaryproof").addHandler(logging.NullHandler())


class CleanLog(logging.Filter):
    """Removes credentials, and the secrets in the environment of this process, from what is logged."""

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor(environment_values(os.environ))

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, redacted."""
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        return True


def logger_of(module: str) -> logging.Logger:
    """Return the logger of *module*, whose records are redacted."""
    logger = logging.getLogger(module)
    logger.addFilter(CleanLog())
    return logger
