"""Where code comes from beside an image: what environment variables load, and where images keep programs; pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOADER_VARIABLES = _words(
    "BASH_ENV DOTNET_STARTUP_HOOKS GCONV_PATH LD_AUDIT LD_LIBRARY_PATH LD_PRELOAD NODE_PATH PATH PERL5DB PERL5LIB"
    " PERL5OPT PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE RUBYLIB RUBYOPT"
)
"""Variables by which a dynamic linker, a shell or an interpreter finds or loads other code (ld.so(8), bash(1), ...)."""
OPTION_VARIABLES: Mapping[str, re.Pattern[str]] = {
    "NODE_OPTIONS": re.compile(r"(^|\s)(-r|--require|--import|--loader|--experimental-loader)\b"),
    **dict.fromkeys(
        ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"),
        re.compile(r"-(javaagent|agentlib|agentpath|Xbootclasspath|cp|classpath|-class-path)\b"),
    ),
}
"""Variables that are common for memory limits and the like, and load other code only with these options."""

PROGRAM_TREES = _words(
    "/bin /sbin /lib /lib32 /lib64 /libexec /usr/bin /usr/sbin /usr/lib /usr/lib32 /usr/lib64 /usr/libexec"
    " /usr/local/bin /usr/local/sbin /usr/local/lib /usr/local/lib64 /usr/local/libexec /etc/ld.so.preload"
    " /etc/ld.so.conf /etc/ld.so.conf.d /etc/ld.so.cache"
)
"""Folders and files that hold programs and libraries, or say where libraries are, with all below them (hier(7))."""
PROGRAM_FOLDERS = _words(
    "/ /app /application /apps /code /go /opt /root /service /src /srv /usr /usr/local /usr/src /workspace"
)
"""Folders that images keep their program in; what is below them is often data, such as ``/app/config``."""
PACKAGES = frozenset({"/opt", "/srv", "/usr/src", "/home"})
"""Folders of which each subfolder is a package; see `DATA_NAMES`."""
DATA_NAMES = _words(
    "cache cert certs conf config configs data etc html log logs public secret secrets settings state static storage"
    " tmp uploads var www"
)
CODE_NAMES = _words("bin build dist dist-packages lib lib64 libexec node_modules sbin site-packages src")
DATA_ROOTS = frozenset({"config", "data", "dev", "etc", "media", "mnt", "proc", "run", "sys", "tmp", "var"})
"""Top-level folders below which `CODE_NAMES` say nothing: ``/var/lib`` holds data."""
CODE_SUFFIXES = _words(".cjs .class .jar .js .lua .mjs .php .pl .pth .py .pyc .rb .sh .so .ts .wasm .war")


def loads_code(name: str, value: str | None) -> bool:
    """Report whether a variable makes programs load other code; *value* is None where it is not known."""
    pattern = OPTION_VARIABLES.get(name)
    return name in LOADER_VARIABLES or (pattern is not None and (value is None or bool(pattern.search(value))))


def normal(path: str) -> str:
    """Return an absolute path without ``.``, ``..`` and double slashes, as the runtime resolves it below the root."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def holds_programs(path: str) -> bool:
    """Report whether images keep programs at *path*, so that what is mounted there may hide them.

    The image itself is not at hand: the places are those of hier(7) and of common image builds.  Places of
    configuration and data are not among them.
    """
    parent, name = posixpath.split(path)
    below = any(path == tree or path.startswith(f"{tree}/") for tree in PROGRAM_TREES)
    package = parent in PACKAGES and name not in DATA_NAMES
    code = name in CODE_NAMES and path.split("/")[1] not in DATA_ROOTS
    suffix = posixpath.splitext(name)[1].lower()
    return below or package or code or path in PROGRAM_FOLDERS or suffix in CODE_SUFFIXES
