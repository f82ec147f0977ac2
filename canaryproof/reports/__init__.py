"""What a run has to say, as text; pure: :mod:`canaryproof.keeping` writes it.

:mod:`pages` are for people with a browser, :mod:`feedback` for the student, :mod:`summary` for a CI system,
:mod:`grades` for a spreadsheet, :mod:`gradescope` for Gradescope.  They draw on :mod:`overview` (the class),
:mod:`picture` (the experiment over time), :mod:`difference` (the chart) and :mod:`tables` (the cluster).
Whatever comes from a submission goes through :mod:`plain`, :mod:`markdown`, ``grades.cell`` or the escaping of the
templates, and through :mod:`naming` where it names a file.
"""
