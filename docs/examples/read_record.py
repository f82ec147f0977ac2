"""Reads a flight record, and asks one check what it says.

Call it as python read_record.py out/evidence/upcommerce.jsonl.
"""

import sys
from pathlib import Path

from canaryproof.checks import judging
from canaryproof.reports.reader import read_evidence
from canaryproof.scenario.scenario_file import load_scenario

evidence = read_evidence(Path(sys.argv[1]))
print(evidence.decision.reason, *evidence.decision.proof, sep="\n")
print(judging.canary_service(evidence, load_scenario()))
