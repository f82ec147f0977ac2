"""Checks the rights of an account. The ClusterRoles in the folder of this file list the rights that a run needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

ROLE = Path(__file__).with_name("cluster-role.yaml")
OPTIONAL = Path(__file__).with_name("optional-role.yaml")
OBSERVER = Path(__file__).with_name("observer-role.yaml")
AT_ONCE = 8
"""The number of concurrent requests to the API server."""


@dataclass(frozen=True)
class Right:
    """The right to use one verb on one resource."""

    verb: str
    group: str
    resource: str
    """A resource such as ``pods``, or a subresource such as ``pods/log``."""

    def __str__(self) -> str:
        """Return the right as text for a message, such as ``create deployments.apps``."""
        return f"{self.verb} {self.resource}{self.group and f'.{self.group}'}"


def needed() -> tuple[Right, ...]:
    """Return the rights that every run needs."""
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    return tuple(_rights(rules))


def _rights(rules: Iterable[dict[str, list[str]]]) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(verb, group, resource) for verb in rule["verbs"])


def roles() -> str:
    """Return the required and the optional ClusterRole, as YAML for ``kubectl apply -f -``."""
    return f"{ROLE.read_text(encoding='utf-8')}---\n{OPTIONAL.read_text(encoding='utf-8')}"


def observer_role() -> str:
    """Return the Role for accounts that only run ``canaryproof observe``, as YAML."""
    return OBSERVER.read_text(encoding="utf-8")


def missing(may: Callable[[str, str, str], bool]) -> tuple[Right, ...]:
    """Return the rights that the account lacks.

    *may* reports whether the account may use a verb on a resource of an API group. It takes verb, group and resource.
    """
    rights = needed()
    with ThreadPoolExecutor(AT_ONCE, "rights") as pool:
        allowed = pool.map(lambda it: may(it.verb, it.group, it.resource), rights)
        return tuple(right for right, it in zip(rights, allowed, strict=True) if not it)
