"""The toolchain uses the system's runc if it supports seccomp, or else unpacks the distribution's package."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.errors import ToolchainError
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits

WITH_SECCOMP = "echo 'runc version 1.3.0'; echo 'libseccomp: 2.5.4'"
WITHOUT_SECCOMP = "echo 'runc version 1.3.0'"
APT_GET = """\
PATH=/usr/bin:/bin
echo "apt-get $3 $4" >> {calls}
cat "$2" > {configuration}
[ "$3" = download ] && touch "$4_1_amd64.deb"
exit 0"""
DPKG_DEB = """\
PATH=/usr/bin:/bin
mkdir -p "$3/usr/bin" "$3/usr/sbin"
printf '#!/bin/sh\\n%s\\n' "{runc}" > "$3/usr/sbin/runc"
chmod +x "$3/usr/sbin/runc"
ln -s ../sbin/runc "$3/usr/bin/runc" """


@dataclass
class Host:
    """A machine with the commands that the test installs."""

    folder: Path

    def __post_init__(self) -> None:
        """Create its PATH and its os-release file."""
        (self.folder / "bin").mkdir()
        (self.folder / "os-release").write_text("ID=test\nVERSION_ID=1\n")
        self.machine = Machine(
            TimeLimits(), env={"PATH": str(self.folder / "bin")}, os_release=self.folder / "os-release"
        )

    def install(self, name: str, script: str) -> Path:
        """Put a command on the PATH."""
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def install_apt(self, runc: str = WITH_SECCOMP) -> None:
        """Make the machine a Debian whose package contains *runc*."""
        names = {"calls": self.folder / "calls", "configuration": self.folder / "apt.conf"}
        self.install("apt-get", APT_GET.format(**names))
        self.install("dpkg-deb", DPKG_DEB.format(runc=runc))

    @property
    def calls(self) -> list[str]:
        """The arguments of apt-get's calls."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def provide(self) -> Path:
        """Provide only runc."""
        cache = self.folder / "cache"
        return provide(cache=cache, progress=Silence(), tools=["runc"], machine=self.machine).path("runc")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine without commands."""
    return Host(tmp_path)


def test_the_systems_runc_is_used_and_asked_once(host: Host) -> None:
    """The toolchain uses a runc with seccomp in place, and asks for its version once."""
    system = host.install("runc", f"echo asked >> {host.folder}/calls; {WITH_SECCOMP}")

    found = [host.provide(), host.provide()]

    assert [it.resolve() for it in found] == [system, system]
    assert host.calls == ["asked"]


@pytest.mark.parametrize("system", [None, WITHOUT_SECCOMP, "exit 1"])
def test_another_is_fetched_once_without_installing_it(host: Host, system: str | None) -> None:
    """The toolchain downloads and unpacks the package once without installing it, and copies the file."""
    host.install_apt()
    if system:
        host.install("runc", system)

    found = [host.provide(), host.provide()]

    assert host.calls == ["apt-get update ", "apt-get download runc"]
    assert found[0] == found[1]
    assert found[0].is_relative_to(host.folder / "cache")
    assert not found[0].is_symlink()
    assert os.access(found[0], os.X_OK)


def test_apt_keeps_its_state_apart(host: Host) -> None:
    """apt-get writes only below the cache folder, and runs no hooks of the host."""
    host.install_apt()

    host.provide()

    configuration = (host.folder / "apt.conf").read_text()
    assert f'Dir::State::lists "{host.folder}/cache/' in configuration
    assert f'Dir::Cache "{host.folder}/cache/' in configuration
    assert "#clear APT::Update;" in configuration


@pytest.mark.parametrize(
    ("system", "seen"), [(None, "there is no runc on PATH"), (WITHOUT_SECCOMP, "bin/runc was built without seccomp")]
)
def test_without_a_package_manager_the_message_says_how_to_get_it(host: Host, system: str | None, seen: str) -> None:
    """The error names the requirement, the runc found, and one command per distribution."""
    if system:
        host.install("runc", system)

    with pytest.raises(ToolchainError, match=rf"runc with seccomp is needed, and \S*{seen}") as caught:
        host.provide()

    assert "apt-get install runc" in str(caught.value)
    assert "dnf install runc" in str(caught.value)


def test_a_package_that_does_not_do_is_not_used(host: Host) -> None:
    """The toolchain refuses a downloaded runc without seccomp."""
    host.install_apt(runc=WITHOUT_SECCOMP)

    with pytest.raises(ToolchainError, match="was built without seccomp"):
        host.provide()

    assert not list((host.folder / "cache").rglob("runc"))


def test_a_failing_package_manager_is_quoted(host: Host) -> None:
    """The error quotes the package manager if the package cannot be downloaded."""
    host.install_apt()
    host.install("apt-get", "echo 'E: no network' >&2; exit 100")

    with pytest.raises(ToolchainError, match="its package cannot be had") as caught:
        host.provide()

    assert "E: no network" in str(caught.value)


def test_another_runc_is_looked_at_again(host: Host) -> None:
    """The toolchain looks for runc again if the system's runc or the distribution changes."""
    host.install_apt()
    fetched = host.provide()

    system = host.install("runc", WITH_SECCOMP)
    installed = host.provide()
    (host.folder / "os-release").write_text("ID=test\nVERSION_ID=2\n")
    upgraded = host.provide()

    assert installed.resolve() == upgraded.resolve() == system
    assert len({fetched, installed, upgraded}) == 3
