"""Looks at a release that somebody handled by hand, and changes nothing.

:mod:`canaryproof.helm.releases` reads what Helm keeps of each revision, :mod:`revisions` finds stable, canary and
rollback among them, :mod:`event_rules` says what became of the canary as far as that can still be seen, and
:mod:`observer` asks the cluster and makes evidence of it, which the same checks judge.
"""
