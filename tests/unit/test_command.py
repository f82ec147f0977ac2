"""Commands end within their time limit, and their errors contain what is needed to run them again."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest

from canaryproof.errors import CommandError, InfrastructureError, LimitError
from canaryproof.redaction import MARK
from canaryproof.system.process import Limits, run, stream
from canaryproof.system.wait import Ticks, wait_for


def test_the_output_comes_back() -> None:
    """The result is standard output, without standard error."""
    assert run(["sh", "-c", "echo seen; echo noise >&2"], timeout=10) == "seen\n"


def test_a_failure_holds_command_code_and_both_streams() -> None:
    """The error of a failed command contains the command, the exit code and both streams."""
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", "echo out; echo it broke >&2; exit 3"], timeout=10)

    assert str(caught.value) == (
        "$ sh -c 'echo out; echo it broke >&2; exit 3'\nexit code 3\n-- stdout --\nout\n-- stderr --\nit broke"
    )


def test_a_hanging_command_and_its_children_are_ended(tmp_path: Path) -> None:
    """The time limit ends the whole process group, including child processes."""
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}; wait"

    with pytest.raises(CommandError, match=r"did not end within 0\.5 s"):
        run(["sh", "-c", script], timeout=0.5)

    child = int(pid_file.read_text())
    assert wait_for("end of the child", lambda: _is_gone(child), within=5, changes=Ticks())


def test_a_command_that_ignores_sigterm_is_killed() -> None:
    """A command that ignores SIGTERM is killed."""
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"

    with pytest.raises(CommandError, match="did not end") as caught:
        run([sys.executable, "-c", script], timeout=3)

    assert "deaf" in caught.value.stdout


def test_a_command_that_prints_without_end_is_ended() -> None:
    """A command is ended at the output limit, and the error states the limit."""
    with pytest.raises(LimitError, match="prints more than 1 MiB"):
        run(["yes"], timeout=60, limits=Limits(output=2**20))


def test_a_command_that_takes_all_memory_is_ended() -> None:
    """A command cannot exceed its memory limit, and the error states the limit beside the traceback."""
    script = (  # the limit is set from outside, while the command starts
        "from resource import RLIM_INFINITY, RLIMIT_DATA, getrlimit\n"
        "while getrlimit(RLIMIT_DATA)[0] == RLIM_INFINITY: pass\n"
        "bytearray(2**30)"
    )

    with pytest.raises(LimitError, match="needs more than 256 MiB of memory"):
        run([sys.executable, "-c", script], timeout=60, limits=Limits(memory=256 * 2**20))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("SIGSEGV: segmentation violation\nPC=0x437c7d m=2 sigcode=1 addr=0x0", LimitError),
        ("panic: nil map\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]", CommandError),
    ],
)
def test_a_crash_of_gos_runtime_is_a_lack_of_memory(words: str, error: type[CommandError]) -> None:
    """A crash of Go's runtime counts as lack of memory, and a crash in the program's code does not."""
    with pytest.raises(error) as caught:
        run(["sh", "-c", 'echo "$0" >&2; exit 2', words], timeout=60, limits=Limits(memory=2**30))

    assert type(caught.value) is error


def test_a_command_within_its_limits_is_left_alone() -> None:
    """The limits do not affect a command that stays within them."""
    assert run(["echo", "seen"], timeout=10, limits=Limits(memory=2**30, output=2**20)) == "seen\n"


def test_a_missing_command_is_named() -> None:
    """The error names a program that is not installed."""
    with pytest.raises(InfrastructureError, match="cannot run no-such-tool: No such file or directory"):
        run(["no-such-tool"], timeout=1)


def test_the_environment_is_the_one_given() -> None:
    """A command gets only the given environment."""
    assert run(["/usr/bin/env"], timeout=10, env={"ONLY": "this"}) == "ONLY=this\n"


def _is_gone(pid: int) -> bool | None:
    """Return whether a process has ended. A zombie counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z" or None


def test_errors_hold_no_secret_of_the_environment() -> None:
    """No part of an error contains a secret from the environment, neither plain nor in Base64."""
    secret = "tr1cky-v4lue-of-CI"  # noqa: S105  # must not appear in the output
    script = 'echo "$DEPLOY_TOKEN"; printf %s "$DEPLOY_TOKEN" | base64 >&2; exit 3'
    environment = {"PATH": os.environ["PATH"], "DEPLOY_TOKEN": secret}

    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", script, "--token", "other-secret", f"--x={secret}"], timeout=10, env=environment)

    error = failed.value
    encoded = base64.b64encode(secret.encode()).decode()
    seen = f"{error} {error.stdout} {error.stderr} {error!r}"
    assert not any(each in seen for each in (secret, encoded, "other-secret"))
    assert error.stdout == f"{MARK}\n"
    assert error.outcome == "exit code 3"


def test_lines_hold_no_secret_of_the_environment() -> None:
    """The lines of a command contain no secret from its environment."""
    lines: list[str] = []
    environment = {"PATH": os.environ["PATH"], "REGISTRY_PASSWORD": "s3same"}

    stream(["sh", "-c", 'echo "logging in with $REGISTRY_PASSWORD"'], timeout=10, env=environment, on_line=lines.append)

    assert lines == [f"logging in with {MARK}"]


def test_errors_hold_no_credential() -> None:
    """The messages of the package's errors contain no text in the form of a credential."""
    assert str(InfrastructureError("no way to http://me:s3cr3t@proxy.lan")) == f"no way to http://{MARK}@proxy.lan"
