"""Collects the facts about this machine that the rules of :mod:`diagnosis` need. Changes nothing on the machine."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.cluster.detection import COMMANDS, ask_command
from canaryproof.cluster.embedded import rootless
from canaryproof.cluster.embedded.provider import refuse_unsuitable
from canaryproof.cluster.embedded.service_network import TRIAL
from canaryproof.cluster.embedded.toolchain import (
    EMBEDDED,
    Machine,
    find_wheel,
    folder_size,
    go_for,
    golang,
    is_built,
    nft,
    runc,
    space_for,
    tools_folder,
)
from canaryproof.cluster.existing.account_rights import missing
from canaryproof.doctor.machine_facts import Account, Cgroups, Disk, Facts, Kernel, Tools
from canaryproof.errors import CanaryproofError, ClusterError
from canaryproof.kube import kubeconfig
from canaryproof.kube.client import KubeClient
from canaryproof.redaction import redacted
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits

HELM, KIND = "helm", "kind"
CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24}  # include/uapi/linux/capability.h


@dataclass(frozen=True)
class Where:
    """The cluster that ``existing`` uses, and the environment and folders to examine. Tests pass their own values."""

    environment: Mapping[str, str] = field(repr=False)
    cache: Path
    time_limits: TimeLimits
    kubeconfig: Path | None = None
    context: str | None = None
    root: Path = Path("/")


def ask(where: Where) -> Facts:
    """Return the facts about this machine. Runs the commands concurrently."""
    with ThreadPoolExecutor(thread_name_prefix="doctor") as pool:
        commands = {name: pool.submit(ask_command, name, where.environment, where.time_limits) for name in COMMANDS}
        account = pool.submit(_account, where)
        is_root = os.geteuid() == 0
        linux = sys.platform == "linux"
        return Facts(
            platform=sys.platform,
            root=is_root,
            kernel=kernel(where.root) if linux else Kernel(),
            cgroups=cgroups(where.root / "sys/fs/cgroup"),
            disk=_disk(where),
            tools=_tools(where),
            account=account.result(),
            rootless=() if is_root or not linux else rootless.gaps(rootless.ask(where.environment, where.time_limits)),
            docker=commands["docker"].result(),
            kind=commands[KIND].result(),
            minikube=commands["minikube"].result(),
            helm=commands[HELM].result(),
            kubectl=commands["kubectl"].result(),
        )


def kernel(root: Path) -> Kernel:
    """Return the features of the kernel and the capabilities of this process, from ``/proc`` below *root*."""
    status = _read(root / "proc/self/status")
    spaces = root / "proc/self/ns"
    return Kernel(
        namespaces=frozenset(each.name for each in spaces.iterdir()) if spaces.is_dir() else frozenset(),
        filesystems=frozenset(line.split()[-1] for line in _read(root / "proc/filesystems").splitlines() if line),
        seccomp=(root / "proc/sys/kernel/seccomp/actions_avail").exists(),
        inotify_instances=_number(root / "proc/sys/fs/inotify/max_user_instances"),
        inotify_watches=_number(root / "proc/sys/fs/inotify/max_user_watches"),
        capabilities=_capabilities(status, "CapEff"),
        bounding=_capabilities(status, "CapBnd"),
    )


def _capabilities(status: str, which: str) -> frozenset[str]:
    found = re.search(rf"^{which}:\s*([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(found[1], 16) if found else 0
    return frozenset(name for name, bit in CAPABILITIES.items() if bits >> bit & 1)


def cgroups(folder: Path) -> Cgroups:
    """Return the cgroups that are mounted at *folder*.

    Version 2 has one hierarchy. Version 1 has one hierarchy for each set of controllers.
    """
    if (controllers := folder / "cgroup.controllers").exists():
        return Cgroups(2, os.access(folder, os.W_OK), frozenset(_read(controllers).split()))
    hierarchies = [each for each in folder.iterdir() if (each / "cgroup.procs").exists()] if folder.is_dir() else []
    names = frozenset(name for each in hierarchies for name in each.name.split(","))
    return Cgroups(int(bool(hierarchies)), all(os.access(each, os.W_OK) for each in hierarchies), names)


def _disk(where: Where) -> Disk:
    cache = where.cache
    existing = next(each for each in (cache, *cache.parents) if each.exists())
    against = "" if os.access(existing, os.W_OK) else f"{existing} cannot be written to"
    try:
        refuse_unsuitable("linux", cache)
    except ClusterError as error:
        against = error.message
    needed = 0 if is_built(cache, _machine(where)) else space_for(EMBEDDED)
    tools = tools_folder(cache)
    return Disk(str(existing), shutil.disk_usage(existing).free, needed, against, str(tools), folder_size(tools))


def _machine(where: Where) -> Machine:
    return Machine(where.time_limits, env=where.environment)


def _tools(where: Where) -> Tools:
    machine = _machine(where)
    return Tools(
        built=is_built(where.cache, machine),
        go=golang.against(go_for(EMBEDDED), machine),
        runc=runc.against(machine),
        nft=_nft_gap(where, machine),
        helm_built=is_built(where.cache, machine, [HELM]),
        kind_built=is_built(where.cache, machine, [KIND]),
        wheel=find_wheel(machine),
    )


def _nft_gap(where: Where, machine: Machine) -> str:
    with scratch() as folder:
        rules = folder / "rules"
        rules.write_text(TRIAL, encoding="ascii")
        return nft.against(tools_folder(where.cache), machine, rules)


def _account(where: Where) -> Account:
    """Return the account of the selected context, and its rights. Runs the context's credentials command, if any."""
    try:
        files = kubeconfig.read(kubeconfig.paths(where.kubeconfig, where.environment))
        target = kubeconfig.target_of(files, where.context)
    except CanaryproofError as error:
        return Account(error=error.message)
    time_limits = replace(where.time_limits, request=where.time_limits.question / 4)  # a request has two retries
    account = Account(target.context, redacted(target.server), is_local=target.is_local)
    try:
        with scratch() as folder:
            file = target.write(folder)
            with closing(KubeClient(file, target.context, time_limits)) as client:
                lacking = tuple(map(str, missing(client.may)))
                return replace(account, version=client.version(), lacking=lacking)
    except CanaryproofError as error:
        return replace(account, error=f"context {target.context}: {error}")


def _number(file: Path) -> int | None:
    text = _read(file).strip()
    return int(text) if text.isdecimal() else None


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
