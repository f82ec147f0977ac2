"""Implements the commands about clusters: ``up``, ``down``, ``status``, ``doctor``, ``toolchain`` and ``rights``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from canaryproof.cluster.embedded.persistent.messages import instructions, line_about
from canaryproof.cluster.embedded.persistent.provider import KeptProvider, end
from canaryproof.cluster.embedded.persistent.state import place_of, places
from canaryproof.cluster.embedded.provider import suitable
from canaryproof.cluster.embedded.toolchain import Machine, find_wheel, provide
from canaryproof.cluster.embedded.toolchain.origins import origins, table_of
from canaryproof.cluster.existing.account_rights import observer_role, roles
from canaryproof.cluster.selection import choose
from canaryproof.doctor.diagnosis import examine
from canaryproof.doctor.diagnosis_text import exit_code, report
from canaryproof.doctor.machine_probes import Where, ask
from canaryproof.errors import ClusterError
from canaryproof.scenario.scenario_file import default_file, load_scenario
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import TerminalProgress


def start_cluster(options: argparse.Namespace) -> int:
    """Start an embedded cluster that stays, and print the commands that reach it."""
    cache, scenario = cache_folder(os.environ), load_scenario(options.scenario or default_file(Path.cwd()))
    place = place_of(cache, options.name)
    suitable(cache, os.environ, options.limits)
    progress = TerminalProgress(sys.stderr)
    toolchain = provide(
        cache=cache,
        progress=progress,
        machine=Machine(options.limits),
        ready=options.toolchain,
        kubernetes=options.kubernetes,
    )
    provider = KeptProvider(
        toolchain,
        cache,
        scenario.stand_ins,
        options.name,
        keep=True,
        time_limits=options.limits,
        progress=progress,
        archives=scenario.archives,
    )
    kept, note = provider.up()
    print(instructions(place, kept, scenario, note))
    return 0


def end_cluster(options: argparse.Namespace) -> int:
    """End an embedded cluster that stays."""
    place = place_of(cache_folder(os.environ), options.name)
    with place.alone():
        if not place.folder.exists():
            print(f"there is no cluster {place.name}; canaryproof status lists the clusters that stay", file=sys.stderr)
            return 1
        print(
            f"{place.name}: {'ended' if end(place, options.limits) else 'had ended already; its leftovers are removed'}"
        )
    return 0


def print_clusters(_: argparse.Namespace) -> int:
    """Print a line about each embedded cluster that stays."""
    found = places(cache_folder(os.environ))
    for place in found:
        print(line_about(place))
    if not found:
        print("no cluster is running; canaryproof up starts one")
    return 0


def print_diagnosis(options: argparse.Namespace) -> int:
    """Print the problems of each provider on this machine, and the choice of ``--cluster auto``."""
    where = Where(os.environ, cache_folder(os.environ), options.limits, options.kubeconfig, options.kube_context)
    with TerminalProgress(sys.stderr).step("examining this machine"):
        facts = ask(where)
    found = examine(facts)
    try:
        auto = str(choose(facts))
    except ClusterError:
        auto = "no cluster works here"
    print(*report(found, auto, facts.disk, facts.tools.wheel), sep="\n")
    return exit_code(found)


def print_toolchain(options: argparse.Namespace) -> int:
    """Print the release and the place of each program of the embedded cluster."""
    machine = Machine(options.limits)
    found = origins(cache_folder(os.environ), machine, kubernetes=options.kubernetes)
    print(*table_of(found, find_wheel(machine)), sep="\n")
    return 0


def print_rights(options: argparse.Namespace) -> int:
    """Print the roles that canaryproof needs on an existing cluster."""
    print(observer_role() if options.observe else roles(), end="")
    return 0
