"""Writes the parts of the reference that come from the code: options, commands, checks, outcomes and causes.

Sphinx calls `write_pages` before it reads the documentation (``conf.py``).  Pages of ``reference/`` include the files.
"""

from __future__ import annotations

import ast
import inspect
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from textwrap import dedent
from typing import get_args
from unittest.mock import patch

from canaryproof.checks.registry import CHECKS
from canaryproof.cli import main
from canaryproof.model.causes import Cause, Code, During, FindingCode, Why
from canaryproof.model.evidence import OutcomeName
from canaryproof.model.hints import HintId
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.hint_sentences import HINTS
from canaryproof.pytest_plugin.option_table import KIND_OPTIONS, OBSERVE, OPTIONS, REPLAY, SUBMISSIONS, Option
from docs.meanings import MEANINGS

COLUMNS = "88"
"""The width of help texts."""


def outcomes() -> tuple[OutcomeName, ...]:
    """Return the names of all outcomes, in order."""
    return get_args(OutcomeName)


def codes() -> tuple[Code | FindingCode, ...]:
    """Return the codes of all causes, in order."""
    return (*get_args(Code), *get_args(FindingCode))


def options_page() -> Iterator[str]:
    """Yield the table of options, in all forms."""
    yield from table(("forms", "meaning"), [(forms(each), sentence(each.help)) for each in (*OPTIONS, *KIND_OPTIONS)])


def forms(option: Option) -> str:
    """Return the names of an option: for ``canaryproof check``, pytest, the environment and an ini file."""
    value = "" if option.switch else f" {option.metavar}"
    own = f"{option.flag}{value}"
    if option == SUBMISSIONS:
        own = "PATH ..."
    if option in {REPLAY, OBSERVE}:
        own = f"canaryproof {option.name}{value}"
    names = dict.fromkeys((own, f"{option.pytest_flag}{value}", option.variable, option.dest))
    return f"[]{{#option-{option.name}}}" + "<br>".join(f"`{each}`" for each in names)


def commands_page() -> Iterator[str]:
    """Yield the help text of each command."""
    overview = help_of()
    for name in commands(overview):
        yield from (f"## `canaryproof {name}`", "", "```text", help_of(name).rstrip(), "```", "")


def commands(overview: str) -> tuple[str, ...]:
    """Return the names of the commands in the text of ``canaryproof --help``."""
    return tuple(re.findall(r"^    (\w+)", overview, re.MULTILINE))


def help_of(*command: str) -> str:
    """Return what ``canaryproof COMMAND --help`` prints."""
    printed = io.StringIO()
    with patch.dict(os.environ, COLUMNS=COLUMNS), redirect_stdout(printed), suppress(SystemExit):
        main([*command, "--help"])
    return printed.getvalue()


def checks_page() -> Iterator[str]:
    """Yield a table of the checks, and what to try when one does not hold."""
    rows = [
        (str(number), f"[`{each.id}`](#check-{each.id})", sentence(each.title))
        for number, each in enumerate(CHECKS, start=1)
    ]
    yield from table(("", "check", "what holds"), rows)
    for each in CHECKS:
        needs = ", ".join(f"[`{need}`](#check-{need})" for need in each.needs)
        yield from ("", f"(check-{each.id})=", f"## `{each.id}`", "", sentence(each.title), "")
        yield from (f"- **Points:** {each.points:g}", f"- **Needs:** {needs or 'no other check'}")
        yield f"- **Hint:** {escaped(each.hint)}"


def outcomes_page() -> Iterator[str]:
    """Yield a table of the outcomes, and for each the causes that lead to it and the hint."""
    rows = [(f"[`{each}`](#outcome-{each})", MEANINGS[each].text) for each in outcomes()]
    yield from table(("outcome", "meaning"), rows)
    for each in outcomes():
        yield from ("", f"(outcome-{each})=", f"## `{each}`", "", MEANINGS[each].text, "")
        causes = [(f"`{code}`", escaped(example(code))) for code in MEANINGS[each].causes]
        yield from (*table(("cause", "example of the reason"), causes), "")
        yield f"**Hint:** {sentence(HINTS[each])}"


def example(code: Code | FindingCode) -> str:
    """Return the sentence for a cause with this code, whose fields have sample values."""
    part = Cause(code="object-added", object="ConfigMap/settings", file="templates/settings.yaml")
    deployments = tuple(
        Cause(code="object-added", object=f"Deployment/shop-canary-{name}", file=f"templates/{name}.yaml")
        for name in ("a", "b")
    )
    sample = Cause(
        code=code,
        deployment="shop-canary",
        container="setup" if "init" in code else "canary",
        init="init" in code,
        image="example/canary:v2",
        images=("example/canary:v2",),
        exit_codes=(1,),
        ended="Error",
        probe="liveness",
        states=("ContainerCreating",),
        count=2,
        pods=1,
        seconds=SECONDS.get(code, 20.0),
        object="Deployment/shop-canary",
        file="templates/canary.yaml",
        files=("templates/a.yaml", "templates/b.yaml"),
        field="spec.replicas",
        expected="a number",
        detail=DETAILS.get(code, "…"),
        parts=deployments if code == "several-deployments-added" else (part,),
    )
    return describe(sample)


SECONDS: Mapping[Code | FindingCode, float] = dict.fromkeys(
    ("crash-looped", "exited-cleanly", "init-crash-looped", "out-of-memory", "probe-killed", "start-failed"), 1.6
)
"""Seconds from the upgrade to the second end of a container, in the examples."""
DETAILS: Mapping[Code | FindingCode, str] = {
    "start-failed": 'exec: "/canry": stat /canry: no such file or directory',
    "container-not-created": 'configmap "settings" not found',
    "unscheduled": "0/1 nodes are available: 1 Insufficient cpu.",
    "never-ready": "Readiness probe failed: HTTP probe failed with statuscode: 404",
}
"""What Kubernetes writes, in the examples."""


LISTS: Mapping[str, object] = {
    "Codes of outcomes": Code,
    "Further codes of findings": FindingCode,
    "Values of `why`": Why,
    "Values of `during`": During,
    "Ids of hints": HintId,
}
"""The types whose values occur in a cause, by the heading of each list."""


JSON_TYPES: Mapping[str, str] = {
    "bool": "boolean",
    "float": "number",
    "int": "number",
    "str": "string",
    "Code | FindingCode": "string",
    "Why | None": "string",
    "During | None": "string",
    "Cause | None": "cause",
    "tuple[int, ...]": "list of numbers",
    "tuple[str, ...]": "list of strings",
    "tuple[Cause, ...]": "list of causes",
}
"""What a field of each Python type is in JSON."""


def causes_page() -> Iterator[str]:
    """Yield the fields of a cause, and the codes that occur in ``results.json``."""
    rows = [(f"`{name}`", JSON_TYPES[type_], text) for name, type_, text in fields_of(Cause)]
    yield from ("## Fields", "", *table(("field", "type", "meaning"), rows), "")
    for title, values in LISTS.items():
        yield from (f"## {title}", "", ", ".join(f"`{each}`" for each in get_args(values)), "")


def fields_of(class_: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and docstring of each field of a dataclass."""
    (definition,) = ast.parse(dedent(inspect.getsource(class_))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - for the type checker
    for statement, following in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            constant = following.value if isinstance(following, ast.Expr) else None
            text = constant.value if isinstance(constant, ast.Constant) else ""
            name = ast.unparse(statement.target)
            yield name, ast.unparse(statement.annotation), re.sub(r"``(.*?)``", r"`\1`", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table in Markdown, in which names stay on one line."""
    yield from (":::{container} names", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}")
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield from ("", ":::")


def sentence(text: str) -> str:
    """Return a clause as a sentence in Markdown."""
    return f"{escaped(text[0].upper() + text[1:])}."


def pipes(text: str) -> str:
    """Return code as it has to stand in the cell of a table."""
    return text.replace("|", "\\|")


def escaped(text: str) -> str:
    """Return plain text as Markdown in the cell of a table; backquotes keep their meaning."""
    if "`" in text:
        return pipes(text)
    return re.sub(r"(?<!\S)--[a-z-]+", r"`\g<0>`", re.sub(r"([|*_<>\[\]])", r"\\\1", text))


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "causes": causes_page,
    "checks": checks_page,
    "commands": commands_page,
    "options": options_page,
    "outcomes": outcomes_page,
}


def write_pages(folder: Path) -> None:
    """Write all generated parts into *folder*, as Markdown."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text("\n".join((*page(), "")), encoding="utf-8")
