"""Observes a release that was handled by hand, and changes nothing.

:mod:`revisions` finds stable, canary and rollback among the revisions that Helm keeps, :mod:`current_state` reads what
the cluster still shows, :mod:`event_rules` finds the outcome of the canary in it, :mod:`observed_evidence` makes
evidence of all that, which the same checks judge, and :mod:`observer` does these in order.
"""
