"""The doctor reports each gap of the machine per provider, with the command that closes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from canaryproof.cli.subcommands import main
from canaryproof.cluster.detection import Command
from canaryproof.cluster.embedded.rootless import Gap
from canaryproof.cluster.selection import choose
from canaryproof.doctor.diagnosis import CONTROLLERS, NAMESPACES, Code, Finding, examine, works
from canaryproof.doctor.diagnosis_text import TEXTS, describe, exit_code, report
from canaryproof.doctor.machine_facts import Account, Cgroups, Disk, Facts, Kernel, Tools
from canaryproof.doctor.machine_probes import Where, ask, cgroups, kernel
from canaryproof.errors import ClusterError
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi

KERNEL = Kernel(
    namespaces=NAMESPACES,
    filesystems=frozenset({"overlay"}),
    seccomp=True,
    inotify_instances=8192,
    inotify_watches=1_000_000,
    capabilities=frozenset({"CAP_SYS_ADMIN"}),
    bounding=frozenset({"CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"}),
)
WELL = Facts(
    platform="linux",
    root=True,
    kernel=KERNEL,
    cgroups=Cgroups(2, writable=True, controllers=CONTROLLERS),
    disk=Disk("/home/me/.cache", free=10**11, needed=0),
    tools=Tools(built=True, helm_built=True),
    account=Account("lab", "https://127.0.0.1:6443", is_local=True, version="1.37.2"),
    docker=Command("/usr/bin/docker", "28.1"),
    kind=Command("/usr/bin/kind", "0.33.0"),
    minikube=Command("/usr/bin/minikube", "1.36.0"),
    helm=Command("/usr/bin/helm", "4.3.1"),
    kubectl=Command("/usr/bin/kubectl", "1.37.0"),
)


def of_kernel(**parts: Any) -> Facts:
    """Return a machine whose kernel has these gaps and that has no others."""
    return replace(WELL, kernel=replace(KERNEL, **parts))


def unbuilt(**parts: Any) -> Facts:
    """Return a machine that lacks the embedded cluster's tools and something to build them."""
    return replace(WELL, tools=replace(Tools(), **parts), disk=replace(WELL.disk, needed=5 * 10**9))


def test_a_machine_that_is_well_lacks_nothing() -> None:
    """The doctor finds no gap and makes no remark on a complete machine, and every provider works."""
    assert set(examine(WELL).values()) == {()}


@pytest.mark.parametrize(
    ("facts", "provider", "problem", "remedy"),
    [
        (replace(WELL, platform="darwin"), "embedded", "needs Linux", "use kind"),
        (replace(WELL, root=False, rootless=(Gap("no subuids", "usermod"),)), "embedded", "no subuids", "usermod"),
        (of_kernel(capabilities=frozenset()), "embedded", "lacks CAP_SYS_ADMIN", "--privileged"),
        (replace(WELL, cgroups=Cgroups()), "embedded", "no cgroups are mounted", "mount"),
        (replace(WELL, cgroups=replace(WELL.cgroups, writable=False)), "embedded", "written to", "--privileged"),
        (
            replace(WELL, cgroups=replace(WELL.cgroups, controllers=CONTROLLERS - {"memory"})),
            "embedded",
            "cannot limit memory",
            "cgroup_enable=memory",
        ),
        (of_kernel(namespaces=NAMESPACES - {"net"}), "embedded", "of kind net", "boot"),
        (of_kernel(filesystems=frozenset()), "embedded", "no overlayfs", "modprobe overlay"),
        (of_kernel(seccomp=False), "embedded", "filter system calls", "CONFIG_SECCOMP_FILTER"),
        (of_kernel(inotify_instances=32), "embedded", "32 inotify instances", "sysctl --write fs.inotify"),
        (replace(WELL, disk=replace(WELL.disk, against="it is hidden")), "embedded", "hidden", "XDG_CACHE_HOME"),
        (unbuilt(go="there is no Go"), "embedded", "there is no Go", "golang"),
        (replace(WELL, tools=replace(WELL.tools, runc="there is no runc")), "embedded", "no runc", "install runc"),
        (
            replace(unbuilt(), disk=Disk("/c", free=10**9, needed=5 * 10**9)),
            "embedded",
            "takes 5.0 GB, and 1.0 GB are free at /c",
            "make room",
        ),
        (replace(WELL, docker=Command()), "kind", "no command docker", "install docker"),
        (replace(WELL, docker=Command("/d", error="refused")), "kind", "answers: refused", "start docker"),
        (replace(WELL, docker=Command("/d", error="Permission denied")), "kind", "denied", "usermod --append"),
        (replace(WELL, kind=Command("/k", "0.17.0")), "kind", "kind 0.17.0 is too old, 0.20", "https://kind"),
        (
            replace(unbuilt(go="there is no Go"), kind=Command()),
            "kind",
            "no command kind, and canaryproof cannot build it",
            "https://kind",
        ),
        (replace(WELL, minikube=Command()), "minikube", "no command minikube", "https://minikube"),
        (replace(WELL, account=Account(error="no kubeconfig")), "existing", "no kubeconfig", "--kubeconfig"),
        (
            replace(WELL, account=replace(WELL.account, lacking=("create namespaces",))),
            "existing",
            "may not create namespaces",
            "rights",
        ),
        (replace(WELL, helm=Command("/h", "2.17.0")), "existing", "Helm 2.17.0 is too old, 3.6", "--helm"),
        (replace(WELL, helm=Command("/h", error="crashed")), "kind", "tell its version: crashed", "--helm"),
        (replace(unbuilt(go="there is no Go"), helm=Command()), "minikube", "cannot build it", "https://helm"),
    ],
)
def test_a_gap_is_told_with_what_closes_it(facts: Facts, provider: str, problem: str, remedy: str) -> None:
    """The doctor reports a gap with its remedy, and the provider does not work."""
    findings = examine(facts)[provider]

    (finding,) = [each for each in findings if each.stops]
    told, advice = describe(finding)
    assert problem in told
    assert remedy in advice
    assert not works(findings)


@pytest.mark.parametrize(
    ("facts", "provider", "problem"),
    [
        (unbuilt(), "embedded", "the first run builds them"),
        (replace(WELL, tools=replace(WELL.tools, nft="there is no nft")), "embedded", "no addresses, and NodePorts"),
        (replace(WELL, kind=Command()), "kind", "no command kind: the first run builds it"),
        (of_kernel(inotify_watches=8192), "kind", "max_user_watches is 8192"),
        (of_kernel(bounding=frozenset()), "kind", "CAP_SYS_RESOURCE"),
        (replace(WELL, disk=replace(WELL.disk, free=10**9)), "kind", "1.0 GB are free"),
        (replace(WELL, minikube=Command("/m", "1.36.0", "Stopped")), "minikube", "none is running: Stopped"),
        (
            replace(WELL, account=replace(WELL.account, is_local=False, server="https://prod")),
            "existing",
            "https://prod, which is not on this machine",
        ),
        (replace(WELL, kubectl=Command("/k", "1.35.1")), "existing", "kubectl 1.35.1 is more than one minor"),
        (replace(unbuilt(), helm=Command()), "existing", "the first run builds it"),
    ],
)
def test_a_remark_stops_nothing(facts: Facts, provider: str, problem: str) -> None:
    """The doctor makes a remark on a possible later problem or a longer first start, and the provider works."""
    findings = examine(facts)[provider]

    assert works(findings)
    assert any(problem in describe(each)[0] for each in findings)


def test_auto_chooses_by_the_facts_that_were_found() -> None:
    """The choice of ``auto`` uses the facts of the doctor without another query."""
    stopped = Command("/usr/bin/docker", error="no daemon", failed="docker version")
    mac = replace(WELL, platform="darwin")

    assert choose(WELL).provider == "embedded"
    assert choose(mac).provider == "kind"
    assert choose(replace(mac, docker=stopped)).provider == "minikube"
    with pytest.raises(ClusterError, match=r"(?s)this is darwin.*docker version: no daemon.*no command minikube"):
        choose(replace(mac, docker=stopped, minikube=Command()))


def test_what_a_kernel_does_not_tell_is_no_gap() -> None:
    """The doctor reports no gap for a setting that the kernel hides, such as inotify's limits."""
    assert set(examine(of_kernel(inotify_instances=None, inotify_watches=None)).values()) == {()}


def test_each_code_has_its_words() -> None:
    """Every finding of the doctor has a sentence."""
    assert set(TEXTS) == set(get_args(Code))


def test_the_report_reads_from_the_gravest() -> None:
    """The report lists each provider, with gaps before remarks. One working provider suffices for exit code 0."""
    found = {
        "embedded": (Finding(code="overlay-missing"), Finding(code="seccomp-missing")),
        "kind": (Finding(code="tools-not-built", stops=False),),
        "existing": (),
    }
    found["embedded"] = (replace(found["embedded"][0], stops=False), found["embedded"][1])

    assert list(report(found, "kind", Disk("/c", 0, 0, tools="/c/my tools", tools_size=3 * 10**8))) == [
        "embedded   does not work here",
        "  x the kernel cannot filter system calls",
        "      boot one with CONFIG_SECCOMP_FILTER",
        "  - the kernel has no overlayfs",
        "      sudo modprobe overlay",
        "kind       works, with remarks",
        "  - its tools are not built yet: the first run builds them, about seven minutes on two cores",
        '      pip install "canaryproof[embedded]", which contains them; or run canaryproof up, which builds them',
        "existing   works",
        "",
        "--cluster auto: kind",
        "built tools: 0.3 GB in /c/my tools; to remove them: rm -r '/c/my tools'",
    ]
    assert exit_code(found) == 0
    assert exit_code({"embedded": found["embedded"]}) == 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root folder with some of a kernel's files."""
    root = tmp_path / "root"
    for name, text in {
        "proc/filesystems": "nodev\tproc\n\text4\nnodev\toverlay\n",
        "proc/self/status": "Name:\tpytest\nCapBnd:\t0000000001200000\nCapEff:\t0000000000200000\n",
        "proc/self/ns/pid": "",
        "proc/sys/kernel/seccomp/actions_avail": "kill_process",
        "proc/sys/fs/inotify/max_user_instances": "128\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_kernel_is_read_from_its_files(root: Path) -> None:
    """The doctor reads the capabilities from the kernel's bit mask, and treats a missing file as unknown."""
    assert kernel(root) == Kernel(
        namespaces=frozenset({"pid"}),
        filesystems=frozenset({"proc", "ext4", "overlay"}),
        seccomp=True,
        inotify_instances=128,
        inotify_watches=None,
        capabilities=frozenset({"CAP_SYS_ADMIN"}),
        bounding=frozenset({"CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"}),
    )


def test_cgroups_are_of_one_version_or_the_other(tmp_path: Path) -> None:
    """The doctor recognises cgroup v2, cgroup v1 and a machine without cgroups."""
    two, one = tmp_path / "two", tmp_path / "one"
    for file, text in {two / "cgroup.controllers": "cpu memory", one / "cpu,cpuacct" / "cgroup.procs": ""}.items():
        file.parent.mkdir(parents=True)
        file.write_text(text)

    assert cgroups(two) == Cgroups(2, writable=True, controllers=frozenset({"cpu", "memory"}))
    assert cgroups(one) == Cgroups(1, writable=True, controllers=frozenset({"cpu", "cpuacct"}))
    assert cgroups(tmp_path / "none") == Cgroups(0, writable=True, controllers=frozenset())


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API that allows nothing."""
    with FakeApi().serve(tmp_path) as api:
        api.answers["GET", "/version"] = (200, {"gitVersion": "v1.37.2"})
        yield api


def script(folder: Path, name: str, text: str) -> None:
    """Create a command."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_commands_and_cluster_are_asked(tmp_path: Path, api: FakeApi, root: Path) -> None:
    """The doctor reports the version of each command, or the last line of its error."""
    script(tmp_path, "helm", "echo v4.3.1")
    script(tmp_path, "kubectl", """echo '{"clientVersion": {"gitVersion": "v1.37.0"}}'""")
    script(tmp_path, "minikube", '[ "$1" = version ] && exec echo v1.36.0; echo host: Stopped; exit 7')
    script(tmp_path, "docker", "echo one >&2; echo 'Cannot connect' >&2; exit 1")
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "HOME": str(tmp_path)}

    facts = ask(Where(environment, tmp_path / "cache", TimeLimits(), kubeconfig=api.kubeconfig, root=root))

    assert facts.helm == Command(str(tmp_path / "helm"), "4.3.1")
    assert facts.kubectl.version == "1.37.0"
    assert facts.minikube == Command(str(tmp_path / "minikube"), "1.36.0", "host: Stopped", "minikube status")
    assert facts.docker == Command(
        str(tmp_path / "docker"), "", "Cannot connect", "docker version --format {{.Server.Version}}"
    )
    assert facts.kind == Command()
    assert (facts.account.context, facts.account.version, facts.account.is_local) == ("lab", "1.37.2", True)
    assert "create namespaces" in facts.account.lacking
    assert facts.disk.needed > 10**9
    assert not facts.tools.built
    assert {path for method, path in api.asked if method != "GET"} == {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    }


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path, root: Path) -> None:
    """The doctor reports a cluster that does not answer, and a missing kubeconfig."""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}

    assert "no kubeconfig" in ask(Where(environment, tmp_path, TimeLimits(), root=root)).account.error
    dead = tmp_path / "dead"
    dead.write_text(
        '{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],'
        ' "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a"}]}'
    )
    assert (
        "cannot be reached" in ask(Where(environment, tmp_path, TimeLimits(), kubeconfig=dead, root=root)).account.error
    )


def test_the_command_line_reports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints every provider, and its exit code states whether one of them works."""
    monkeypatch.setattr(
        "canaryproof.cli.cluster_commands.ask", lambda where: WELL if isinstance(where, Where) else None
    )

    assert main(["doctor"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("works")] == [
        "embedded   works",
        "kind       works",
        "minikube   works",
        "existing   works",
    ]
    assert lines[-1] == "--cluster auto: embedded (auto: its tools are here, and it needs no more)"
