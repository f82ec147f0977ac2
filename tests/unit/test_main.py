"""The command line around a run of pytest."""

from __future__ import annotations

import pytest

from canaryproof.__main__ import main
from canaryproof.cluster.existing.rights import observer_role, roles


def test_rights_are_printed_for_kubectl(capsys: pytest.CaptureFixture[str]) -> None:
    """As ``kubectl apply -f -`` takes them, and nothing else on standard output."""
    assert main(["rights"]) == 0
    assert capsys.readouterr().out == roles()
    assert main(["rights", "--observe"]) == 0
    assert capsys.readouterr().out == observer_role()


def test_a_command_has_to_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Without one, the usage says so."""
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "required: COMMAND" in capsys.readouterr().err
