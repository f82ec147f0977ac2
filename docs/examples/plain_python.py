"""Runs one experiment without pytest: python plain_python.py CHART."""

import sys

from canaryproof import ClusterOptions, Experiments, judge

with Experiments.open(ClusterOptions(cluster="embedded")) as experiments:
    for evidence in experiments.run(sys.argv[1]):
        result = judge(evidence)
        print(f"{result.name}: {result.verdict}. {result.reason}")
        print(f"The canary was gone {evidence.timings.gone:.1f} s after the rollback.")
        for each in result.checks:
            print(f"{each.check.id}: {each.status}")
