"""Recognises the mistakes that the assignment's text invites, and says in plain words what Helm's error means; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from canaryproof.model import helm_text
from canaryproof.model.causes import Cause, Code, FindingCode
from canaryproof.model.chart_source import place
from canaryproof.model.evidence import ChartFile
from canaryproof.model.helm_text import Mistake, Symptom
from canaryproof.model.objects import Manifest

VALUES = "values.yaml"
NOT_PLAIN = re.compile("[\u201c\u201d\u2018\u2019\u00a0]")
"""Typographic quotes, and the space that does not break."""
YAML = (".yaml", ".yml")
LONGEST_LINE = 1_000


@dataclass(frozen=True)
class Explanation:
    """What lies behind an error: *says* is a sentence, *where* a file and line, *hint* what to try."""

    says: str = ""
    where: str = ""
    hint: str = ""


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
    return Explanation(where=where, hint=next(_hints(fault), ""))


def _hints(fault: Fault) -> Iterator[str]:
    """Yield what helps, the likeliest first."""
    for each in fault.causes:
        if hint := OF_OBJECTS.get(each.code) or OF_TYPES.get(each.expected):
            yield hint
    yield from (MEANINGS[symptom] for symptom in helm_text.symptoms(fault.text))


def _backtick(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout's templates end in the backtick that closes its code block."""
    for file, number, line in () if fault.is_elsewhere else _lines(files):
        if line.rstrip().endswith("`") and line.count("`") % 2:
            yield Explanation(
                "there is a stray backtick (`) at the end of a line: it closes the code block in the assignment's text",
                f"{file.path}:{number}",
                "take the backtick out; it is no part of the template",
            )


def _typographic(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """What a web page or a word processor makes of quotes and spaces."""
    for file, number, line in () if fault.is_elsewhere else _lines(files):
        if found := NOT_PLAIN.search(line.partition(" #")[0]):
            name = "a space that is none (U+00A0)" if found.group() == "\u00a0" else f"a typographic quote ({found[0]})"
            yield Explanation(
                f"there is {name} in the line: it was copied from a formatted text",
                f"{file.path}:{number}",
                "type quotes and spaces by hand; YAML knows only the plain ones",
            )


def _twice(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout says both ``canary-deployment.yml`` and ``canary-deployment.yaml``."""
    if not fault.has("object-repeated") and not fault.can_come_from("object-repeated"):
        return
    seen: dict[str, str] = {}
    for file in files:
        stem, _, suffix = file.path.rpartition(".")
        if f".{suffix}" in YAML and seen.setdefault(stem, file.path) != file.path:
            yield Explanation(
                f"the same manifest is there twice, as {seen[stem]} and as {file.path}: Helm renders both",
                file.path,
                "keep one of the two files",
            )


def _unindented(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout shows ``canary:`` and ``image:`` one below the other, both in the first column."""
    text = _text(files, VALUES)
    found = re.search(r"^canary:[ \t]*(#.*)?\n([ \t]*(#.*)?\n)*image:", text, re.MULTILINE)
    if found and fault.can_come_from("values-unindented"):
        line = text.count("\n", 0, found.end()) + 1
        yield Explanation(
            "image: is not indented below canary:, so that canary is empty and image a value of its own",
            f"{VALUES}:{line}",
            "what belongs to a key stands below it and further to the right",
        )


def _misnamed_values(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout calls it ``values.yml``."""
    if _text(files, "values.yml") and (
        fault.has("field-of-wrong-type", "label-not-text") or fault.can_come_from("values-misnamed")
    ):
        yield Explanation(
            f"the values are in values.yml, which Helm does not read: it reads {VALUES} only",
            "values.yml",
            f"move what is in values.yml to {VALUES}; the assignment's text misspells the name",
        )


def _tab(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("tab"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*\t[ \t]*\S", line):
                yield Explanation(
                    "the line is indented by a tab, which YAML does not allow",
                    f"{file.path}:{number}",
                    "indent by spaces; an editor can replace the tabs",
                )


def _wide(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """What ``>`` of Windows PowerShell makes of a text: two bytes for each letter."""
    del fault
    for file in files:
        if file.path.endswith(YAML) and "\0" in file.text and (_inside_templates(file) or file.path == VALUES):
            yield Explanation(
                f"{file.path} is written in UTF-16: beside each letter stands a byte that is zero",
                file.path,
                "save the file as UTF-8; Windows PowerShell writes it with Out-File -Encoding utf8",
            )


def _colon(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A value with a colon and a space in it, as in ``image: uonyeka/canary: linux-amd64``."""
    if fault.can_come_from("colon-in-value"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[\w.-]+:[ ]+[^\s\"'{\[|>#&*!][^\"'#{]*:([ ]|$)", line):
                yield Explanation(
                    "the value has a colon with a space behind it: YAML takes that for another key",
                    f"{file.path}:{number}",
                    "take out the space, if it is none of the value's, or put the value in quotes",
                )


def _tight(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A key without the space behind its colon, as in ``image:{{ .Values.canary.image }}``."""
    if fault.can_come_from("key-without-space"):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[A-Za-z]\w*:({{|\w)", line) and "://" not in line:
                yield Explanation(
                    "there is no space behind the colon: key and value are one word",
                    f"{file.path}:{number}",
                    "put a space behind the colon of a key",
                )


def _dotless(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    del files
    if name := helm_text.dotless_name(fault.text):
        yield Explanation(
            f"{name} lacks its dot: what a template is given begins with one",
            fault.where,
            "compare the expression with that of the stable template, character by character",
        )


def _braces(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("braces"):
        for file, number, line in _lines(files):
            if _inside_templates(file) and line.count("{{") != line.count("}}") and re.search(r":\s*\S*{", line):
                yield Explanation(
                    "the braces of a template expression do not match: it begins with {{ and ends with }}",
                    f"{file.path}:{number}",
                    "count the braces on both sides of the expression",
                )


def _quotes(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or fault.can_come_from("quotes"):
        for file, number, line in _lines(files):
            plain = re.sub(r"(^|\s)#.*", "", line)
            if re.search(r":\s*[\"']", plain) and any(plain.count(quote) % 2 for quote in "\"'"):
                yield Explanation(
                    "a quote is opened in the line and not closed, or closed and not opened",
                    f"{file.path}:{number}",
                    "put the value between two quotes of the same kind",
                )


def _no_value(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A template asks for a value below a key that the values do not have."""
    asked = helm_text.asked_value(fault.text)
    if not asked:
        return
    parent = asked.path.split(".")[0]
    text = _text(files, VALUES)
    if not text.strip():
        what = f"{VALUES} is empty" if any(file.path == VALUES for file in files) else f"the chart has no {VALUES}"
        says = f"{what}, and its templates ask for .Values.{asked.path}"
    elif asked.has_parent:
        says = f"a template asks for .Values.{asked.path}, and {parent}: in {VALUES} is no map: a list, or a text"
    elif re.search(rf"^{parent}:", text, re.MULTILINE):
        says = f"a template asks for .Values.{asked.path}, and {parent}: in {VALUES} has nothing below it"
    elif re.search(rf"^[ \t]+{parent}:", text, re.MULTILINE):
        says = f"a template asks for .Values.{asked.path}, and {parent}: in {VALUES} stands below another key"
    else:
        says = f"a template asks for .Values.{asked.path}, and {VALUES} has no {parent}:"
    yield Explanation(says, fault.where, f"compare the keys of {VALUES}, and how they are indented, with that name")


def _no_image(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """An expression for a value that is not there renders to nothing."""
    if not fault.can_come_from("image-missing"):
        return
    for file, number, line in _lines(files):
        if asked := re.search(r"image:\s*[\"']?{{-?\s*\.Values\.([\w.]+)", line):
            *parents, last = asked.group(1).split(".")
            if not re.search(rf"^{'' if not parents else '[ ]+'}{last}:[ ]*\S", _text(files, VALUES), re.MULTILINE) or (
                parents and not _below(parents[-1], last, _text(files, VALUES))
            ):
                yield Explanation(
                    f"the image renders to nothing: {VALUES} has no {asked[1]}",
                    f"{file.path}:{number}",
                    "the name in the template and the keys in the values must be the same, letter by letter",
                )


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
"""Each yields itself where the chart has it and it explains the error; the surest first."""

OF_OBJECTS: Mapping[Code | FindingCode, str] = {
    "label-not-text": "numbers, true and false among labels and annotations need quotes",
    "object-repeated": "two templates call their objects the same: look at kind and metadata.name in both",
    "yaml-key-repeated": "keep the key once",
}
"""What usually helps, by what is wrong with an object."""

OF_TYPES: Mapping[str, str] = {
    "a number": "a number must not be in quotes",
    "a list": "each item of a list begins with a dash: compare it with the stable template",
    "a map": "a map has keys with values below it: compare it with the stable template",
}
"""What usually helps, by what a field should be."""

MEANINGS: Mapping[Symptom, str] = {
    "quantity": "look for what does not belong into the numbers of cpu and memory",
    "kind-unknown": "look at apiVersion and kind: this cluster has no such version, or the word is misspelt",
    "selector-differs": (
        "spec.selector.matchLabels and the labels in spec.template.metadata must be the same, letter by letter"
    ),
    "field-immutable": "a Deployment's selector cannot change: give what is new a name of its own",
    "field-unknown": "a field is misspelt, or too far left or right: mind upper case too",
    "invalid-name": "names are made of lower-case letters, digits and hyphens",
    "hook": "look at what the hook runs: Helm waits for its success, and the release fails with it",
    "lookup": "templates may look at what is in their own namespace, and nowhere else",
    "not-allowed": "the cluster's rules do not allow it: its message names the rule",
    "unended-block": "count them: each if, with, range and define has an end of its own",
    "array-for-map": "values.yaml holds keys with values; a dash makes it a list",
    "invalid-port-name": ("names of ports are small letters, digits and hyphens, 15 at most"),
    "out-of-range": "look at the range in the message, or leave the choice to the cluster",
    "port-unnamed": "a Service with several ports has a name for each",
    "invalid-address": "an address is expected there; the word None has a capital letter",
    "mount-without-volume": "the mount names a volume that is not among the volumes of the pod",
    "value-unsupported": "the message lists the values that there are: mind capital letters",
    "request-above-limit": "a request must not be larger than the limit beside it",
    "not-owned": (
        "the object is there already, and is not the release's: take it out of the chart, or give it another name"
    ),
    "kubernetes-version": "look at kubeVersion in Chart.yaml: it rules this cluster out",
    "template-unknown": "look for the file that defines the named template, and compare the names letter by letter",
    "function-unknown": "Helm has no such function: the name is misspelt, or is a text without quotes",
    "values-schema": "compare values.yaml with values.schema.json",
    "execution-error": "the chart checks its values itself, and says what it misses",
    "chart-metadata": "look at Chart.yaml: it needs apiVersion, name and version",
    "field-required": "look whether the value of that field renders to nothing",
    "indentation": ("look at how the lines around it are indented: neighbours begin in the same column"),
    "already-there": (
        "the object is there already, and Helm did not make it: take it out of the chart, or give it another name"
    ),
    "dependency-missing": (
        "nothing is fetched: hand in the folder charts that helm dependency update fills, or take the dependency out"
    ),
    "includes-itself": "a named template includes itself, and so never ends",
}
"""What usually helps, by what the error says is wrong."""


def shares_replicas(files: Iterable[ChartFile], template: str) -> str:
    """Return which value of all apps the canary's template takes its number of replicas from; empty where none."""
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
