"""Finds the container of the canary whose ends determine the outcome.  This module is pure."""

from __future__ import annotations

from collections.abc import Sequence

from canaryproof.model.objects import Container


def decisive_container(containers: Sequence[Container], image: str | None, port: int | None) -> str:
    """Return the name of the canary's own container among *containers*, or an empty string if any of them counts.

    *image* is the image of the canary.  Without it, every container counts.  The canary's own container declares
    *port*, the port that the canary must have.  If several containers do, or none does, it is the first of them with
    *image*.  The other containers are its helpers: if one of them crashes, the canary does not.  Init containers are
    not among them, because they end before the canary starts.
    """
    if not image:
        return ""
    apps = [each for each in containers if not each.init]
    with_port = [each for each in apps if any(declared.number == port for declared in each.ports)]
    if len(with_port) == 1:
        return with_port[0].name
    found = [each for each in with_port or apps if _familiar(each.image) == _familiar(image)]
    return found[0].name if found else ""


def _familiar(image: str) -> str:
    return image.removeprefix("docker.io/")
