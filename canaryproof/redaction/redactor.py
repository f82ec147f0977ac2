"""Removes credentials and known secret values from text and from Kubernetes objects.  This module is pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from canaryproof.redaction.text import MARK, mark, redacted
from canaryproof.redaction.values import (
    FREE,
    LONGEST_LINE,
    NAMES,
    NAMING,
    SECRET_DATA,
    SHORTEST,
    SHORTEST_PASSWORD,
    is_secret_object,
)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which ``kubectl apply`` stores a copy of the whole object."""
HOOK = "helm.sh/hook"
"""The annotation that defines when Helm runs a hook. Findings depend on its value."""

WHOLE_WORD = 10
"""Values with fewer characters are only found as whole words."""
SHORTEST_PART = 8
"""The minimum number of characters of a known value that are removed if the text was cut within the value."""
LONG = 1000
"""The number of characters from which a text may have been cut: logs, and messages of events, containers and Helm."""
CUT = " ... "
"""The marker of an omission in a long message of Helm."""

DIGEST = 8
"""The number of hexadecimal digits of the keyed digest that distinguishes a changed value from an unchanged one."""

ASSIGNED = frozenset(
    (
        *("apiVersion", "uid", "resourceVersion", "generation", "imageID", "containerID", "creationTimestamp"),
        *("deletionTimestamp", "startTime", "startedAt", "finishedAt", "lastTransitionTime", "lastUpdateTime"),
        *("lastProbeTime", "lastTimestamp", "firstTimestamp", "eventTime"),
    )
)
"""Fields that the API server and the kubelet set."""
WORDS = frozenset(
    (
        *("type", "status", "reason", "phase", "protocol", "port", "targetPort", "restartPolicy", "imagePullPolicy"),
        *("component", "reportingComponent", "action", "mode", "defaultMode"),
    )
)
"""Fields that contain an API keyword, the name of a port or a file mode. The checks read them."""
_WORD = re.compile(r"[A-Za-z]+|[a-z0-9-]{1,15}|\d+")
_MESSAGES = frozenset({"message", "note"})
_IN_ENV = frozenset({"name", "key", "fieldPath", "resource"})
_EMPTIED = re.compile(rf"{re.escape(MARK)}\n+(?=\n)")
"""The line ends that remain after several redacted lines."""


class Redactor:
    """Removes text that looks like a credential, and known secret values.  This class is thread-safe.

    A redacted field of an object gets a digest of its value. Equal values get equal digests and different values get
    different ones, so that changes stay visible. The key of the digest is random and is never written anywhere. A
    digest therefore does not help to guess a password.
    """

    def __init__(self, values: Iterable[str] = (), *, key: bytes = b"") -> None:
        """Redact *values*. *key* is the key of another redactor that must produce the same digests."""
        self._values = frozenset(values)
        self._key = key or secrets.token_bytes(32)
        self._known = _known(self._values)
        self._starts = _by(self._known, lambda form: form[0][:SHORTEST_PASSWORD])
        self._heads = _by(self._values, lambda value: value[:SHORTEST_PART])
        self._tails = _by(self._values, lambda value: value[-SHORTEST_PART:])
        self._leaves: dict[str, str] = {}
        self._messages: dict[str, str] = {}

    def __repr__(self) -> str:
        """Return the number of known values, but not the values."""
        return f"Redactor({len(self._values)} values)"

    def knowing(self, values: Iterable[str]) -> Redactor:
        """Return a redactor that also redacts *values*, with the same digests."""
        more = self._values | frozenset(values)
        return self if more == self._values else Redactor(more, key=self._key)

    def text(self, text: str, *, keep_lines: bool = False) -> str:
        """Return *text* without credentials. With *keep_lines*, the number of each remaining line is unchanged."""
        if len(text) < SHORTEST_PASSWORD:
            return text
        clean = text
        for core, pattern in sorted(_found(self._starts, text, SHORTEST_PASSWORD), key=_longest_first):
            if core in clean:
                clean = re.sub(pattern, mark, clean)
        clean = redacted(clean)
        return clean if keep_lines or clean == text else _EMPTIED.sub(MARK, clean)

    def cut_text(self, text: str) -> str:
        """Return *text* without credentials. A long text may begin or end in the middle of a secret value."""
        clean = self.text(text)
        if len(text) < LONG:
            return clean
        return CUT.join(self._without_parts(part) for part in clean.split(CUT))

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a Kubernetes object without credentials and without the data of Secrets. Names are kept."""
        found: dict[str, Any] = self._value(body, "", free=False)
        return found

    def _value(self, value: Any, name: str, *, free: bool) -> Any:
        if isinstance(value, dict):
            return self._map(value, name, free=free)
        if isinstance(value, list):
            items = [self._value(each, name, free=free) for each in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        if not isinstance(value, str) or (not free and _identifies(name, value)):
            return value
        return self._message(value) if name in _MESSAGES else self._leaf(value)

    def _map(self, value: dict[str, Any], name: str, *, free: bool) -> dict[str, Any]:
        is_secret = is_secret_object(value)
        found = {}
        for key, each in value.items():
            if (is_secret and key in SECRET_DATA) or key == LAST_APPLIED:
                found[key] = self._withheld(each)
            elif key in NAMING or (name == "env" and key in _IN_ENV) or (name == "annotations" and key == HOOK):
                found[key] = each
            else:
                found[key] = self._value(each, str(key), free=free or key in FREE)
        return found if any(found[key] is not value[key] for key in value) else value

    def _message(self, value: str) -> str:
        if value not in self._messages:
            self._messages[value] = self.cut_text(value)
        return self._messages[value]

    def _leaf(self, value: str) -> str:
        """Return a redacted value of an object. If something was removed, a digest of the original value follows."""
        if value not in self._leaves:
            clean = self.text(value)
            self._leaves[value] = value if clean == value else f"{clean} #{self._digest(value)}"
        return self._leaves[value]

    def _withheld(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._withheld(each) for key, each in value.items()}
        if isinstance(value, str) and value.startswith(f"{MARK} #"):
            return value
        return value if value is None else f"{MARK} #{self._digest(json.dumps(value, default=str))}"

    def _digest(self, value: str) -> str:
        return hmac.new(self._key, value.encode(errors="replace"), hashlib.sha256).hexdigest()[:DIGEST]

    def _without_parts(self, text: str) -> str:
        """Remove the start of a known value at the end of *text*, and the end of a known value at its start."""
        for value in _found(self._heads, text[-LONGEST_LINE:], SHORTEST_PART):
            for size in range(len(value) - 1, SHORTEST_PART - 1, -1):
                if text.endswith(value[:size]):
                    text = f"{text[:-size]}{MARK}"
        for value in _found(self._tails, text[:LONGEST_LINE], SHORTEST_PART):
            for size in range(len(value) - 1, SHORTEST_PART - 1, -1):
                if text.startswith(value[-size:]):
                    text = f"{MARK}{text[size:]}"
        return text


def _identifies(name: str, value: str) -> bool:
    """Report whether the field *name* contains an identifier, or an API keyword as its *value*."""
    return name in NAMES or name in ASSIGNED or (name in WORDS and bool(_WORD.fullmatch(value)))


def _forms(value: str) -> Iterator[tuple[str, str]]:
    """Yield each notation of *value* as a literal text and a regular expression that matches it."""
    texts = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    texts |= {shlex.quote(value)[1:-1]} if "'" in value else set()
    for text in texts:
        word = len(text) < WHOLE_WORD
        yield text, rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])" if word else re.escape(text)
    content = value.encode(errors="replace")
    for ahead in range(3):  # within a longer text, the Base64 is shifted by up to two bytes
        encoded = base64.b64encode(b"\0" * ahead + content).decode().rstrip("=")
        start = (0, 2, 3)[ahead]
        end = len(encoded) - (1 if (ahead + len(content)) % 3 else 0)
        core = encoded[start:end]
        if len(core) >= SHORTEST - 1:
            for each in {core, core.replace("+", "-").replace("/", "_")}:
                yield each, rf"[A-Za-z0-9+/_-]{{0,2}}{re.escape(each)}[A-Za-z0-9+/_-]?={{0,2}}"


Form = tuple[str, str]
"""A literal text to search for, and the regular expression that matches it."""
Item = TypeVar("Item")


def _known(values: Collection[str]) -> frozenset[Form]:
    """Return all forms to search for."""
    return frozenset(form for value in values for form in _forms(value))


def _longest_first(form: Form) -> tuple[int, Form]:
    return -len(form[0]), form


def _by(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Group *items* by key. A chart may have tens of thousands of values, and a run hundreds of texts."""
    found: dict[str, list[Item]] = {}
    for each in items:
        found.setdefault(key(each), []).append(each)
    return found


def _found(index: Mapping[str, list[Item]], text: str, size: int) -> list[Item]:
    """Return the items whose key, which has *size* characters, occurs in *text*."""
    pieces = {text[start : start + size] for start in range(len(text) - size + 1)} if index else set()
    return [item for key in sorted(index.keys() & pieces) for item in index[key]]
