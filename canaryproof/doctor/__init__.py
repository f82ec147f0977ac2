"""Diagnoses this machine: reports what each provider needs and lacks here, and the command that fixes each problem.

:mod:`machine_facts` defines the facts about a machine. :mod:`machine_probes` collects them. :mod:`diagnosis` derives
findings from them. :mod:`diagnosis_text` formats the findings.
"""
