"""Renders the results of a run as text.  Only :mod:`canaryproof.reports.writer` writes files.

:mod:`html` are for people with a browser, :mod:`feedback` for the student, :mod:`summary` for a CI system,
:mod:`grades_csv` for a spreadsheet, :mod:`gradescope` for Gradescope, :mod:`classroom` for GitHub Classroom.
They draw on :mod:`class_stats` (the class), :mod:`chronology` (the experiment over time), :mod:`diff` (the chart) and
:mod:`tables` (the cluster). Whatever comes
from a submission goes through :mod:`canaryproof.system.plain_text`, :mod:`markdown`, ``grades_csv.cell`` or the
escaping of the templates, and through :mod:`filenames` where it names a file.
"""
