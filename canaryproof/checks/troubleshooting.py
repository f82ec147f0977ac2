"""Recognises common mistakes, and explains Helm's errors. This module is pure.

Some of the mistakes follow from the text of the UpCommerce course.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from canaryproof.model import helm_text
from canaryproof.model.causes import Cause, Code, FindingCode, OriginCode
from canaryproof.model.chart_source import place
from canaryproof.model.evidence import ChartFile
from canaryproof.model.helm_text import AskedValue, Mistake
from canaryproof.model.hints import Hint, HintId
from canaryproof.model.objects import Manifest

VALUES = "values.yaml"
NOT_PLAIN = re.compile("[\u201c\u201d\u2018\u2019\u00a0]")
"""Typographic quotes and the no-break space."""
YAML = (".yaml", ".yml")
LONGEST_LINE = 1_000


@dataclass(frozen=True)
class Explanation:
    """The explanation of an error."""

    cause: Cause | None = None
    """The mistake, or None if it is unknown."""
    where: str = ""
    """A file of the chart, and the line if it is known."""
    hint: Hint | None = None


def mistake(code: OriginCode, where: str, **fields: Any) -> Explanation:
    """Return the explanation of a known mistake, with its hint."""
    return Explanation(Cause(code=code, **fields), where, Hint(id=code))


@dataclass(frozen=True)
class Fault:
    """What went wrong: the *text* of Helm, the cluster or the reader of YAML, and the *causes* that are known."""

    text: str
    causes: tuple[Cause, ...] = ()

    def has(self, *codes: Code) -> bool:
        """Report whether one of *codes* is among the causes."""
        return any(each.code in codes for each in self.causes)

    @property
    def is_elsewhere(self) -> bool:
        """Report whether no character out of place can have brought it about: where one stands does no harm."""
        return self.has("object-repeated") or helm_text.is_about_meaning(self.text)

    @property
    def where(self) -> str:
        """Return file and line; lines of what a template renders to are not its own."""
        for each in self.causes:
            return f"{each.file}, line {each.line} of what it renders to" if each.line else each.file
        place = helm_text.template_place(self.text)
        return (place.file if place.line is None else f"{place.file}:{place.line}") if place else ""

    def can_come_from(self, mistake: Mistake) -> bool:
        """Report whether *mistake* can have brought it about."""
        return helm_text.can_come_from(mistake, self.text)


def explain(
    error: str, files: tuple[ChartFile, ...], manifests: Iterable[Manifest] = (), cause: Cause | None = None
) -> Explanation:
    """Return what *error* of Helm or the cluster means: a trap by its name, else the place and what usually helps.

    Where *cause* has the facts, the sentence made of them is not looked at.
    """
    fault = Fault("; ".join(each.detail for each in cause.parts), cause.parts) if cause else Fault(error)
    for trap in TRAPS:
        if found := next(trap(fault, files), None):
            return found
    where = fault.where or _object_place(fault.text, files, manifests)
    return Explanation(where=where, hint=next(_hints(fault), None))


def _hints(fault: Fault) -> Iterator[Hint]:
    """Yield the hints for a fault, the likeliest first."""
    for each in fault.causes:
        if hint := OF_OBJECTS.get(each.code) or OF_TYPES.get(each.expected):
            yield Hint(id=hint)
    yield from (Hint(id=symptom) for symptom in helm_text.symptoms(fault.text))


def _backtick(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout's templates end in the backtick that closes its code block."""
    for file, number, line in () if fault.is_elsewhere else _lines(files):
        if line.rstrip().endswith("`") and line.count("`") % 2:
            yield mistake("stray-backtick", f"{file.path}:{number}")


def _typographic(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """Web pages and word processors replace plain quotes and spaces with typographic ones."""
    for file, number, line in () if fault.is_elsewhere else _lines(files):
        if found := NOT_PLAIN.search(line.partition(" #")[0]):
            yield mistake("character-typographic", f"{file.path}:{number}", found=found.group())


def _twice(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout uses both names ``canary-deployment.yml`` and ``canary-deployment.yaml``."""
    if not fault.has("object-repeated") and not fault.can_come_from("object-repeated"):
        return
    seen: dict[str, str] = {}
    for file in files:
        stem, _, suffix = file.path.rpartition(".")
        if f".{suffix}" in YAML and seen.setdefault(stem, file.path) != file.path:
            yield mistake("manifest-twice", file.path, files=(seen[stem], file.path))


def _unindented(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout shows ``canary:`` and ``image:`` one below the other, both in the first column."""
    text = _text(files, VALUES)
    found = re.search(r"^canary:[ \t]*(#.*)?\n([ \t]*(#.*)?\n)*image:", text, re.MULTILINE)
    if found and fault.can_come_from("values-unindented"):
        yield mistake("image-not-indented", f"{VALUES}:{text.count(chr(10), 0, found.end()) + 1}")


def _misnamed_values(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout calls the values file ``values.yml``."""
    if _text(files, "values.yml") and (
        fault.has("field-of-wrong-type", "label-not-text") or fault.can_come_from("values-misnamed")
    ):
        yield mistake("values-misnamed", "values.yml")


def _tab(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("tab"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*\t[ \t]*\S", line):
                yield mistake("tab-indents", f"{file.path}:{number}")


def _wide(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The ``>`` operator of Windows PowerShell writes text with two bytes for each letter."""
    del fault
    for file in files:
        if file.path.endswith(YAML) and "\0" in file.text and (_inside_templates(file) or file.path == VALUES):
            yield mistake("file-utf-16", file.path, file=file.path)


def _colon(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A value with a colon and a space in it, as in ``image: uonyeka/canary: linux-amd64``."""
    if fault.can_come_from("colon-in-value"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[\w.-]+:[ ]+[^\s\"'{\[|>#&*!][^\"'#{]*:([ ]|$)", line):
                yield mistake("colon-in-value", f"{file.path}:{number}")


def _tight(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A key without the space behind its colon, as in ``image:{{ .Values.canary.image }}``."""
    if fault.can_come_from("key-without-space"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[A-Za-z]\w*:({{|\w)", line) and "://" not in line:
                yield mistake("colon-without-space", f"{file.path}:{number}")


def _dotless(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    del files
    if name := helm_text.dotless_name(fault.text):
        yield mistake("dot-missing", fault.where, field=name)


def _braces(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("braces"):
        for file, number, line in _lines(files):
            if _inside_templates(file) and line.count("{{") != line.count("}}") and re.search(r":\s*\S*{", line):
                yield mistake("braces-unmatched", f"{file.path}:{number}")


def _quotes(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("quotes"):
        for file, number, line in _lines(files):
            plain = re.sub(r"(^|\s)#.*", "", line)
            if re.search(r":\s*[\"']", plain) and any(plain.count(quote) % 2 for quote in "\"'"):
                yield mistake("quote-unmatched", f"{file.path}:{number}")


def _no_value(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A template asks for a value below a key that the values do not have."""
    if asked := helm_text.asked_value(fault.text):
        yield mistake(_lack_of(asked, files), fault.where, field=asked.path)


def _lack_of(asked: AskedValue, files: tuple[ChartFile, ...]) -> OriginCode:
    """Return the fault of the values that keeps a template from getting a value."""
    parent, text = asked.path.split(".")[0], _text(files, VALUES)
    if not text.strip():
        return "values-empty" if any(file.path == VALUES for file in files) else "values-missing"
    if asked.has_parent:
        return "value-no-map"
    if re.search(rf"^{parent}:", text, re.MULTILINE):
        return "values-key-empty"
    return "values-key-nested" if re.search(rf"^[ \t]+{parent}:", text, re.MULTILINE) else "value-missing"


def _no_image(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """An expression for a missing value renders to an empty string."""
    if not fault.can_come_from("image-missing"):
        return
    for file, number, line in _lines(files):
        if asked := re.search(r"image:\s*[\"']?{{-?\s*\.Values\.([\w.]+)", line):
            *parents, last = asked.group(1).split(".")
            if not re.search(rf"^{'' if not parents else '[ ]+'}{last}:[ ]*\S", _text(files, VALUES), re.MULTILINE) or (
                parents and not _below(parents[-1], last, _text(files, VALUES))
            ):
                yield mistake("image-value-missing", f"{file.path}:{number}", field=asked[1])


def _below(parent: str, key: str, text: str) -> bool:
    return bool(re.search(rf"^{parent}:.*\n(?:[ #].*\n|\t*\n)*?[ ]+{key}:[ ]*\S", f"{text}\n", re.MULTILINE))


Trap = Callable[[Fault, tuple[ChartFile, ...]], Iterator[Explanation]]
TRAPS: tuple[Trap, ...] = (
    _wide,
    _backtick,
    _typographic,
    _twice,
    _unindented,
    _misnamed_values,
    _no_value,
    _no_image,
    _tab,
    _dotless,
    _braces,
    _quotes,
    _colon,
    _tight,
)
"""The detectors of mistakes, the most certain first. Each yields a mistake that explains the error."""

OF_OBJECTS: Mapping[Code | FindingCode, HintId] = {
    "label-not-text": "label-not-text",
    "object-repeated": "object-repeated",
    "yaml-key-repeated": "key-repeated",
}
"""The hint for each fault of an object that has one."""

OF_TYPES: Mapping[str, HintId] = {"a number": "field-is-number", "a list": "field-is-list", "a map": "field-is-map"}
"""The hint for a field of the wrong type, by what it should be."""


def shares_replicas(files: Iterable[ChartFile], template: str) -> str:
    """Return the shared value that sets the canary's replicas in its template, or an empty string."""
    text = _text(files, template)
    found = re.search(r"^[ \t]*replicas:[ \t]*[\"']?{{-?\s*\.Values\.(\w+)\s*-?}}", text, re.MULTILINE)
    return found.group(1) if found else ""


def _object_place(error: str, files: tuple[ChartFile, ...], manifests: Iterable[Manifest]) -> str:
    """Return where the object that an error names is written, and the field where it stands there once."""
    named = [each for each in manifests if each.name and helm_text.has_word(error, each.name)]
    kinds = [each for each in named if helm_text.has_word(error, each.kind)]
    if not named:
        return ""
    return place(files, (kinds or named)[0].template, *helm_text.faulty_fields(error))


def _lines(files: Iterable[ChartFile]) -> Iterator[tuple[ChartFile, int, str]]:
    """Yield the lines of templates and values, numbered from 1, but for those that nobody has written by hand."""
    for file in files:
        if file.path.endswith(YAML) and (_inside_templates(file) or file.path == VALUES):
            for number, line in enumerate(file.text.splitlines(), 1):
                if len(line) <= LONGEST_LINE and not line.lstrip().startswith("#"):
                    yield file, number, line


def _inside_templates(file: ChartFile) -> bool:
    return file.path.startswith("templates/")


def _text(files: Iterable[ChartFile], path: str) -> str:
    return next((file.text.replace("\r\n", "\n") for file in files if file.path == path), "")
