"""What an account needs to be allowed, as the ClusterRoles beside this file list it."""

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
"""Questions to the API server at a time."""


@dataclass(frozen=True)
class Right:
    """One verb on one kind of object."""

    verb: str
    group: str
    resource: str
    """``pods``, or ``pods/log`` for a part of one."""

    def __str__(self) -> str:
        """Read as a sentence has it: ``create deployments.apps``."""
        return f"{self.verb} {self.resource}{self.group and f'.{self.group}'}"


def needed() -> tuple[Right, ...]:
    """Return the rights without which no run is possible."""
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    return tuple(_rights(rules))


def _rights(rules: Iterable[dict[str, list[str]]]) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(verb, group, resource) for verb in rule["verbs"])


def roles() -> str:
    """Return both ClusterRoles, as ``kubectl apply -f -`` takes them."""
    return f"{ROLE.read_text(encoding='utf-8')}---\n{OPTIONAL.read_text(encoding='utf-8')}"


def observer_role() -> str:
    """Return the Role of who only looks."""
    return OBSERVER.read_text(encoding="utf-8")


def missing(may: Callable[[str, str, str], bool]) -> tuple[Right, ...]:
    """Return the rights that the account lacks; *may* answers for a verb, a group and a resource."""
    rights = needed()
    with ThreadPoolExecutor(AT_ONCE, "rights") as pool:
        allowed = pool.map(lambda it: may(it.verb, it.group, it.resource), rights)
        return tuple(right for right, it in zip(rights, allowed, strict=True) if not it)
