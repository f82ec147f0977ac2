"""The names, commands and examples in the documentation agree with the code."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from canaryproof.checks.registry import CHECKS, Check
from canaryproof.checks.remarks.remark_causes import Cause as RemarkCause
from canaryproof.checks.results import Judgement, RunResults, grade, to_json
from canaryproof.cli.command_line import parser_of
from canaryproof.cli.subcommands import COMMANDS
from canaryproof.cluster.embedded.toolchain import kubernetes_minors
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Setting
from canaryproof.model.flight_record import to_lines
from canaryproof.pytest_plugin.markers import check_of
from canaryproof.pytest_plugin.option_table import KIND_OPTIONS, OPTIONS
from canaryproof.scenario.scenario_file import load_scenario
from docs.generate import PAGES, codes, commands, help_of, outcomes
from docs.meanings import LIMITS, MEANINGS
from tests.corpus.record import RECORDED, TIMELINES, read
from tests.unit.test_judging import evidence

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLES = DOCS / "examples"
ALL_OPTIONS = (*OPTIONS, *KIND_OPTIONS)
BUILT = {"docs/_build/html"}
"""The folders that the repository does not contain, because a command creates them."""
OF_PYTEST = {"--junitxml", "--pyargs"}
"""The flags of pytest itself."""


def texts() -> dict[Path, str]:
    """Return all texts for readers, by file."""
    files = [*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")]
    return {file: file.read_text(encoding="utf-8") for file in files if "_generated" not in file.parts}


def generated(name: str) -> str:
    """Return a part of the reference that is generated from the code."""
    return "\n".join(PAGES[name]())


@pytest.mark.parametrize("name", PAGES)
def test_each_generated_part_is_in_the_reference(name: str) -> None:
    """A page of the reference includes each generated part."""
    page = (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")

    assert f"{{include}} ../_generated/{name}.md" in page


@pytest.mark.parametrize("option", ALL_OPTIONS, ids=lambda each: each.name)
def test_every_option_is_documented_in_all_its_forms(option: Any) -> None:
    """The reference documents every option in one row with the flags, the environment variable and the ini setting."""
    (row,) = (line for line in generated("options").splitlines() if f"{{#option-{option.name}}}" in line)

    assert f"`{option.variable}`" in row
    assert f"`{option.dest}`" in row
    assert f"`{option.pytest_flag}" in row


def test_every_check_is_documented() -> None:
    """The reference has a section for every check with its criterion, the checks that it needs, and advice."""
    page = generated("checks")

    assert len(CHECKS) == 13
    for each in CHECKS:
        section = page.partition(f"(check-{each.id})=")[2].partition("(check-")[0]
        assert each.title in section
        assert each.hint.replace("*", r"\*")[:20] in section.replace(r"\_", "_")


def test_every_outcome_is_documented_with_its_causes() -> None:
    """The reference has a section for every outcome, and every deciding cause links to one."""
    page = generated("outcomes")

    assert tuple(MEANINGS) == outcomes()
    for name, meaning in MEANINGS.items():
        section = page.partition(f"(outcome-{name})=")[2].partition("(outcome-")[0]
        assert meaning.causes
        assert all(f"| `{code}` |" in section for code in meaning.causes)


def test_every_code_of_a_cause_is_documented() -> None:
    """The reference lists every cause code, also of findings and their parts, and every field."""
    page = generated("causes")

    assert all(f"`{code}`" in page for code in codes())
    assert all(f"| `{field.name}` |" in page for field in fields(Cause))
    assert "|  |" not in page, "a field without a meaning"


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_decisions_agree_with_the_table_of_causes(name: str) -> None:
    """The reference documents the outcome of each recording with its cause."""
    decision = read(TIMELINES / f"{name}.json.gz").decision

    assert decision.cause.code in MEANINGS[decision.outcome].causes


def test_every_remark_is_documented() -> None:
    """The security page lists the code of every remark."""
    page = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")

    for kind in get_args(RemarkCause):
        (code,) = (field.default for field in fields(kind) if field.name == "code")
        assert f"| `{code}` |" in page


def test_the_documented_fields_of_evidence_exist() -> None:
    """The documented fields of evidence exist."""
    page = (DOCS / "reference" / "fixtures.md").read_text(encoding="utf-8").partition("## Evidence")[2]
    named = [name for row in re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)", row)]

    assert len(named) > 10
    assert set(named) <= {field.name for field in fields(Evidence)}


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the pytest and canaryproof commands in a text, from its code blocks and inline code."""
    blocks = re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = "".join(block for kind, block in blocks if kind in {"", "console", "text"})
    lines = shown.replace("\\\n", "").splitlines()
    inline = re.findall(r"`((?:pytest|canaryproof) [^`\n]*)`", text)
    for line in (*lines, *inline):
        if command := re.match(r"(?:\$ )?(?:eval \"\$\()?((?:pytest|canaryproof) [^|>)]*)", line):
            yield shlex.split(command[1], comments=True)


DOCUMENTED = {
    " ".join(command): command
    for text in (*texts().values(), *(file.read_text(encoding="utf-8") for file in EXAMPLES.glob("*.txt")))
    for command in commands_in(text)
}


@pytest.mark.parametrize("command", DOCUMENTED.values(), ids=DOCUMENTED)
def test_a_documented_command_can_be_run(command: list[str]) -> None:
    """A documented command has existing options and complete arguments."""
    program, *arguments = command
    if program == "canaryproof" and len(arguments) == 1:
        assert arguments[0] in commands(help_of())
        return
    if program == "canaryproof":
        until = arguments.index("--") if "--" in arguments else len(arguments)
        options = parser_of(COMMANDS).parse_args(arguments[:until])
        assert options.command.runs_pytest or until == len(arguments)
        return
    flags = {each.partition("=")[0] for each in arguments if each.startswith("--")}
    assert flags <= {option.pytest_flag for option in ALL_OPTIONS} | OF_PYTEST


def test_every_command_is_documented() -> None:
    """The reference contains the help text of every command."""
    page = generated("commands")

    assert len(commands(help_of())) > 5
    assert all(f"## `canaryproof {name}`" in page for name in commands(help_of()))


def test_documented_flags_exist() -> None:
    """Every documented option of canaryproof exists, also in running text."""
    known = {form for option in ALL_OPTIONS for form in (option.flag, option.pytest_flag)} | {"--canaryproof-"}
    found = {flag for text in texts().values() for flag in re.findall(r"--canaryproof-[a-z-]*", text)}

    assert len(found) > 3
    assert found <= known
    variables = {name for text in texts().values() for name in re.findall(r"CANARYPROOF_[A-Z_]*[A-Z]", text)}
    assert variables <= {option.variable for option in ALL_OPTIONS} | {"CANARYPROOF_SOAK"}


@pytest.mark.parametrize("file", texts(), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_named_files_exist(file: Path) -> None:
    """Documented links and repository paths lead to existing files."""
    text = texts()[file]
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    paths = re.findall(r"`((?:canaryproof(?!/run`|/v1`)|docs|tests|requirements|fixtures)/[\w./*-]+[\w/])`", text)

    assert not [link for link in links if not (file.parent / link).exists()]
    missing = [path for path in paths if not list(REPOSITORY.glob(path.rstrip("/")))]
    assert set(missing) <= BUILT


def test_documented_messages_exist() -> None:
    """The debugging guide quotes existing messages. An ellipsis stands for a variable part."""
    guide = (DOCS / "how-to" / "debug.md").read_text(encoding="utf-8").partition("\n## A submission")[0]
    quoted = [
        message for row in re.findall(r"^\| (.*?) \|", guide, re.MULTILINE) for message in re.findall("`(.*?)`", row)
    ]
    code = "".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "canaryproof").rglob("*.py"))
    parts = [part.strip() for message in quoted for part in message.split("...")]

    assert len(quoted) > 8
    assert [part for part in parts if part not in code and part != f"within {LIMITS.cluster_start:g} s"] == []


def test_the_architecture_is_that_of_the_linter() -> None:
    """The architecture page lists the packages in the order of the linter's layers, and the folders of tests."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (each["layers"] for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    listed = [
        name
        for row in re.findall(r"^\| (`canaryproof\..*?) \|", page, re.MULTILINE)
        for name in re.findall(r"\.(\w+)`", row)
    ]
    folders = {file.parent.name for file in (REPOSITORY / "tests").glob("*/*.py")}

    rank = {name: number for number, layer in enumerate(layers) for name in layer.split(" : ")}
    assert sorted(listed, key=rank.__getitem__) == listed
    assert set(listed) == rank.keys() - {"__main__"}
    assert [name for name in folders if f"`{name}`" not in page] == []


def test_every_test_environment_is_described() -> None:
    """CONTRIBUTING.md describes every test environment."""
    tox = ConfigParser(interpolation=None)
    tox.read(REPOSITORY / "tox.ini", encoding="utf-8")
    environments = [each.partition(":")[2] for each in tox.sections() if each.startswith("testenv:")]
    page = texts()[REPOSITORY / "CONTRIBUTING.md"]

    assert [name for name in environments if f"| `{name}` |" not in page] == []


def test_minor_versions_are_those_that_can_be_had() -> None:
    """The guide names the available minor versions of Kubernetes."""
    guide = (DOCS / "how-to" / "choose-a-cluster.md").read_text(encoding="utf-8")

    assert set(re.findall(r"1\.3\d", guide)) == set(kubernetes_minors())


@pytest.mark.parametrize("transcript", [*EXAMPLES.glob("*.txt"), REPOSITORY / "README.md"], ids=lambda it: it.name)
def test_transcripts_name_checks_that_exist(transcript: Path) -> None:
    """The transcripts name existing check ids."""
    failed = re.findall(r"^  x (\S+)   ", transcript.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(failed) <= {each.id for each in CHECKS}


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all keys of a JSON value except for those in causes, which vary."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield f"{path}/{name}"
        if name != "cause":
            yield from keys(inner, f"{path}/{name}")
    for inner in value if isinstance(value, list) else ():
        yield from keys(inner, path)


def test_the_example_of_results_json_has_its_keys() -> None:
    """The example of results.json has exactly the keys of the code, and the page explains each."""
    check = Check("canary-port", "The port")
    tried = grade("a", "a", declared=[check], judgements={check.id: Judgement("failed")}, evidence=evidence())
    setting = Setting(provider="embedded", kubernetes="1.37.2", nodes=1, helm="4.3.1", images="stand-in")
    written = json.loads(to_json(RunResults("2026-11-30T03:22:28+00:00", 1, setting, (tried,))))
    example = json.loads((EXAMPLES / "results.json").read_text(encoding="utf-8"))

    assert set(keys(example)) == set(keys(written))
    page = (DOCS / "reference" / "results-json.md").read_text(encoding="utf-8")
    assert all(f"`{path.rpartition('/')[2]}`" in page for path in keys(written))


def test_the_example_of_a_scenario_file_can_be_read() -> None:
    """The example of a scenario file is valid, names a stable chart, and gives points to existing checks."""
    scenario = load_scenario(EXAMPLES / "rehearsal" / "canaryproof.yaml")

    assert scenario.release == "checkout"
    assert scenario.points.keys() <= {each.id for each in CHECKS}
    page = (DOCS / "reference" / "scenario-file.md").read_text(encoding="utf-8")
    assert "`expect.outcome`" in page


def test_documented_times_are_those_of_the_code() -> None:
    """The documented time limits in seconds are those of the code."""
    page = (DOCS / "explanation" / "experiment.md").read_text(encoding="utf-8")

    assert f"after {LIMITS.observation:g} s, or after {LIMITS.observation_extended:g} s" in page
    assert f"every {LIMITS.probe_every:g} s" in page
    assert f"longer than {LIMITS.outage:g} s" in page


def test_the_example_of_a_program_reads_flight_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example program reads flight records, and prints the reason of the outcome."""
    record = tmp_path / "upcommerce.jsonl"
    record.write_bytes(to_lines(evidence()))
    monkeypatch.setattr("sys.argv", ["read_record.py", str(record)])

    runpy.run_path(str(EXAMPLES / "read_record.py"))

    assert evidence().decision.reason in capsys.readouterr().out


def test_the_example_of_a_check_adds_one_to_the_suite() -> None:
    """The example module adds one check with a title and a hint to the imported suite."""
    names = runpy.run_path(str(EXAMPLES / "rehearsal" / "test_checkout.py"))
    *suite, own = filter(None, map(check_of, names.values()))

    assert [each.id for each in suite] == [each.id for each in CHECKS]
    assert (own.id, own.points, own.title) == ("canary-version", 2, "The canary runs version 2 of the image")
    assert own.hint
