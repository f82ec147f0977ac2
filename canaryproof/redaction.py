"""Removes credentials from text and from Kubernetes objects before they are kept or shown; pure.

Two kinds of rules apply.  Fixed patterns recognize what a credential looks like anywhere: the user information of a URL
(RFC 3986, section 3.2.1), ``Authorization`` headers (RFC 9110), JSON Web Tokens (RFC 7519), private keys (RFC 7468) and
fields that are named like a password.  Known values are the data of the Secrets of a run, the credentials of its
kubeconfig, and environment variables that are named like a secret; they are found as they are and in Base64.

The names of objects, images, labels and other identifiers are no secrets and stay: what is judged does not change.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import secrets
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote, unquote

MARK = "[redacted]"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which ``kubectl apply`` repeats the whole object."""
HOOK = "helm.sh/hook"
"""The annotation that says when Helm runs a hook: remarks depend on its value."""

SHORTEST = 8
"""Characters of a value that counts as a secret."""
SHORTEST_PASSWORD = 6
"""The same for a value that is named like a password."""
WHOLE_WORD = 10
"""Shorter values are found as whole words only."""
SHORTEST_PART = 8
"""Characters of a known value that are removed where the text was cut in the middle of it."""
LONG = 1000
"""Characters of a text that may have been cut: messages of events, of containers and of Helm, and logs."""
CUT = " ... "
"""What stands in a long message of Helm for what was left out."""
MANY_LINES = 200
"""Lines of one value that are searched for, each on its own."""
LONGEST_LINE = 4096
"""Characters that are searched for at once; a longer value is searched for in pieces."""
DIGEST = 8
"""Hexadecimal digits of the keyed digest by which a changed value is told from an unchanged one."""

COMMON = frozenset(
    (
        *("changeme", "default", "development", "disabled", "enabled", "example", "kubernetes", "localhost"),
        *("password", "postgres", "production", "required", "secret", "staging", "unknown", "username"),
    )
)
"""Values that are words of ordinary messages: removing them would hide no secret."""

_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|passphrase|credential|(^|[_.-])(key|pass|pwd|auth)s?([_.-]|$)|[a-z](Key|KEY)$|api_?key",
    re.IGNORECASE,
)
_NO_SECRET_NAME = re.compile(
    r"^(OLD)?PWD$|(FILE|PATH|DIR|SOCK|URL|NAME|USER|USERNAME|EXPIRES|EXPIRY|TYPE|ALGORITHM)$|TOKENIZER", re.IGNORECASE
)
_PATH = re.compile(r"~?(/[\w.@-]+){2,}/?")
_DULL = re.compile(r"(true|false|yes|no|on|off|none|null|\d{1,7}|[\d.]+)", re.IGNORECASE)

_FIELD = (
    r"[\w.-]{0,64}(?:password|passwd|passphrase|client[_-]?(?:secret|token|key-data)"
    r"|(?:api|access|private|signing|encryption|account|shared)[_-]?(?:key|secret|token)"
    r"|secret[_-]?key|(?:id|refresh|bearer|session|job|auth|identity)[_-]?token)"
)
_VARIABLE = r"[A-Z][A-Z0-9_]{0,64}(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|_KEY|APIKEY|_PASS|_PWD)"
_NOTHING_SECRET = re.compile(
    r"(?:none|null|nil|true|false|yes|no|empty|missing|required|invalid|unset|unknown|not|is|are|was|must|should"
    r"|the|a|an|expected|given|wrong|incorrect|rejected|denied|expired|unsupported|forbidden|duplicate|too|and|or|string|text"
    r"|Invalid|Required|Forbidden|Unsupported|undefined|default|optional|\d{1,3})[.,;:!?]*"
    r"|\[redacted\].*|\(empty\)|<.*>|\{\{.*|\$\(.*\)|\$\{.*\}|\$[A-Z_]+|%[a-z]|\*+|\.\.\.|[|>][+-]?|\{\}?|\[\]?",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"\s*(\{\{[^{}\"'`]*\}\}\s*)+")
"""A value that a template takes from elsewhere: no literal is in it."""
_KIND = re.compile(
    r"""^[ \t]{0,99}-?[ \t]{0,99}["']?kind["']?[ \t]*:[ \t]*["']?Secret["']?[ \t]*(#.*)?$""", re.MULTILINE
)
_JSON_KIND = re.compile(r'"kind"\s*:\s*"Secret"')
_JSON_DATA = re.compile(r'("(?:data|stringData)"\s*:\s*)\{[^{}]*\}')
_DATA = re.compile(r"""^(?P<indent>[ \t]*(?:-[ \t]+)?)["']?(?:data|stringData)["']?[ \t]*:[ \t]*(?P<rest>.*)$""")
_PAIR = re.compile(r"""^(?P<head>[ \t]*["']?[\w.-]+["']?[ \t]*:[ \t]*)(?P<value>\S.*)$""")

NAMES = frozenset(("kind", "name", "generateName", "namespace", "image", "mountPath"))
"""Fields of Kubernetes objects whose values everybody may know who may list objects."""
ASSIGNED = frozenset(
    (
        *("apiVersion", "uid", "resourceVersion", "generation", "imageID", "containerID", "creationTimestamp"),
        *("deletionTimestamp", "startTime", "startedAt", "finishedAt", "lastTransitionTime", "lastUpdateTime"),
        *("lastProbeTime", "lastTimestamp", "firstTimestamp", "eventTime"),
    )
)
"""Fields that the API server and the kubelet fill in."""
WORDS = frozenset(
    (
        *("type", "status", "reason", "phase", "protocol", "port", "targetPort", "restartPolicy", "imagePullPolicy"),
        *("component", "reportingComponent", "action", "mode", "defaultMode"),
    )
)
"""Fields that hold a word of the API, the name of a port or the mode of a file: what is judged is read in them."""
_WORD = re.compile(r"[A-Za-z]+|[a-z0-9-]{1,15}|\d+")
_NAMING = frozenset({"labels", "matchLabels", "selector", "nodeSelector", "ownerReferences", "finalizers"})
_FREE = frozenset({"data", "stringData", "binaryData", "annotations", "parameters"})
"""Maps whose keys their author chooses: ``name`` says nothing there."""
_MESSAGES = frozenset({"message", "note"})
_IN_ENV = frozenset({"name", "key", "fieldPath", "resource"})


def redacted(text: str) -> str:
    """Return *text* without what looks like a credential."""
    for sign, pattern, replacement in _RULES:
        if sign.search(text):
            text = pattern.sub(replacement, text)
    return _without_secret_objects(_without_ends_of_keys(text))


class Redactor:
    """Removes what looks like a credential, and known values; safe to use from many threads.

    Equal values of an object get equal digests, different ones get different digests: a change can still be seen.  The
    key of the digest is random and never leaves this object, so that nobody can try passwords on a digest.
    """

    def __init__(self, values: Iterable[str] = (), *, key: bytes = b"") -> None:
        """Know *values*; *key* is that of another redactor whose digests are to be the same."""
        self._values = frozenset(values)
        self._key = key or secrets.token_bytes(32)
        self._known = _known(self._values)
        self._starts = _by(self._known, lambda form: form[0][:SHORTEST_PASSWORD])
        self._heads = _by(self._values, lambda value: value[:SHORTEST_PART])
        self._tails = _by(self._values, lambda value: value[-SHORTEST_PART:])
        self._leaves: dict[str, str] = {}
        self._messages: dict[str, str] = {}

    def __repr__(self) -> str:
        """Tell how many values are known, and none of them."""
        return f"Redactor({len(self._values)} values)"

    def knowing(self, values: Iterable[str]) -> Redactor:
        """Return a redactor that knows *values* too."""
        more = self._values | frozenset(values)
        return self if more == self._values else Redactor(more, key=self._key)

    def text(self, text: str, *, keep_lines: bool = False) -> str:
        """Return *text* without credentials; with *keep_lines*, what is left stays in its line."""
        if len(text) < SHORTEST_PASSWORD:
            return text
        clean = text
        for core, pattern in sorted(_found(self._starts, text, SHORTEST_PASSWORD), key=_longest_first):
            if core in clean:
                clean = re.sub(pattern, _mark, clean)
        clean = redacted(clean)
        return clean if keep_lines or clean == text else _EMPTIED.sub(MARK, clean)

    def cut_text(self, text: str) -> str:
        """Return *text* without credentials; one that is long may begin and end in the middle of a value."""
        clean = self.text(text)
        if len(text) < LONG:
            return clean
        return CUT.join(self._without_parts(part) for part in clean.split(CUT))

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a Kubernetes object without credentials and without the data of Secrets; names stay as they are."""
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
            elif key in _NAMING or (name == "env" and key in _IN_ENV) or (name == "annotations" and key == HOOK):
                found[key] = each
            else:
                found[key] = self._value(each, str(key), free=free or key in _FREE)
        return found if any(found[key] is not value[key] for key in value) else value

    def _message(self, value: str) -> str:
        if value not in self._messages:
            self._messages[value] = self.cut_text(value)
        return self._messages[value]

    def _leaf(self, value: str) -> str:
        """Return a value of an object, with a digest of what it was where something of it was removed."""
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
        """Remove the beginning of a known value at the end of *text*, and the end of one at its beginning."""
        for value in _found(self._heads, text[-LONGEST_LINE:], SHORTEST_PART):
            for size in range(len(value) - 1, SHORTEST_PART - 1, -1):
                if text.endswith(value[:size]):
                    text = f"{text[:-size]}{MARK}"
        for value in _found(self._tails, text[:LONGEST_LINE], SHORTEST_PART):
            for size in range(len(value) - 1, SHORTEST_PART - 1, -1):
                if text.startswith(value[-size:]):
                    text = f"{MARK}{text[size:]}"
        return text


_EMPTIED = re.compile(rf"{re.escape(MARK)}\n+(?=\n)")
"""What is left of several lines."""
SECRET_DATA = ("data", "stringData")


def is_secret_object(body: Any) -> bool:
    """Report whether *body* is a Secret, on its own or inside of another object."""
    return isinstance(body, dict) and body.get("kind") == "Secret"


def environment_values(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of variables that are named like a secret, and the user information of URLs in all others.

    Paths, switches and short numbers are no secrets, whatever their variable is called.
    """
    found = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _NO_SECRET_NAME.search(name):
            found |= {each for each in _parts(name, value) if not _PATH.fullmatch(each)}
        elif name.lower().endswith("_proxy") or "://" in value:
            found |= set(_user_information(value))
    return frozenset(found)


def object_values(bodies: Iterable[object], identifiers: Collection[str] = ()) -> frozenset[str]:
    """Return the values in the data of all Secrets among *bodies*, decoded where they are in Base64.

    What is part of one of *identifiers*, names and images for example, is known to everybody and is left out.
    """
    pairs = chain.from_iterable(_data(each) for each in bodies)
    found = chain.from_iterable(_parts(name, value) for name, value in pairs)
    names = "\n".join(identifiers)
    return frozenset(each for each in found if each not in names)


def kubeconfig_values(document: object) -> frozenset[str]:
    """Return the credentials in a kubeconfig: tokens, passwords, keys, and the environment of commands."""
    return frozenset(_credentials(document, ""))


def identifiers_of(bodies: Iterable[object]) -> frozenset[str]:
    """Return the names, images, labels and other identifiers in Kubernetes objects."""
    return frozenset(chain.from_iterable(_identifiers(each, "", naming=False) for each in bodies))


def _identifies(name: str, value: str) -> bool:
    """Report whether the field *name* with *value* names something, or says something in a word of the API."""
    return name in NAMES or name in ASSIGNED or (name in WORDS and bool(_WORD.fullmatch(value)))


def _identifiers(value: object, name: str, *, naming: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in _FREE:
                yield from _identifiers(each, str(key), naming=naming or key in _NAMING)
    elif isinstance(value, list):
        for each in value:
            yield from _identifiers(each, name, naming=naming)
    elif isinstance(value, str) and (naming or name in NAMES):
        yield value


def _data(body: object) -> Iterator[tuple[str, str]]:
    """Yield names and values of the data of Secrets in *body*, at any depth."""
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
                    yield str(name), _decoded(str(value))
    for value in body.values():
        yield from _data(value)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, ValueError):
        return ""


def _parts(name: str, value: str) -> Iterator[str]:
    """Yield what is secret in *value*: all of it, its lines, the fields of JSON, the password of a URL."""
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
    """Yield *text* in as few pieces of about the same length as possible, none of which is too long."""
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
    """Yield the values of fields that are named like a credential, in the way of kubeconfig and Docker's files."""
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
            yield from (each for each in (*_parts(name, value), *_parts(name, _decoded(value))) if not _is_path(each))
        elif "://" in value:
            yield from _user_information(value)


def _is_path(value: str) -> bool:
    return bool(_PATH.fullmatch(value))


_USER_INFORMATION = re.compile(r"(?:^|://)([^\s/?#\"'<>]+)@")


def _user_information(value: str) -> list[str]:
    """Return user information and passwords of URLs, as written and decoded; a proxy needs no scheme (curl)."""
    found = []
    for match in _USER_INFORMATION.finditer(value):
        password = match[1].partition(":")[2]
        found += [each for each in (password, unquote(password)) if len(each) >= SHORTEST_PASSWORD]
    return found


def _forms(value: str) -> Iterator[tuple[str, str]]:
    """Yield a text and a regular expression around it for each way in which *value* can be written."""
    texts = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    texts |= {shlex.quote(value)[1:-1]} if "'" in value else set()
    for text in texts:
        word = len(text) < WHOLE_WORD
        yield text, rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])" if word else re.escape(text)
    content = value.encode(errors="replace")
    for ahead in range(3):  # as part of a longer text, which shifts it by up to two bytes
        encoded = base64.b64encode(b"\0" * ahead + content).decode().rstrip("=")
        start = (0, 2, 3)[ahead]
        end = len(encoded) - (1 if (ahead + len(content)) % 3 else 0)
        core = encoded[start:end]
        if len(core) >= SHORTEST - 1:
            for each in {core, core.replace("+", "-").replace("/", "_")}:
                yield each, rf"[A-Za-z0-9+/_-]{{0,2}}{re.escape(each)}[A-Za-z0-9+/_-]?={{0,2}}"


Form = tuple[str, str]
"""A text to look for, and a regular expression around it."""
Item = TypeVar("Item")


def _known(values: Collection[str]) -> frozenset[Form]:
    """Return all texts to look for."""
    return frozenset(form for value in values for form in _forms(value))


def _longest_first(form: Form) -> tuple[int, Form]:
    return -len(form[0]), form


def _by(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Return *items* by their keys: a chart may have tens of thousands of values, and a run hundreds of texts."""
    found: dict[str, list[Item]] = {}
    for each in items:
        found.setdefault(key(each), []).append(each)
    return found


def _found(index: Mapping[str, list[Item]], text: str, size: int) -> list[Item]:
    """Return the items whose key, of *size* characters, is somewhere in *text*."""
    pieces = {text[start : start + size] for start in range(len(text) - size + 1)} if index else set()
    return [item for key in sorted(index.keys() & pieces) for item in index[key]]


def _mark(match: re.Match[str]) -> str:
    return MARK + "\n" * match[0].count("\n")


def _if_secret(before: str, value: str, after: str = "") -> str:
    return f"{before}{value if _NOTHING_SECRET.fullmatch(value) else MARK}{after}"


def _field(match: re.Match[str]) -> str:
    return _if_secret(match["before"], match["value"], match["after"])


def _line(match: re.Match[str]) -> str:
    """Redact a YAML field that is alone on its line; a comment after it stays."""
    value, *comment = re.split(r"[ \t](#.*)", match["value"].rstrip(), maxsplit=1)
    value, after = value.rstrip(), f"  {comment[0]}" if comment else ""
    is_sentence = " " in value and _NOTHING_SECRET.fullmatch(value.partition(" ")[0])
    return match[0] if is_sentence or _TEMPLATE.fullmatch(value) else _if_secret(match["before"], value, after)


def _looks_random(match: re.Match[str]) -> str:
    value = match["value"]
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return f"{match['before']}{MARK}" if kinds == 3 else match[0]  # noqa: PLR2004  # all three


def _encoded_key(match: re.Match[str]) -> str:
    beginning = _decoded(match[0][:64])
    return MARK if "PRIVATE KEY" in beginning else match[0]


def _rules() -> Iterator[tuple[re.Pattern[str], re.Pattern[str], str | Callable[[re.Match[str]], str]]]:
    """Yield a pattern that is quick to miss, the pattern itself, and what takes its place."""
    key = r"-----BEGIN[A-Z0-9 ]{0,40} ?PRIVATE KEY(?: BLOCK)?-----"
    end = r"-----END[A-Z0-9 ]{0,40} ?PRIVATE KEY(?: BLOCK)?-----"
    value = r"(?:\[redacted\]|\$\{\w+\}|[^\s,;&\"'`})\]]+)"
    whole = r"(?:\[redacted\]|[^\s\"'`]+)"
    yield re.compile("PRIVATE KEY"), re.compile(rf"{key}.*?(?:{end}|\Z)", re.DOTALL), _mark
    yield re.compile("LS0t"), re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]+"), _encoded_key
    yield re.compile("eyJ"), re.compile(r"\beyJ[\w-]{6,1024}\.[\w-]{4,}(?:\.[\w-]*)?"), MARK
    yield re.compile("ZXlK"), re.compile(r"\bZXlK[A-Za-z0-9+/=]{40,}"), MARK
    yield (
        re.compile("@"),
        re.compile(
            r"(://)(?!\[redacted\]@)"
            r"(?:[^\s/?#\"'<>`]{1,1024}|[^\s/?#\"'<>`@\[:]{0,256}:(?!\d+(?:[/?#]|\s|$))[^\s\"'<>`]{1,1024})(@)"
        ),
        _user_of_url,
    )
    scheme = r"(?:(?:basic|bearer|negotiate|digest|token)\s+)?"
    header = rf"(?P<before>(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?{scheme})(?P<value>[^\s,;\"']+)(?P<after>)"
    yield re.compile("uthorization|UTHORIZATION"), re.compile(header, re.IGNORECASE), _field
    scheme = r"(?P<before>\b(?:Bearer|Basic|bearer|basic) +)"
    scheme += r"(?P<value>(?!\w+=[\"'])(?=\S*(?:\d|[a-z][A-Z]|=))[\w.~+/-]{8,}=*)"
    yield re.compile("[Bb](earer|asic) "), re.compile(scheme), _bare_header
    prefixes = (
        r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|gl[a-z]{2,4}-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|dckr_pat_[\w-]{10,})"
    )
    yield re.compile("gh[pousr]_|_pat_|gl[a-z]+-|xox"), re.compile(prefixes), MARK
    bootstrap = r"\b(?=[a-z.]*\d)[a-z0-9]{6}\.(?=[a-z]*\d)[a-z0-9]{16}\b"
    yield re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"), re.compile(bootstrap), MARK
    names = re.compile("pass|key|token|secret|auth|credential|literal|user|-u ", re.IGNORECASE)
    quoted = r"(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.)+)(?P<after>(?P=quote))"
    name = rf"(?:{_FIELD}|{_VARIABLE}|token|auth)"
    yield names, re.compile(rf"(?P<before>(?<![\w$.-]){name}[\"']?\s*[:=]\s*){quoted}", re.IGNORECASE), _quoted
    escaped = r"(?P<quote>[\"'])(?P<value>[^\n]+?)(?P<after>\\(?P=quote))"
    before = rf"(?P<before>(?<![\w$.-]){name}\\+[\"']\s*[:=]\s*\\+)"
    yield names, re.compile(before + escaped, re.IGNORECASE), _quoted
    yield names, re.compile(rf"(?P<before>(?<![\w$.-]){_VARIABLE}=)(?P<value>{whole})(?P<after>)"), _field
    field = rf"(?:{_FIELD}|(?:[\w.-]{{0,64}}[_.-])?token)"
    yield names, re.compile(rf"(?P<before>(?<![\w$.-]){field}=)(?P<value>{value})(?P<after>)", re.IGNORECASE), _field
    flag = r"(?P<before>--(?:[\w-]{1,64}-)?(?:token|password|passphrase|secret|api-key|key-data)[ =])"
    yield names, re.compile(rf"{flag}(?P<value>{whole})(?P<after>)"), _field
    yield names, re.compile(rf"(?P<before>--from-literal[ =][\"']?[\w.-]+=)(?P<value>{whole})(?P<after>)"), _field
    user = rf"(?P<before>(?:-u|--user|--proxy-user)[ =][\w.-]+:)(?P<value>{whole})(?P<after>)"
    yield names, re.compile(rf"(?<!\S){user}"), _field
    line = rf"^(?P<before>[ \t]*(?:-[ \t]+)?(?:{_FIELD}|token|(?-i:{_VARIABLE}))[ \t]*:[ \t]+)"
    line += r"(?P<value>[^\s\"'][^\n]*)$"
    yield names, re.compile(line, re.IGNORECASE | re.MULTILINE), _line
    stated = rf"(?P<before>(?<![\w$.-]){_FIELD}:[ \t]+)(?P<value>(?=\S*\d)(?=\S*[A-Za-z])[^\s,;\"'`]{{6,}})(?P<after>)"
    yield names, re.compile(stated, re.IGNORECASE), _field
    weak = r"(?:[\w.-]{0,64}[_.-])?(?:token|secret|credentials?|bearer)"
    prose = rf"(?P<before>(?<![\w$.-])(?:{_FIELD}|{weak})(?::[ \t]+|=))(?P<value>[A-Za-z0-9+/_~.=-]{{12,}})"
    yield names, re.compile(prose, re.IGNORECASE), _looks_random


def _quoted(match: re.Match[str]) -> str:
    value = match["value"]
    kept = _NOTHING_SECRET.fullmatch(value) or _TEMPLATE.fullmatch(value)
    return f"{match['before']}{match['quote']}{value if kept else MARK}{match['after']}"


def _user_of_url(match: re.Match[str]) -> str:
    """Redact the user information of a URL; the user ``git`` of SSH is no credential."""
    if match[0] == "://git@":
        return match[0]
    return f"{match[1]}{MARK}{match[2]}"


def _bare_header(match: re.Match[str]) -> str:
    return f"{match['before']}{MARK}"


_RULES = tuple(_rules())


_KEY_END = re.compile(r"-----END[A-Z0-9 ]{0,40} ?PRIVATE KEY(?: BLOCK)?-----")
_LINES_OF_KEY = re.compile(
    r"(?:(?:\s|n\\){1,4}[\w+/=]{1,64}(?=\s|n\\|\Z))?(?:(?:\s|n\\){1,4}[\w+/=]{16,128}(?=\s|n\\|\Z))*"
)
"""The lines before the end of a key, read backwards."""
LONGEST_KEY = 16_384


def _without_ends_of_keys(text: str) -> str:
    """Return *text* without the ends of private keys whose beginnings were cut off."""
    parts, begin = [], 0
    for end in _KEY_END.finditer(text):
        before = text[max(begin, end.start() - LONGEST_KEY) : end.start()]
        lines = _LINES_OF_KEY.match(before[::-1])
        start = end.start() - (lines.end() if lines else 0)
        parts += [text[begin:start], MARK + "\n" * text.count("\n", start, end.end())]
        begin = end.end()
    return "".join((*parts, text[begin:]))


def _without_secret_objects(text: str) -> str:
    """Return *text* without the data of Secrets that are written in it as YAML or JSON, templates included."""
    if "Secret" not in text:
        return text
    if _JSON_KIND.search(text):
        text = _JSON_DATA.sub(rf'\1"{MARK}"', text)
    if not _KIND.search(text):
        return text
    documents = re.split(r"(^---.*$)", text, flags=re.MULTILINE)
    return "".join(_without_data(each) if _KIND.search(each) else each for each in documents)


def _without_data(document: str) -> str:
    lines: list[str] = []
    inside: int | None = None
    for line in document.split("\n"):
        depth = len(line) - len(line.lstrip(" \t"))
        if inside is not None and line.strip() and depth <= inside:
            inside = None
        if inside is not None:
            lines.append(_without_value(line))
        elif head := _DATA.match(line):
            inside = len(head["indent"])
            flow = head["rest"].startswith("{") and not head["rest"].startswith("{{")
            lines.append(f"{line[: head.start('rest')]}{MARK}" if flow else line)
        else:
            lines.append(line)
    return "\n".join(lines)


def _without_value(line: str) -> str:
    if not line.strip() or line.strip().startswith(("#", MARK)):
        return line
    pair = _PAIR.match(line)
    value = pair["value"].strip() if pair else line.strip()
    if _TEMPLATE.fullmatch(value) or re.fullmatch(r"[|>][+-]?|\[redacted\].*", value):
        return line
    return f"{pair['head']}{MARK}" if pair else f"{line[: len(line) - len(line.lstrip())]}{MARK}"
