"""The JSON schema and the loader agree about scenario files."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from canaryproof.scenario.json_schema import SCHEMA_FILE, schema, schema_text
from canaryproof.scenario.scenario_file import UPCOMMERCE, load_scenario
from tests.unit.test_scenario_faults import CHANGES, FORM_FAULTS, HEAD, lines_of

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = [UPCOMMERCE, *sorted((REPOSITORY / "docs" / "examples").glob("rehearsal*/*.yaml"))]


def accepted_by_schema(text: str) -> bool:
    """Report whether the JSON schema accepts a YAML text, as an editor would."""
    return bool(jsonschema.Draft202012Validator(schema()).is_valid(yaml.safe_load(text)))


@pytest.mark.parametrize("line", lines_of(FORM_FAULTS))
def test_the_schema_refuses_what_the_loader_refuses(line: str) -> None:
    """The schema refuses each fault that a schema can express."""
    assert accepted_by_schema(HEAD)
    assert not accepted_by_schema(HEAD + line)


@pytest.mark.parametrize(("old", "new"), [change[:2] for change in CHANGES], ids=lambda text: text)
def test_the_schema_refuses_an_invalid_required_key(old: str, new: str) -> None:
    """The schema refuses a required key that is missing or invalid. For JSON, 1.0 is an integer."""
    assert accepted_by_schema(HEAD.replace(old, new)) == (new == "healthy, replicas: 1.0")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_both_accept_the_examples(file: Path) -> None:
    """The loader and the schema accept each example of the documentation."""
    load_scenario(file)
    assert accepted_by_schema(file.read_text(encoding="utf-8"))


def test_the_shipped_schema_is_that_of_the_loader() -> None:
    """The schema in the package is generated from the types that the loader reads."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(schema())


def keys() -> list[str]:
    """Return the keys of the file: those at the top, and those of some maps with the name of the map before them."""
    forms = schema()["$defs"]
    maps = {"expect": "ExpectForm", "availability": "AvailabilityForm", "timeouts": "TimeoutsForm", "helm": "HelmForm"}
    below = [f"{name}.{key}" for name, form in maps.items() for key in forms[form]["properties"]]
    return [*(key for key in forms["ScenarioForm"]["properties"] if key not in maps), *below]


@pytest.mark.parametrize("key", keys())
def test_every_key_is_documented(key: str) -> None:
    """The reference has a row for every key."""
    page = (REPOSITORY / "docs" / "reference" / "scenario-file.md").read_text(encoding="utf-8")

    assert f"| `{key}` |" in page
