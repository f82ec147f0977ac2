"""Reads a flight record, and asks one check what it says: python read_record.py out/evidence/upcommerce.jsonl."""

import sys
from pathlib import Path

from canaryproof import judging
from canaryproof.course import load_course
from canaryproof.replaying import read_evidence

evidence = read_evidence(Path(sys.argv[1]))
print(evidence.decision.reason, *evidence.decision.proof, sep="\n")
print(judging.canary_service(evidence, load_course()))
