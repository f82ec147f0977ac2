"""Refuses the Helm flags that canaryproof itself sets, or that change the experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

_VALUES = "use values: or canary.values"
_CLUSTER = "the options of the run choose the cluster"
_CHART = "use chart:, repo: and version:"
_STEPS = "canaryproof runs install, upgrade and rollback as separate steps"
_OUTPUT = "canaryproof reads the output of Helm"
_ROLLBACK = "canaryproof itself rolls back"
_RENDERED = "canaryproof must render the same objects as Helm"
REFUSED = {
    **dict.fromkeys(("--namespace", "-n", "--create-namespace"), "use namespace:"),
    **dict.fromkeys(("--values", "-f", "--set", "--set-string", "--set-json", "--set-file", "--set-literal"), _VALUES),
    **dict.fromkeys(("--kubeconfig", "--kube-context", "--kube-apiserver", "--kube-token", "--kube-ca-file"), _CLUSTER),
    **dict.fromkeys(("--kube-as-user", "--kube-as-group", "--kube-tls-server-name"), _CLUSTER),
    **dict.fromkeys(("--kube-insecure-skip-tls-verify",), _CLUSTER),
    **dict.fromkeys(("--version", "--repo", "--devel", "--username", "--password", "--pass-credentials"), _CHART),
    **dict.fromkeys(("--ca-file", "--cert-file", "--key-file", "--insecure-skip-tls-verify", "--plain-http"), _CHART),
    **dict.fromkeys(("--verify", "--keyring", "--dependency-update"), _CHART),
    **dict.fromkeys(("--install", "-i", "--dry-run", "--replace", "--help", "-h"), _STEPS),
    **dict.fromkeys(("--generate-name", "-g", "--name-template"), "use release:"),
    **dict.fromkeys(("--output", "-o"), _OUTPUT),
    **dict.fromkeys(("--post-renderer", "--post-renderer-args"), _RENDERED),
    **dict.fromkeys(("--atomic", "--rollback-on-failure"), _ROLLBACK),
    "--timeout": "use timeouts.helm",
    "--history-max": "canaryproof needs all revisions",
}
"""The reason or the replacement of each flag that a scenario file must not contain.

``--wait`` is permitted. A chart whose hooks need it then behaves as in the team's pipeline, and canaryproof observes
the canary while Helm waits.
"""


def problems(flags: Sequence[str], folder: Path) -> Iterator[str]:
    """Yield the problems of the further flags of a verb."""
    del folder
    if flags and not flags[0].startswith("-"):
        yield f"expected a flag such as --no-hooks, found {flags[0]!r}"
    for flag in flags:
        short = not flag.startswith("--")
        name = flag[:2] if short else flag.partition("=")[0].partition(" ")[0]
        if flag.startswith("-") and name in REFUSED:
            yield f"the flag {name} is not permitted; {REFUSED[name]}"
