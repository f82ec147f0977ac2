"""The command line outside of a pytest run."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from canaryproof.cli.subcommands import main
from canaryproof.cluster.existing.account_rights import observer_role, roles
from canaryproof.scenario.json_schema import SCHEMA_FILE


def test_rights_are_printed_for_kubectl(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the Role and nothing else on standard output, in the format of ``kubectl apply -f -``."""
    assert main(["rights"]) == 0
    assert capsys.readouterr().out == roles()
    assert main(["rights", "--observe"]) == 0
    assert capsys.readouterr().out == observer_role()


def test_a_command_has_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints its usage if no subcommand is given."""
    with pytest.raises(SystemExit, match="4"):
        main([])
    assert "required: COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("factor", ["0.5", "soon", "101", "nan"])
def test_a_cluster_that_stays_is_waited_for_within_reason(capsys: pytest.CaptureFixture[str], factor: str) -> None:
    """The command reports an invalid ``--patience`` with the same message as ``pytest -m e2e``."""
    with pytest.raises(SystemExit, match="4"):
        main(["up", f"--patience={factor}"])
    assert f"must be a number from 1 to 100, not '{factor}'" in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    """``canaryproof --version`` prints the version that pip shows."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])

    assert capsys.readouterr().out == f"canaryproof {version('canaryproof')}\n"


def test_the_schema_is_printed_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the schema that the package contains, and nothing else."""
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == SCHEMA_FILE.read_text(encoding="utf-8")


def test_a_fault_of_the_scenario_file_has_the_exit_code_of_a_wrong_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that reads an invalid scenario file ends with exit code 4 and names the fault."""
    file = tmp_path / "canaryproof.yaml"
    file.write_text("apiVersion: 1\n", encoding="utf-8")

    assert main(["up", "--scenario", str(file)]) == 4
    assert f"{file}:1:13: apiVersion: expected canaryproof/v1" in capsys.readouterr().err
