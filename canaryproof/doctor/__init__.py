"""What each provider needs of a machine, what this one lacks of it, and the command that closes each gap.

:mod:`machine_facts` is what is known, :mod:`machine_probes` finds it out, :mod:`diagnosis` draws conclusions,
:mod:`diagnosis_text` words them.
"""
