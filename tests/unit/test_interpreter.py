"""A child Python runs only the harness's own module, and no file of the current folder."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from canaryproof.cluster.embedded import process_tree
from canaryproof.cluster.embedded.run_dirs import Run
from canaryproof.cluster.embedded.supervisor.spec import Plan
from canaryproof.cluster.embedded.toolchain import golang
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.kind.pytest_kind_cluster import kind_of
from canaryproof.kube.running_cluster import Vitals
from canaryproof.system.interpreter import HARMLESS_FOLDER, module_command, without_python_settings
from canaryproof.system.interpreter import __file__ as module_file
from canaryproof.system.process import detached, run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

HOSTILE = ("socket", "json", "canaryproof", "sitecustomize", "usercustomize", "runpy", "pip", "msgspec")
PLAN = Plan(
    hostname="node1",
    addresses=("192.0.2.10",),
    cgroups=(("/nowhere", "/nowhere"),),
    memory_folders=(),
    program_folders=(),
    files={},
    pods_processes=0,
    images="",
    registry_port=0,
    api_port=0,
    processes=(),
    tick=0.01,
    answer=1,
)
"""A plan that fails at its first step, because the test only examines the Python files loaded before."""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Change to a folder whose Python files leave a mark when they run, and yield the folder of the marks."""
    folder, marks = tmp_path / "folder", tmp_path / "marks"
    folder.mkdir()
    marks.mkdir()
    for name in HOSTILE:
        (folder / f"{name}.py").write_text(f"open({str(marks / name)!r}, 'w').close()\n")
    monkeypatch.chdir(folder)
    yield marks
    assert not list(marks.iterdir())


def test_the_hostile_files_would_be_executed(tmp_path: Path) -> None:
    """The hostile files run if Python starts without protection, so that these tests prove something."""
    (tmp_path / "socket.py").write_text("print('hostile')")

    said = subprocess.run(
        [sys.executable, "-c", "import socket"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert said.stdout == "hostile\n"


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("options", [(), ("-S",)])
@pytest.mark.parametrize("path", [None, "", ".", ":/nowhere"])
def test_a_module_is_run_from_any_folder(options: tuple[str, ...], path: str | None) -> None:
    """The child searches neither the current folder nor a PYTHONPATH that leads there."""
    environment = {} if path is None else {"PYTHONPATH": path}

    said = run(module_command("json.tool", "--help", options=options), timeout=60, env=environment)

    assert "json" in said


@pytest.mark.usefixtures("hostile")
def test_a_file_beside_the_package_replaces_no_standard_module(tmp_path: Path) -> None:
    """The child searches the folder of the package after the standard library."""
    package = tmp_path / "checkout" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "work.py").write_text("import json, sys; print(json.__file__); print(*sys.argv[1:], __name__)")
    (package.parent / "json.py").write_text("print('hostile')")

    said = run(module_command("package.work", "a b", packages=package.parent), timeout=60).splitlines()

    assert said[0].endswith("json/__init__.py")
    assert said[1] == "a b __main__"


def test_a_relative_interpreter_is_found_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds an interpreter with a relative path from another folder."""
    monkeypatch.setattr(sys, "executable", os.path.relpath(sys.executable))

    assert run(module_command("json.tool", "--help"), timeout=60, cwd=HARMLESS_FOLDER)


@pytest.mark.usefixtures("hostile")
def test_a_detached_module_loads_nothing_from_here(tmp_path: Path) -> None:
    """The detached process that holds a kept cluster does not search the current folder."""
    with detached("json.tool", order=b"[]", log=tmp_path / "log") as lines:
        assert list(lines) == [b"[]\n"]


@pytest.mark.usefixtures("hostile")
def test_the_first_process_loads_nothing_from_here(tmp_path: Path) -> None:
    """The first process of the embedded cluster runs as root, and does not search the current folder."""
    logs = tmp_path / "logs" / "run"
    logs.mkdir(parents=True)
    (tmp_path / "runs" / "run").mkdir(parents=True)
    vitals, lock = Vitals(), os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    with (
        contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener,
        contextlib.closing(socket.socket(socket.AF_UNIX)) as lender,
        process_tree.running_tree(PLAN, Run(tmp_path / "runs" / "run", lock), (listener, lender), vitals, within=60),
    ):
        wait_for("end", lambda: vitals.fault or None, within=60, changes=Ticks())
    os.close(lock)


@pytest.mark.usefixtures("hostile")
def test_the_command_in_the_place_of_kind_loads_nothing_from_here(tmp_path: Path) -> None:
    """The command that pytest-kind calls as kind does not search the current folder.

    The folder in which pytest-kind calls it holds pytest-kind's own files.
    """
    kind = tmp_path / "real-kind"
    kind.write_text("#!/bin/sh\npwd\n")
    kind.chmod(kind.stat().st_mode | stat.S_IXUSR)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with kind_of(
        "c", kind, scratch, kubeconfig=tmp_path / "config", image=None, kubectl=kind, time_limits=TimeLimits(kind=60)
    ) as lent:
        said = run([str(lent.cluster.kind_path), "get"], timeout=60)

    assert said == f"{Path.cwd()}\n"


@pytest.mark.usefixtures("hostile")
def test_pip_loads_nothing_from_here(tmp_path: Path) -> None:
    """The pip that fetches Go is that of this Python, even if an environment variable names the current folder."""
    bare = Machine(TimeLimits(), env={"PATH": str(tmp_path), "PYTHONPATH": ".", "HOME": str(tmp_path)})

    golang.against("1.0", bare)


def test_settings_of_python_stay_behind() -> None:
    """The child's environment leaves out exactly the variables that make Python load code."""
    given = {"PYTHONPATH": ".", "PYTHONSTARTUP": "x.py", "PIP_INDEX_URL": "https://mirror", "HOME": "/home/me"}

    assert without_python_settings(given) == {"PIP_INDEX_URL": "https://mirror", "HOME": "/home/me"}


def test_one_module_starts_python() -> None:
    """Only one module of the product names the interpreter, so that no other starts it without protection."""
    package = Path(module_file).parent
    naming = [file.name for file in package.rglob("*.py") if "sys.executable" in file.read_text(encoding="utf-8")]

    assert naming == ["interpreter.py"]
