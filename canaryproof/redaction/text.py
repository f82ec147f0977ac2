"""Removes text that has the shape of a credential.  This module is pure.

Fixed patterns recognize the user information of a URL (RFC 3986, section 3.2.1), ``Authorization`` headers (RFC 9110),
JSON Web Tokens (RFC 7519), private keys (RFC 7468), fields whose names suggest a password, and the data of Secrets that
are written as YAML or JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

MARK = "[redacted]"

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
"""A value that consists only of template expressions without literals."""
_KIND = re.compile(
    r"""^[ \t]{0,99}-?[ \t]{0,99}["']?kind["']?[ \t]*:[ \t]*["']?Secret["']?[ \t]*(#.*)?$""", re.MULTILINE
)
_JSON_KIND = re.compile(r'"kind"\s*:\s*"Secret"')
_JSON_DATA = re.compile(r'("(?:data|stringData)"\s*:\s*)\{[^{}]*\}')
_DATA = re.compile(r"""^(?P<indent>[ \t]*(?:-[ \t]+)?)["']?(?:data|stringData)["']?[ \t]*:[ \t]*(?P<rest>.*)$""")
_PAIR = re.compile(r"""^(?P<head>[ \t]*["']?[\w.-]+["']?[ \t]*:[ \t]*)(?P<value>\S.*)$""")


def redacted(text: str) -> str:
    """Return *text* without substrings that look like a credential."""
    for sign, pattern, replacement in _RULES:
        if sign.search(text):
            text = pattern.sub(replacement, text)
    return _without_secret_objects(_without_ends_of_keys(text))


def decoded(value: str) -> str:
    """Decode Base64 text. Returns an empty string if *value* is not Base64 or does not decode to UTF-8."""
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, ValueError):
        return ""


def mark(match: re.Match[str]) -> str:
    """Return the mark that replaces the match, followed by the line ends of the match."""
    return MARK + "\n" * match[0].count("\n")


def _if_secret(before: str, value: str, after: str = "") -> str:
    return f"{before}{value if _NOTHING_SECRET.fullmatch(value) else MARK}{after}"


def _field(match: re.Match[str]) -> str:
    return _if_secret(match["before"], match["value"], match["after"])


def _line(match: re.Match[str]) -> str:
    """Redact a YAML field that is alone on its line. A comment after the field is kept."""
    value, *comment = re.split(r"[ \t](#.*)", match["value"].rstrip(), maxsplit=1)
    value, after = value.rstrip(), f"  {comment[0]}" if comment else ""
    is_sentence = " " in value and _NOTHING_SECRET.fullmatch(value.partition(" ")[0])
    return match[0] if is_sentence or _TEMPLATE.fullmatch(value) else _if_secret(match["before"], value, after)


def _looks_random(match: re.Match[str]) -> str:
    value = match["value"]
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return f"{match['before']}{MARK}" if kinds == 3 else match[0]  # noqa: PLR2004  # all three kinds of characters


def _encoded_key(match: re.Match[str]) -> str:
    beginning = decoded(match[0][:64])
    return MARK if "PRIVATE KEY" in beginning else match[0]


def _rules() -> Iterator[tuple[re.Pattern[str], re.Pattern[str], str | Callable[[re.Match[str]], str]]]:
    """Yield each rule: a pattern that quickly excludes most texts, the full pattern, and its replacement."""
    key = r"-----BEGIN[A-Z0-9 ]{0,40} ?PRIVATE KEY(?: BLOCK)?-----"
    end = r"-----END[A-Z0-9 ]{0,40} ?PRIVATE KEY(?: BLOCK)?-----"
    value = r"(?:\[redacted\]|\$\{\w+\}|[^\s,;&\"'`})\]]+)"
    whole = r"(?:\[redacted\]|[^\s\"'`]+)"
    yield re.compile("PRIVATE KEY"), re.compile(rf"{key}.*?(?:{end}|\Z)", re.DOTALL), mark
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
    """Redact the user information of a URL. The SSH user ``git`` is not a credential."""
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
"""The lines before the end marker of a key, in reversed text."""
LONGEST_KEY = 16_384


def _without_ends_of_keys(text: str) -> str:
    """Return *text* without the remaining ends of private keys whose beginnings were cut off."""
    parts, begin = [], 0
    for end in _KEY_END.finditer(text):
        before = text[max(begin, end.start() - LONGEST_KEY) : end.start()]
        lines = _LINES_OF_KEY.match(before[::-1])
        start = end.start() - (lines.end() if lines else 0)
        parts += [text[begin:start], MARK + "\n" * text.count("\n", start, end.end())]
        begin = end.end()
    return "".join((*parts, text[begin:]))


def _without_secret_objects(text: str) -> str:
    """Return *text* without the data of Secrets that it contains as YAML, as JSON or as templates of these."""
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
