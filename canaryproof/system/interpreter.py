"""The one way to start a Python module of this project as a process of its own.

``python -m`` puts the current folder in front of the standard library, and so does a relative or empty entry of
``PYTHONPATH``: a ``socket.py`` there would run with the rights of this process.  A child gets neither.  Its own modules
come last, so that a file beside the package cannot take the place of a module of the standard library.
"""

from __future__ import annotations

import site
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HARMLESS_FOLDER = Path("/")
"""Where children work that have no folder of their own: only root can write to it."""
_RUN = "import sys; sys.path += {packages!r}; import runpy; runpy.run_module({module!r}, None, '__main__', True)"


def module_command(
    module: str, *arguments: str, options: Sequence[str] = (), packages: Path | None = None
) -> list[str]:
    """Return the command that runs *module* with *arguments*, from whatever folder and with whatever environment.

    The interpreter ignores the current folder and all ``PYTHON*`` variables (``python -I``).  *options* are further
    ones of the interpreter, as ``-S`` for a module that needs nothing but the standard library.  *packages* is the
    folder of the module's top-level package; without it, the one that this package is in.
    """
    folder = packages or Path(__file__).parents[2]
    code = _RUN.format(packages=[str(folder.absolute()), *_user_packages(options)], module=module)
    return [interpreter(), "-I", *options, "-c", code, *arguments]


def interpreter() -> str:
    """Return this interpreter by an absolute path; links stay, for a virtual environment is found by its link."""
    return str(Path(sys.executable).absolute())


def without_python_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without the variables that let Python load code from elsewhere, as ``PYTHONPATH=.`` does."""
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


def _user_packages(options: Sequence[str]) -> list[str]:
    """Return the user's own packages where this process uses them: its dependencies may be among them."""
    if "-S" in options or not site.ENABLE_USER_SITE:
        return []
    folder = site.getusersitepackages()
    return [folder] if Path(folder).is_absolute() and folder in sys.path else []
