"""Builds the command that starts a Python module of this project as a separate process.

``python -m`` puts the current folder in front of the standard library. A relative or empty entry of ``PYTHONPATH`` does
the same. A ``socket.py`` in that folder would run with the rights of this process. A child process gets neither entry.
The child's own modules come last in its ``sys.path``, so that a file beside the package cannot replace a module of the
standard library.
"""

from __future__ import annotations

import site
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HARMLESS_FOLDER = Path("/")
"""The working directory of child processes that have no folder of their own. Only root can write to it."""
_RUN = "import sys; sys.path += {packages!r}; import runpy; runpy.run_module({module!r}, None, '__main__', True)"


def module_command(
    module: str, *arguments: str, options: Sequence[str] = (), packages: Path | None = None
) -> list[str]:
    """Return the command that runs *module* with *arguments*, in any working directory and with any environment.

    The interpreter ignores the current folder and all ``PYTHON*`` variables (``python -I``). *options* are additional
    options of the interpreter, such as ``-S`` for a module that needs only the standard library. *packages* is the
    folder that contains the module's top-level package. It defaults to the folder that contains this package.
    """
    folder = packages or Path(__file__).parents[2]
    code = _RUN.format(packages=[str(folder.absolute()), *_user_packages(options)], module=module)
    return [interpreter(), "-I", *options, "-c", code, *arguments]


def interpreter() -> str:
    """Return the absolute path of this interpreter.

    Symbolic links are kept, because Python finds a virtual environment through the link.
    """
    return str(Path(sys.executable).absolute())


def without_python_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without the variables that configure Python, such as ``PYTHONPATH``.

    They can make Python load code from other folders.
    """
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


def _user_packages(options: Sequence[str]) -> list[str]:
    """Return the user's site-packages folder if this process uses it, because it may contain dependencies."""
    if "-S" in options or not site.ENABLE_USER_SITE:
        return []
    folder = site.getusersitepackages()
    return [folder] if Path(folder).is_absolute() and folder in sys.path else []
