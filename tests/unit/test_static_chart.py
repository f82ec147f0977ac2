"""A frozen chart keeps its name, and has no template that could look anything up."""

from __future__ import annotations

from pathlib import Path

import yaml

from canaryproof.model.rendered_yaml import parse
from canaryproof.submissions.static_chart import freeze
from tests.unit.packing import CHART, write

RENDERED = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: '{{ lookup }}'}\n"


def test_a_frozen_chart_holds_what_was_rendered(tmp_path: Path) -> None:
    """A frozen chart holds the rendered objects in a plain file, with the chart's name and version for the history."""
    chart = write(tmp_path / "shop", CHART)

    frozen = freeze(chart, parse(RENDERED), tmp_path / "frozen" / "shop")

    described = yaml.safe_load((frozen / "Chart.yaml").read_text())
    assert (described["name"], described["version"]) == ("upcommerce", "0.1.0")
    assert parse((frozen / "objects.yaml").read_text()) == parse(RENDERED)
    assert [each.name for each in (frozen / "templates").iterdir()] == ["objects.yaml"]
    assert "lookup" not in (frozen / "templates" / "objects.yaml").read_text()
