"""Looks at a release that somebody handled by hand, and changes nothing.

:mod:`records` reads what Helm keeps of each revision, :mod:`story` finds stable, canary and rollback among them,
:mod:`remains` says what became of the canary as far as that can still be seen, and :mod:`observatory` asks the cluster
and makes evidence of it, which the same checks judge.
"""
