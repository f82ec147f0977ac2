"""Collects the secret values in Secrets, kubeconfigs and environment variables.  This module is pure.

The names of objects, images, labels and other identifiers are not secret, because every account that may list objects
can see them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import unquote

from canaryproof.redaction.text import decoded

SHORTEST = 8
"""The minimum number of characters of a value that counts as a secret."""
SHORTEST_PASSWORD = 6
"""The same for a value whose name suggests a secret."""

MANY_LINES = 200
"""The maximum number of lines of one value that are searched for individually."""
LONGEST_LINE = 4096
"""The maximum number of characters that are searched for at once. Longer values are split into pieces."""

COMMON = frozenset(
    (
        *("changeme", "default", "development", "disabled", "enabled", "example", "kubernetes", "localhost"),
        *("password", "postgres", "production", "required", "secret", "staging", "unknown", "username"),
    )
)
"""Values that are common words in messages. Their removal would not protect a secret."""

_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|passphrase|credential|(^|[_.-])(key|pass|pwd|auth)s?([_.-]|$)|[a-z](Key|KEY)$|api_?key",
    re.IGNORECASE,
)
_NO_SECRET_NAME = re.compile(
    r"^(OLD)?PWD$|(FILE|PATH|DIR|SOCK|URL|NAME|USER|USERNAME|EXPIRES|EXPIRY|TYPE|ALGORITHM)$|TOKENIZER", re.IGNORECASE
)
_PATH = re.compile(r"~?(/[\w.@-]+){2,}/?")
_DULL = re.compile(r"(true|false|yes|no|on|off|none|null|\d{1,7}|[\d.]+)", re.IGNORECASE)

NAMES = frozenset(("kind", "name", "generateName", "namespace", "image", "mountPath"))
"""Fields of Kubernetes objects whose values are visible to every account that may list objects."""
NAMING = frozenset({"labels", "matchLabels", "selector", "nodeSelector", "ownerReferences", "finalizers"})
FREE = frozenset({"data", "stringData", "binaryData", "annotations", "parameters"})
"""Maps whose keys are chosen by the author of the object. A key such as ``name`` has no API meaning in them."""


SECRET_DATA = ("data", "stringData")


def is_secret_object(body: Any) -> bool:
    """Report whether *body* is a Secret."""
    return isinstance(body, dict) and body.get("kind") == "Secret"


def environment_values(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of variables whose names suggest a secret, and the passwords in the URLs of all others.

    Paths, switches such as ``true``, and short numbers are never secret, regardless of the variable's name.
    """
    found = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name):
            found |= {each for each in _parts(name, value) if not _PATH.fullmatch(each)}
        elif name.lower().endswith("_proxy") or "://" in value:
            found |= set(_user_information(value))
    return frozenset(found)


def object_values(bodies: Iterable[object], identifiers: Collection[str] = ()) -> frozenset[str]:
    """Return the values in the data of all Secrets in *bodies*, as written and decoded from Base64.

    A value that is part of one of *identifiers*, such as a name or an image, is public and is left out.
    """
    pairs = chain.from_iterable(_data(each) for each in bodies)
    found = chain.from_iterable(_parts(name, value) for name, value in pairs)
    names = "\n".join(identifiers)
    return frozenset(each for each in found if each not in names)


def kubeconfig_values(document: object) -> frozenset[str]:
    """Return the credentials in a kubeconfig: tokens, passwords, keys, and those in the environment of commands."""
    return frozenset(_credentials(document, ""))


def identifiers_of(bodies: Iterable[object]) -> frozenset[str]:
    """Return the names, images, labels and other identifiers in Kubernetes objects."""
    return frozenset(chain.from_iterable(_identifiers(each, "", naming=False) for each in bodies))


def _identifiers(value: object, name: str, *, naming: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in FREE:
                yield from _identifiers(each, str(key), naming=naming or key in NAMING)
    elif isinstance(value, list):
        for each in value:
            yield from _identifiers(each, name, naming=naming)
    elif isinstance(value, str) and (naming or name in NAMES):
        yield value


def _data(body: object) -> Iterator[tuple[str, str]]:
    """Yield the names and values of the data of Secrets in *body*, at any depth."""
    if isinstance(body, list):
        for each in body:
            yield from _data(each)
    if not isinstance(body, dict):
        return
    if is_secret_object(body):
        for part in SECRET_DATA:
            entries = body.get(part)
            for name, value in entries.items() if isinstance(entries, dict) else ():
                yield str(name), str(value)
                if part == "data":
                    yield str(name), decoded(str(value))
    for value in body.values():
        yield from _data(value)


def _parts(name: str, value: str) -> Iterator[str]:
    """Yield the secret parts of *value*: the whole value, its lines, JSON fields, and passwords in URLs."""
    least = SHORTEST_PASSWORD if _SECRET_NAME.search(name) else SHORTEST
    value = value.strip()
    lines = [line.strip() for line in value.splitlines()]
    candidates = [value]
    if len(lines) > 1:
        lines = lines[:MANY_LINES]
        candidates += [line for line in lines if len(line) >= 2 * SHORTEST and not line.startswith("-----")]
        candidates += [pair[1].strip().strip("\"'") for line in lines if (pair := _assignment(line))]
    candidates += _user_information(value)
    if value.startswith(("{", "[")):
        candidates += _json_fields(value)
    for each in chain.from_iterable(map(_pieces, candidates)):
        if len(each) >= least and each.lower() not in COMMON and not _DULL.fullmatch(each):
            yield each


def _pieces(text: str) -> Iterator[str]:
    """Split *text* into as few pieces as possible, of about equal length and of at most `LONGEST_LINE` characters."""
    size = math.ceil(len(text) / (math.ceil(len(text) / LONGEST_LINE) or 1))
    return (text[start : start + size] for start in range(0, len(text), size or 1))


def _assignment(line: str) -> tuple[str, str] | None:
    name, sign, value = line.partition("=" if "=" in line.partition(": ")[0] else ": ")
    return (name, value) if sign and len(value.strip()) >= SHORTEST else None


def _json_fields(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _credentials(document, "")


def _credentials(value: object, name: str) -> Iterator[str]:
    """Yield the values of fields whose names suggest a credential, as in a kubeconfig or Docker's configuration."""
    if isinstance(value, dict):
        named = str(value.get("name", ""))
        for key, each in value.items():
            label = named if key == "value" else str(key)
            yield from _credentials(each, label)
    elif isinstance(value, list):
        for each in value:
            yield from _credentials(each, name)
    elif isinstance(value, str):
        if _SECRET_NAME.search(name) or re.search(r"key-data$", name):
            yield from (each for each in (*_parts(name, value), *_parts(name, decoded(value))) if not _is_path(each))
        elif "://" in value:
            yield from _user_information(value)


def _is_path(value: str) -> bool:
    return bool(_PATH.fullmatch(value))


_USER_INFORMATION = re.compile(r"(?:^|://)([^\s/?#\"'<>]+)@")


def _user_information(value: str) -> list[str]:
    """Return the passwords in the user information of URLs, as written and percent-decoded.

    The URL of a proxy may have no scheme (curl).
    """
    found = []
    for match in _USER_INFORMATION.finditer(value):
        password = match[1].partition(":")[2]
        found += [each for each in (password, unquote(password)) if len(each) >= SHORTEST_PASSWORD]
    return found
