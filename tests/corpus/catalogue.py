"""All mutations, by name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from tests.corpus import (
    admissions,
    aftermaths,
    ends,
    fates,
    layouts,
    neighbours,
    policies,
    records,
    remarked,
    shapes,
    traps,
    unsafe,
    unseen,
    wiring,
)
from tests.corpus.mutation import Mutation

THEMES = (
    layouts,
    neighbours,
    fates,
    ends,
    admissions,
    wiring,
    shapes,
    aftermaths,
    traps,
    unsafe,
    policies,
    records,
    unseen,
    remarked,
)

CORPUS: Mapping[str, Mutation] = dict(chain.from_iterable(theme.MUTATIONS.items() for theme in THEMES))
