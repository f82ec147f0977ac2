"""Provides the JSON schema of the scenario file. Editors complete and check the file by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from canaryproof.scenario.file_format import ScenarioForm

SCHEMA_FILE = Path(__file__).parent / "schema.json"
"""The schema as the package contains it. A test keeps it equal to `schema`."""


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the scenario file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The scenario file of canaryproof",
        **msgspec.json.schema(ScenarioForm),
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(schema(), indent=2) + "\n"
