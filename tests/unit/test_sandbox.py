"""A sandboxed program cannot read secrets, reach the network or see other sandboxed programs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from canaryproof.errors import CommandError, InfrastructureError, LimitError, SubmissionError, UnsafeError
from canaryproof.submissions import chart_copy
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.system.process import Limits, run
from canaryproof.system.sandbox import NOBODY, PATH, UNCONFINED, Protection, Sandbox, candidates
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.unit.packing import CHART, chart, pack_tar, pack_zip, write

AVAILABLE = sandbox_available(TimeLimits())
as_root = pytest.mark.skipif(
    AVAILABLE.protection is not Protection.NOBODY_ISOLATED, reason="needs root on Linux, and util-linux"
)

WHO_AM_I = """
import json, os, socket
def attempt(what):
    try:
        return what()
    except OSError as error:
        return error.strerror
def connect():
    with socket.create_connection(("127.0.0.1", %(port)d), timeout=5):
        return "connected"
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
    "capabilities": sorted({int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}),
    "no_new_privs": int(status["NoNewPrivs"]),
    "shadow": attempt(lambda: open("/etc/shadow").read()),
    "other": attempt(lambda: open(%(other)r).read()),
    "above": attempt(lambda: os.listdir("..")),
    "written": attempt(lambda: open("planted", "w").close()),
    "connected": attempt(connect),
    "processes": [name for name in os.listdir("/proc") if name.isdecimal()],
    "root": attempt(lambda: os.setuid(0)),
}))
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine on which a server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of another submission's copy, readable by all but below a private folder."""
    folder = tmp_path / "canaryproof-scratch-other"
    write(folder / "charts", {"values.yaml": "the other one's"})
    folder.chmod(0o700)
    return folder / "charts" / "values.yaml"


def check(said: dict[str, object]) -> None:
    """Check a sandboxed program's report about itself."""
    assert set(said["ids"]) == {NOBODY}  # type: ignore[call-overload]  # a list of numbers
    assert said["capabilities"] == [0]
    assert said["no_new_privs"] == 1
    assert said["shadow"] == said["other"] == said["above"] == said["written"] == "Permission denied"
    assert said["connected"] == "Network is unreachable"
    assert said["processes"] == ["1"]
    assert said["root"] == "Operation not permitted"


@as_root
def test_a_sandboxed_program_is_nobody(tmp_path: Path, port: int, other: Path) -> None:
    """A sandboxed program runs without rights, from a folder that only root may search."""
    program = tmp_path / "private" / "python"
    program.parent.mkdir(mode=0o700)
    shutil.copy(system_python(), program)
    (tmp_path / "private" / "charts").mkdir()

    said = run(
        [str(program), "-I", "-c", WHO_AM_I % {"port": port, "other": str(other)}],
        timeout=30,
        env={"PYTHONHOME": "/usr"},
        cwd=program.parent / "charts",
        sandbox=AVAILABLE,
    )

    check(json.loads(said))
    with socket.create_connection(("127.0.0.1", port)):
        pass  # so that there is a server to connect to


@as_root
def test_the_process_that_parses_is_nobody(
    tmp_path: Path, port: int, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parsing process has permanently dropped root before it parses, even if only root can read its Python."""
    said = []

    def misled(command: list[str], *, cwd: Path, **others: object) -> str:
        start, arguments = command.index("-c"), command[command.index("-c") + 2 :]
        lines = [
            command[start + 1].partition("import runpy")[0],  # makes the package importable
            "import canaryproof.submissions.unpack as it, socket, encodings.idna",
            "def misled(*_):",
            f"    exec({WHO_AM_I % {'port': port, 'other': str(other)}!r}, {{}})",
            "it.main = misled",
            f"it._program(*{arguments!r})",
        ]
        (cwd / "charts").mkdir(mode=0o755)
        misled_command = [*command[:start], "-c", "\n".join(lines)]
        said.append(run(misled_command, cwd=cwd / "charts", **others))  # type: ignore[arg-type]  # of run
        return json.dumps({"chart": "none"})

    monkeypatch.setattr(chart_copy, "run", misled)
    archive = pack_zip(tmp_path / "a.zip", chart())
    submission = Submission("alice", "alice", archive)
    with (
        pytest.raises(UnsafeError, match="not what was announced"),
        clean_copy(submission, "upcommerce", TimeLimits(), lambda: None, AVAILABLE),
    ):
        pass

    check(json.loads(said[0]))


@as_root
def test_a_chart_is_copied_by_nobody(tmp_path: Path) -> None:
    """A process without rights copies a chart from files that only root can read, with Python's whole library."""
    packed = pack_tar(tmp_path / "sub.tgz", chart("sub/")).read_bytes()
    files = {**chart(), "upcommerce/values.schema.json": "{}", "upcommerce/charts/sub.tgz": packed}
    named = {**files, "upcommerce/\u00e4.txt": "\u00e4"}
    sources = [
        write(tmp_path / "folder", files),
        pack_zip(tmp_path / "a.zip", named),
        pack_tar(tmp_path / "a.tgz", named),
    ]
    for source in sources:
        source.chmod(0o700)

    for source in sources:
        with clean_copy(Submission("a", "a", source), "upcommerce", TimeLimits(), lambda: None, AVAILABLE) as copy:
            found = {str(each.relative_to(copy)) for each in copy.rglob("*") if each.is_file()}
            assert {*CHART, "values.schema.json", "charts/sub.tgz"} <= found
            assert {each.stat().st_uid for each in copy.rglob("*")} == {0}
            assert {each.stat().st_mode & 0o777 for each in copy.rglob("*")} == {0o755, 0o644}
            assert [each.stat().st_mode & 0o777 for each in (copy.parent, copy.parent.parent)] == [0o755, 0o700]


@pytest.mark.parametrize("pack", [pack_zip, pack_tar])
@as_root
def test_damaged_archives_are_told_by_nobody(tmp_path: Path, pack: Callable[..., Path]) -> None:
    """The reports of damaged archives import no module that only root can read."""
    whole = pack(tmp_path / "a", {**chart(), "upcommerce/noise": os.urandom(9999)}).read_bytes()
    for number, content in enumerate((whole[: len(whole) // 2], whole[:99] + bytes(400) + whole[499:], b"", b"Rar!")):
        archive = tmp_path / f"{number}\udcff\x1b"
        archive.write_bytes(content)
        with (
            pytest.raises(SubmissionError, match="the archive"),
            clean_copy(Submission("a", "a", archive), "upcommerce", TimeLimits(), lambda: None, AVAILABLE),
        ):
            pass


@pytest.mark.parametrize(
    ("script", "limits", "reason"),
    [
        ("while True: pass", Limits(), r"did not end within 0\.5 s"),
        ("import os, time\nos.setsid()\ntime.sleep(60)", Limits(), r"did not end within 0\.5 s"),
        ("bytearray(2**30)", Limits(memory=64 * 2**20), "needs more than 64 MiB"),
        ("print('x' * 9999)", Limits(output=99), "prints more than"),
    ],
)
@as_root
def test_limits_hold_in_the_sandbox(tmp_path: Path, script: str, limits: Limits, reason: str) -> None:
    """The limits apply from the start, and no process of the program survives, even in a new session."""
    marker = f"{tmp_path.name}-{os.getpid()}"
    with pytest.raises(LimitError, match=reason):
        run(
            [system_python(), "-I", "-c", script, marker],
            timeout=0.5 if "within" in reason else 30,
            env={},
            limits=limits,
            sandbox=AVAILABLE,
        )

    wait_for("end of the program", lambda: not alive(marker) or None, within=10, changes=Ticks(0.05))


@as_root
def test_a_sandboxed_program_writes_no_file_beyond_its_limit() -> None:
    """A sandboxed program cannot fill an open file beyond its limit."""
    with tempfile.TemporaryFile() as file:
        script = f"import os\nos.write({file.fileno()}, bytes(99))\nos.write({file.fileno()}, bytes(99))"
        with pytest.raises(CommandError):
            run(
                [system_python(), "-I", "-c", script],
                timeout=30,
                env={},
                limits=Limits(file_size=99),
                sandbox=AVAILABLE,
                files=[file.fileno()],
            )
        assert os.fstat(file.fileno()).st_size == 99


@as_root
def test_a_program_that_not_everybody_may_execute_is_not_run(tmp_path: Path) -> None:
    """The error about a program that not all users can execute names the remedy, and blames no chart."""
    program = tmp_path / "helm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    with pytest.raises(InfrastructureError, match=r"helm as nobody: not everybody may .*chmod 0755"):
        run([str(program)], timeout=30, sandbox=AVAILABLE)
    with pytest.raises(InfrastructureError, match="No such file"):
        run([str(tmp_path / "none")], timeout=30, sandbox=AVAILABLE)


@as_root
def test_without_namespaces_it_is_still_nobody(port: int) -> None:
    """A program in a container without the right to create namespaces still gives up root."""
    sandbox = Sandbox(Protection.NOBODY)
    said = json.loads(
        run(
            [system_python(), "-I", "-c", WHO_AM_I % {"port": port, "other": "/etc/shadow"}],
            timeout=30,
            env={},
            sandbox=sandbox,
        )
    )

    assert set(said["ids"]) == {NOBODY}
    assert said["capabilities"] == [0]
    assert said["shadow"] == "Permission denied"
    assert said["connected"] == "connected"


@as_root
def test_a_user_without_root_gets_an_empty_network(port: int) -> None:
    """An ordinary user's program gets an empty network through a user namespace, if the kernel allows it."""
    user = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "--"]
    sandbox = Sandbox(Protection.OWN_USER_ISOLATED)
    command = [system_python(), "-I", "-c", WHO_AM_I % {"port": port, "other": "/etc/shadow"}]
    try:
        text = run(
            [*user, *sandbox.command(command, memory=None, file_size=None, seconds=30)], timeout=30, env={"PATH": PATH}
        )
    except CommandError as error:
        pytest.skip(f"this kernel grants no user namespaces: {error.stderr}")
    said = json.loads(text)

    assert said["connected"] == "Network is unreachable"
    assert said["capabilities"] == [0]
    assert said["no_new_privs"] == 1


def test_a_machine_without_the_commands_has_no_sandbox(tmp_path: Path) -> None:
    """A machine without the required commands has no sandbox, and the evidence states this."""
    assert candidates(str(tmp_path)) == ()
    assert sandbox_available(TimeLimits(), str(tmp_path)) == UNCONFINED
    assert UNCONFINED.command(["a"], memory=1, file_size=1, seconds=1) == ["a"]


def system_python() -> str:
    """Return a Python that all users can execute, with its library."""
    return shutil.which("python3", path="/usr/bin") or pytest.skip("needs the system's Python")


def alive(marker: str) -> bool:
    """Return whether a process with *marker* among its arguments is alive."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                return True
    return False
