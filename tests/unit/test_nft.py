"""nft is that of the system or of its distribution. The cluster also works without it, and says why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, nft, provide
from canaryproof.errors import ToolchainError
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits

NFT = '#!/bin/sh\necho "nftables v{version} (Lester Gooch)"\n'
APT = """\
#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >> {folder}/calls
case "$*" in
  *nftables) {fetch} ;;
esac
"""
DPKG = """\
#!/bin/sh
PATH=/usr/bin:/bin
mkdir -p "$3/usr/sbin" "$3/usr/lib/any"
echo library > "$3/usr/lib/any/libnftables.so.1"
echo library > "$3/usr/lib/any/libnftables.so.1.1.0"
cat > "$3/usr/sbin/nft" <<'END'
{nft}END
chmod 755 "$3/usr/sbin/nft"
"""


@dataclass
class Host:
    """A machine whose PATH has only the given commands."""

    folder: Path

    def __post_init__(self) -> None:
        """Create the folder on the PATH."""
        (self.folder / "bin").mkdir()
        self.machine = Machine(
            TimeLimits(), env={"PATH": str(self.folder / "bin")}, os_release=self.folder / "os-release"
        )

    def command(self, name: str, text: str) -> Path:
        """Put a script on the PATH."""
        file = self.folder / "bin" / name
        file.write_text(text)
        file.chmod(0o755)
        return file

    def install_apt(self, *, fetch: str = "touch cache/archives/nftables.deb", version: str = "1.0.6") -> None:
        """Put an apt-get on the PATH that runs *fetch* as a download, and a dpkg-deb that unpacks an nft."""
        self.command("apt-get", APT.format(folder=self.folder, fetch=fetch))
        self.command("dpkg-deb", DPKG.format(nft=NFT.format(version=version)))

    @property
    def downloads(self) -> list[str]:
        """The calls of apt-get that download the package."""
        calls = self.folder / "calls"
        return [line for line in calls.read_text().splitlines() if line.endswith("nftables")] if calls.exists() else []

    def provide(self) -> Path:
        """Provide nft on this machine."""
        return nft.provide_nft(self.folder / "tools", progress=Silence(), machine=self.machine)

    def against(self, rules: str = "") -> str:
        """Return the doctor's finding."""
        file = self.folder / "rules"
        file.write_text(rules)
        return nft.against(self.folder / "tools", self.machine, file)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A machine without commands."""
    monkeypatch.setattr(nft, "_SYSTEM_FOLDERS", (str(tmp_path / "sbin"),))
    return Host(tmp_path)


def test_the_nft_of_the_system_is_used(host: Host) -> None:
    """The nft of the system is used if kube-proxy accepts its version, and nothing is fetched."""
    host.install_apt()
    own = host.command("nft", NFT.format(version="1.0.1"))

    assert host.provide().resolve() == own
    assert not host.downloads


def test_a_folder_of_system_commands_need_not_be_on_the_path(host: Host) -> None:
    """The nft of the system is found in a folder that an ordinary user's PATH lacks."""
    own = host.command("nft", NFT.format(version="1.1.0"))
    (host.folder / "sbin").mkdir()
    moved = own.rename(host.folder / "sbin" / "nft")

    assert host.provide().resolve() == moved


def test_the_package_of_the_distribution_is_unpacked(host: Host) -> None:
    """Without a system nft, the package is fetched once, with its libraries beside the command."""
    host.install_apt()

    found = host.provide()
    assert host.provide() == found
    assert len(host.downloads) == 1
    assert {each.name for each in found.parent.iterdir()} == {"nft", "libnftables.so.1"}


@pytest.mark.parametrize(
    ("fetch", "version", "reason"),
    [
        ("echo offline >&2; exit 100", "1.0.6", "offline"),
        ("true", "1.0.6", "downloaded nothing"),
        ("touch cache/archives/nftables.deb", "0.9.8", "older than 1.0.1"),
    ],
)
def test_a_package_that_cannot_be_had_is_tried_once(host: Host, fetch: str, version: str, reason: str) -> None:
    """The reason is recorded, so that each later start says it without a new attempt."""
    host.install_apt(fetch=fetch, version=version)

    for _ in range(2):
        with pytest.raises(ToolchainError, match=reason) as caught:
            host.provide()
    assert len(host.downloads) == 1
    assert "install the package nftables" in str(caught.value)
    own = host.command("nft", NFT.format(version="1.0.6"))
    assert host.provide().resolve() == own


def test_an_old_nft_of_the_system_is_refused(host: Host) -> None:
    """An nft that kube-proxy does not accept is named with the oldest version that it accepts."""
    host.command("nft", NFT.format(version="1.0.0"))

    with pytest.raises(ToolchainError, match=r"bin/nft is older than 1\.0\.1; install"):
        host.provide()
    assert "older than 1.0.1" in host.against()


def test_a_toolchain_without_nft_says_why(host: Host) -> None:
    """A toolchain with kube-proxy has nft, or the reason why it lacks nft. Others need none."""
    ready = host.folder / "ready"
    ready.mkdir()
    for name in ("kube-proxy", "etcd"):
        (ready / name).write_text("#!/bin/sh\n")
        (ready / name).chmod(0o755)

    def of(tool: str) -> dict[str, str]:
        found = provide(cache=host.folder, progress=Silence(), machine=host.machine, ready=ready, tools=[tool])
        assert ("nft" in found.binaries) is (host.machine.which("nft") is not None and tool == "kube-proxy")
        return dict(found.lacks)

    assert "there is no command nft" in of("kube-proxy")["nft"]
    assert of("etcd") == {}
    host.command("nft", NFT.format(version="1.0.6"))
    assert of("kube-proxy") == {}


@pytest.mark.parametrize(("exit_code", "reason"), [(0, ""), (1, "the kernel does not let nft change rules: refused")])
def test_the_doctor_tries_the_rules(host: Host, exit_code: int, reason: str) -> None:
    """The doctor tries the rules in a network namespace of their own, and gives nft's reason if the kernel refuses."""
    host.command("nft", NFT.format(version="1.0.6"))
    host.command("unshare", f"#!/bin/sh\necho refused >&2\nexit {exit_code}\n")

    assert host.against() == reason


def test_the_doctor_needs_nothing_where_nft_can_be_fetched(host: Host) -> None:
    """The doctor has no finding while nft can still be fetched, and has one where it cannot."""
    assert host.against() == "there is no command nft"
    host.install_apt()
    assert not host.against()
