"""The command line outside of a pytest run."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from canaryproof.cli.subcommands import main
from canaryproof.cluster.existing.account_rights import observer_role, roles


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
