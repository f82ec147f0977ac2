"""Extracts one context from kubeconfig files into a kubeconfig that works from any folder. Only `read` reads files.

The rules are those of kubectl ("Organizing Cluster Access Using kubeconfig Files"): if several files define the same
name, the first file wins. A relative path is relative to the file that contains it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import yaml

from canaryproof.errors import UsageError
from canaryproof.model.objects import Body, mapping_at, maps_at, text_at
from canaryproof.redaction import redacted

LOCAL_NAMES = frozenset({"localhost", "kubernetes.docker.internal", "host.docker.internal", "host.minikube.internal"})
"""The names that Docker Desktop and minikube write for the machine on which they run."""
MINIKUBE = "minikube.sigs.k8s.io"
"""The provider that minikube writes to the extensions of its entries in a kubeconfig."""

_CLUSTER_FILES = ("certificate-authority",)
_USER_FILES = ("client-certificate", "client-key", "tokenFile")

Files = Sequence[tuple[Path, Body]]
"""Kubeconfig files with their contents, in kubectl's order."""


@dataclass(frozen=True)
class Target:
    """A cluster, and the account for requests to it."""

    context: str
    server: str = field(repr=False)
    document: Body = field(repr=False)
    """A kubeconfig that contains only this context, with absolute paths."""

    @property
    def runs_commands(self) -> bool:
        """Report whether credentials come from a command, which may need the user's whole environment."""
        return any(mapping_at(each, "user", plugin) for each in self.document["users"] for plugin in _PLUGINS)

    @property
    def needs_terminal(self) -> bool:
        """Report whether the command for credentials must ask on a terminal (client-go, ``interactiveMode``)."""
        modes = (text_at(each, "user", "exec", "interactiveMode") for each in self.document["users"])
        return any(mode == "Always" for mode in modes)

    @property
    def is_local(self) -> bool:
        """Report whether the cluster runs on this machine.

        The address of the server decides, because the name of a context can mislead. A minikube cluster in a virtual
        machine or a container has a private address. The entry that minikube writes to the kubeconfig identifies it.
        """
        host = urlsplit(self.server).hostname or ""
        if host in LOCAL_NAMES or host.endswith(".localhost"):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or (address.is_private and self._is_minikubes())

    def _is_minikubes(self) -> bool:
        extensions = (it for each in self.document["clusters"] for it in maps_at(each, "cluster", "extensions"))
        return any(text_at(it, "extension", "provider") == MINIKUBE for it in extensions)

    def write(self, folder: Path) -> Path:
        """Write the kubeconfig to *folder*, readable only by this user, and return its path."""
        file = folder / "kubeconfig"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(self.document))
        return file


_PLUGINS = ("exec", "auth-provider")


def paths(said: Path | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the kubeconfig files that kubectl would read.

    *said* is the file that the user names. Without it, the files are those of the variable KUBECONFIG, or else
    ``~/.kube/config``.
    """
    if said:
        return (said,)
    if named := [each for each in environment.get("KUBECONFIG", "").split(os.pathsep) if each]:
        return tuple(Path(each).absolute() for each in named)
    return (Path(environment.get("HOME") or Path.home()) / ".kube" / "config",)


def read(files: Sequence[Path]) -> Files:
    """Return the contents of *files*. Skips files that do not exist, as kubectl does.

    Raises UsageError when no file exists, or when a file cannot be read or is not a kubeconfig.
    """
    found = [(each, _load(each)) for each in files if each.is_file()]
    if not found:
        names = ", ".join(map(str, files))
        raise UsageError(f"no kubeconfig: {names} does not exist", "give --kubeconfig FILE, or set KUBECONFIG")
    return found


def _load(file: Path) -> Body:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"kubeconfig {file}: {error.strerror}", "give --kubeconfig a file that can be read") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"kubeconfig {file} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"kubeconfig {file} should be a map, and is {document!r:.60}")
    return document


def target_of(files: Files, context: str | None = None) -> Target:
    """Return the cluster and the account of *context*, or of the current context if *context* is None.

    Raises UsageError when the context or a part of it does not exist. For a missing context, the message lists those
    that exist.
    """
    name = context or next((said for _, body in files if (said := text_at(body, "current-context"))), "")
    known = ", ".join(dict.fromkeys(_names(files, "contexts"))) or "none"
    if not name:
        raise UsageError(f"the kubeconfig has no current context: give --kube-context one of: {known}")
    found = _entry(files, "contexts", name)
    if found is None:
        raise UsageError(f"the kubeconfig has no context {name!r}: give --kube-context one of: {known}")
    parts = {kind: _part(files, name, found[1], kind) for kind in ("cluster", "user")}
    server = text_at(parts["cluster"], "server")
    if not server:
        raise UsageError(f"context {name!r}: its cluster has no server", "mend the kubeconfig")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": parts["cluster"]}],
        "users": [{"name": name, "user": parts["user"]}],
    }
    return Target(name, server, document)


def _part(files: Files, context: str, body: Body, kind: str) -> Body:
    """Return the cluster or the user of a context, with absolute paths."""
    name = text_at(body, kind)
    found = _entry(files, f"{kind}s", name)
    if found is None:
        raise UsageError(f"context {context!r} is of the {kind} {name!r}, which the kubeconfig does not have")
    folder, part = found[0].absolute().parent, deepcopy(found[1])
    for key in (*_CLUSTER_FILES, *_USER_FILES):
        if path := text_at(part, key):
            part[key] = str(folder / path)
    command = text_at(part, "exec", "command")
    if "/" in command:  # without a slash, the command is searched on PATH
        part["exec"]["command"] = str(folder / command)
    return part


def _entry(files: Files, kind: str, name: str) -> tuple[Path, Body] | None:
    """Return the first entry with the name *name*, and its file."""
    singular = kind.removesuffix("s")
    return _first(
        (file, mapping_at(each, singular))
        for file, body in files
        for each in maps_at(body, kind)
        if text_at(each, "name") == name
    )


def _first(entries: Iterator[tuple[Path, Body]]) -> tuple[Path, Body] | None:
    return next(entries, None)


def _names(files: Files, kind: str) -> Iterator[str]:
    return (text_at(each, "name") for _, body in files for each in maps_at(body, kind))


Ask = Callable[[str], str]
"""Asks the user a question at a terminal and returns the answer."""


def confirm(target: Target, ask: Ask | None) -> None:
    """Ask the user to confirm the use of *target*, which is not on this machine.

    *ask* is None if there is no terminal.

    Raises UsageError when the user does not confirm, or cannot be asked.
    """
    what = redacted(f"context {target.context} leads to {target.server}, which is not on this machine")
    if ask is None:
        raise UsageError(f"{what}, and there is no terminal to ask at: say --yes if it is the cluster you mean")
    if ask(f"{what}. Make and delete namespaces there? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise UsageError(f"{what}: not confirmed, nothing was done")
