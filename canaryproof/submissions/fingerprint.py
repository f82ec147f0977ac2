"""Computes the fingerprint of a submission, which shows whether an equal experiment has already run.

The fingerprint is a hash of everything on which an experiment depends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from canaryproof.model.evidence import Setting
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.archives import LARGEST_ARCHIVE, in_folder, open_file
from canaryproof.submissions.discovery import Submission

MOST_FILES, MOST_BYTES = 10_000, 64 * 2**20
"""The maximum number of files and bytes of a submission that are hashed. An accepted chart has fewer."""


def fingerprint(submission: Submission, scenario: Scenario, setting: Setting) -> str:
    """Return a hash of the submission, the scenario, canaryproof's version and the setting of the experiment.

    The setting consists of the provider, the versions of Kubernetes and Helm, and the kind of images. The hash excludes
    patience and the number of nodes, because the verdict does not depend on them.
    """
    terms = _plain(asdict(scenario))
    tools = [version("canaryproof"), setting.provider, setting.kubernetes, setting.helm, setting.images]
    parts = [terms, tools, submission.problem, contents(submission.chart)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _plain(term: Any) -> Any:
    """Return a term of a scenario as JSON-compatible values, each path with a hash of what is there."""
    if isinstance(term, Path):
        return [str(term), contents(term)]
    if isinstance(term, Mapping):
        return {str(key): _plain(value) for key, value in term.items()}
    if isinstance(term, frozenset):
        return sorted(map(str, term))
    return [_plain(each) for each in term] if isinstance(term, (list, tuple)) else term


def contents(place: Path) -> str:
    """Return a hash of a file, or of the names and contents of all entries of a folder. Links are not followed.

    An unreadable entry contributes its error to the hash. The hash therefore changes when the entry becomes readable.
    """
    digest = hashlib.sha256()
    try:
        for part in _folder(place) if place.is_dir() else _file(place):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    except OSError as error:
        digest.update(str(error.errno).encode())
    return digest.hexdigest()


def _file(file: Path) -> Iterator[bytes]:
    with open_file(file) as content:
        yield content.read(LARGEST_ARCHIVE + 1)


def _folder(folder: Path) -> Iterator[bytes]:
    left = MOST_BYTES
    for member in sorted(islice(in_folder(folder), MOST_FILES), key=lambda each: each.path):
        yield str(member.path).encode(errors="surrogateescape")
        yield f"{member.size} {member.folder} {member.special} {member.link}".encode(errors="surrogateescape")
        if (left := left - member.size) > 0:
            yield member.read()
