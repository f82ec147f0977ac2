"""Recognises the mistakes that the assignment's text invites, and says in plain words what Helm's error means; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from canaryproof.model.causes import Cause, Code, FindingCode
from canaryproof.model.chart_source import place
from canaryproof.model.evidence import ChartFile
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
        return self.has("object-repeated") or bool(ELSEWHERE.search(self.text))

    @property
    def where(self) -> str:
        """Return file and line; lines of what a template renders to are not its own."""
        for each in self.causes:
            return f"{each.file}, line {each.line} of what it renders to" if each.line else each.file
        found = re.search(r"(templates/[^\s:()]+):(\d+)", self.text)  # Helm: "...(chart/templates/a.yaml:7:3)..."
        if found:
            return f"{found[1]}:{found[2]}"
        found = re.search(r"(templates/[^\s:(),]+)", self.text)
        return found[1] if found else ""


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
    yield from (hint for pattern, hint in MEANINGS.items() if re.search(pattern, fault.text))


ELSEWHERE = re.compile(
    r"nil pointer|already exists|no matches for kind|immutable|hooks? |not defined"
    r"|missing in charts/|incompatible with Kubernetes|execution error|specifications of the schema|no template"
)
"""Errors that no character out of place can bring about: where it stands does no harm."""


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
    if not fault.has("object-repeated") and "already exists" not in fault.text:
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
    if found and re.search(r"nil pointer|[Vv]alue|image", fault.text):
        line = text.count("\n", 0, found.end()) + 1
        yield Explanation(
            "image: is not indented below canary:, so that canary is empty and image a value of its own",
            f"{VALUES}:{line}",
            "what belongs to a key stands below it and further to the right",
        )


def _misnamed_values(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """The handout calls it ``values.yml``."""
    if _text(files, "values.yml") and (
        fault.has("field-of-wrong-type", "label-not-text")
        or re.search(r"nil pointer|Required value|[Ii]nvalid|must be|not found", fault.text)
    ):
        yield Explanation(
            f"the values are in values.yml, which Helm does not read: it reads {VALUES} only",
            "values.yml",
            f"move what is in values.yml to {VALUES}; the assignment's text misspells the name",
        )


def _tab(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or re.search(r"tab character|cannot start any token|YAML|yaml", fault.text):
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
    if "mapping values are not allowed" in fault.text:
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[\w.-]+:[ ]+[^\s\"'{\[|>#&*!][^\"'#{]*:([ ]|$)", line):
                yield Explanation(
                    "the value has a colon with a space behind it: YAML takes that for another key",
                    f"{file.path}:{number}",
                    "take out the space, if it is none of the value's, or put the value in quotes",
                )


def _tight(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """A key without the space behind its colon, as in ``image:{{ .Values.canary.image }}``."""
    if re.search(r"could not find expected ':'|mapping values are not allowed|did not find expected", fault.text):
        for file, number, line in _lines(files):
            if re.match(r"[ ]*(- )?[A-Za-z]\w*:({{|\w)", line) and "://" not in line:
                yield Explanation(
                    "there is no space behind the colon: key and value are one word",
                    f"{file.path}:{number}",
                    "put a space behind the colon of a key",
                )


def _dotless(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    del files
    if found := re.search(r"function \"(Values|Release|Chart|Files|Capabilities)\" not defined", fault.text):
        yield Explanation(
            f"{found[1]} lacks its dot: what a template is given begins with one",
            fault.where,
            "compare the expression with that of the stable template, character by character",
        )


def _braces(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or re.search(r"parse error|unexpected|unclosed action|unterminated|YAML|yaml", fault.text):
        for file, number, line in _lines(files):
            if _inside_templates(file) and line.count("{{") != line.count("}}") and re.search(r":\s*\S*{", line):
                yield Explanation(
                    "the braces of a template expression do not match: it begins with {{ and ends with }}",
                    f"{file.path}:{number}",
                    "count the braces on both sides of the expression",
                )


def _quotes(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    if fault.has("not-yaml") or re.search(r"YAML|yaml|unterminated quoted string|parse error", fault.text):
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
    asked = re.search(r"<\.Values\.([\w.]+)>: (nil pointer|can't evaluate field)", fault.text)
    if not asked:
        return
    parent = asked.group(1).split(".")[0]
    text = _text(files, VALUES)
    if not text.strip():
        what = f"{VALUES} is empty" if any(file.path == VALUES for file in files) else f"the chart has no {VALUES}"
        says = f"{what}, and its templates ask for .Values.{asked[1]}"
    elif asked[2] != "nil pointer":
        says = f"a template asks for .Values.{asked[1]}, and {parent}: in {VALUES} is no map: a list, or a text"
    elif re.search(rf"^{parent}:", text, re.MULTILINE):
        says = f"a template asks for .Values.{asked[1]}, and {parent}: in {VALUES} has nothing below it"
    elif re.search(rf"^[ \t]+{parent}:", text, re.MULTILINE):
        says = f"a template asks for .Values.{asked[1]}, and {parent}: in {VALUES} stands below another key"
    else:
        says = f"a template asks for .Values.{asked[1]}, and {VALUES} has no {parent}:"
    yield Explanation(says, fault.where, f"compare the keys of {VALUES}, and how they are indented, with that name")


def _no_image(fault: Fault, files: tuple[ChartFile, ...]) -> Iterator[Explanation]:
    """An expression for a value that is not there renders to nothing."""
    if not re.search(r"\.image: Required value", fault.text):
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

MEANINGS: Mapping[str, str] = {
    r"quantities must match": "look for what does not belong into the numbers of cpu and memory",
    r"no matches for kind": "look at apiVersion and kind: this cluster has no such version, or the word is misspelt",
    r"does not match template `labels`": (
        "spec.selector.matchLabels and the labels in spec.template.metadata must be the same, letter by letter"
    ),
    r"field is immutable": "a Deployment's selector cannot change: give what is new a name of its own",
    r"field not declared in schema|unknown field": "a field is misspelt, or too far left or right: mind upper case too",
    r"RFC 1123|RFC 1035": "names are made of lower-case letters, digits and hyphens",
    r"hook": "look at what the hook runs: Helm waits for its success, and the release fails with it",
    r"error calling lookup": "templates may look at what is in their own namespace, and nowhere else",
    r"exceeded quota|forbidden": "the cluster's rules do not allow it: its message names the rule",
    r"unexpected EOF|unexpected {{end}}": "count them: each if, with, range and define has an end of its own",
    r"cannot unmarshal array into Go value of type map": "values.yaml holds keys with values; a dash makes it a list",
    r"must contain only alpha-numeric|must be no more than 15": (
        "names of ports are small letters, digits and hyphens, 15 at most"
    ),
    r"not in the valid range": "look at the range in the message, or leave the choice to the cluster",
    r"spec\.ports\[\d+\]\.name: Required": "a Service with several ports has a name for each",
    r"must be a valid IP": "an address is expected there; the word None has a capital letter",
    r"volumeMounts\[\d+\]\.name: Not found": "the mount names a volume that is not among the volumes of the pod",
    r"Unsupported value": "the message lists the values that there are: mind capital letters",
    r"must be less than or equal to": "a request must not be larger than the limit beside it",
    r"invalid ownership metadata": (
        "the object is there already, and is not the release's: take it out of the chart, or give it another name"
    ),
    r"incompatible with Kubernetes": "look at kubeVersion in Chart.yaml: it rules this cluster out",
    r"no template \"": "look for the file that defines the named template, and compare the names letter by letter",
    r"function \"\w+\" not defined": "Helm has no such function: the name is misspelt, or is a text without quotes",
    r"specifications of the schema": "compare values.yaml with values.schema.json",
    r"execution error": "the chart checks its values itself, and says what it misses",
    r"chart\.metadata": "look at Chart.yaml: it needs apiVersion, name and version",
    r"Required value": "look whether the value of that field renders to nothing",
    r"did not find expected|mapping values|could not find expected|block": (
        "look at how the lines around it are indented: neighbours begin in the same column"
    ),
    r"cannot be imported into the current release": (
        "the object is there already, and Helm did not make it: take it out of the chart, or give it another name"
    ),
    r"missing in charts/": (
        "nothing is fetched: hand in the folder charts that helm dependency update fills, or take the dependency out"
    ),
    r"nested reference name": "a named template includes itself, and so never ends",
}
"""What usually helps, by what the error says."""


def shares_replicas(files: Iterable[ChartFile], template: str) -> str:
    """Return which value of all apps the canary's template takes its number of replicas from; empty where none."""
    text = _text(files, template)
    found = re.search(r"^[ \t]*replicas:[ \t]*[\"']?{{-?\s*\.Values\.(\w+)\s*-?}}", text, re.MULTILINE)
    return found.group(1) if found else ""


def _object_place(error: str, files: tuple[ChartFile, ...], manifests: Iterable[Manifest]) -> str:
    """Return where the object that an error names is written, and the field where it stands there once."""
    named = [
        each for each in manifests if each.name and re.search(rf"(?<![\w-]){re.escape(each.name)}(?![\w-])", error)
    ]
    kinds = [each for each in named if re.search(rf"\b{each.kind}\b", error)]
    if not named:
        return ""
    keys = re.findall(r"(\w+)(?:\[[^\]]*\])?: (?:Invalid|Required|Forbidden|Unsupported|field not|Duplicate)", error)
    keys += ["apiVersion"] if "no matches for kind" in error else []
    return place(files, (kinds or named)[0].template, *keys)


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
