"""The acceptance criteria of a submission: what must be true of its chart, its canary and the rollback.

Each test reads the evidence of the one experiment that its submission went through.  The first line of its docstring is
its title, the rest is the advice for when a finding brings none of its own.
"""

from __future__ import annotations

import pytest

from canaryproof.checks import judging
from canaryproof.model.evidence import Evidence
from canaryproof.pytest_plugin.markers import accept, check
from canaryproof.scenario import Course

pytestmark = pytest.mark.e2e


@check("chart-renders")
def test_helm_renders_the_chart(evidence: Evidence, course: Course) -> None:
    """Helm renders the chart, and its objects are well-formed.

    Run `helm template upcommerce ./upcommerce` and mend what it complains about.
    """
    accept(judging.chart_renders(evidence, course))


@check("canary-present", needs=["chart-renders"])
def test_the_submission_adds_one_deployment(evidence: Evidence, course: Course) -> None:
    """The submission adds exactly one Deployment to the course's chart.

    Keep the course's templates as they are, and add the canary in files of its own.
    """
    accept(judging.canary_present(evidence, course))


@check("canary-replicas", needs=["canary-present"])
def test_the_canary_asks_for_one_replica(evidence: Evidence, course: Course) -> None:
    """The canary asks for one replica.

    A canary is small on purpose: look at spec.replicas of its Deployment.
    """
    accept(judging.canary_replicas(evidence, course))


@check("canary-port", needs=["canary-present"])
def test_a_container_of_the_canary_declares_its_port(evidence: Evidence, course: Course) -> None:
    """A container of the canary declares containerPort 5003.

    Look at spec.template.spec.containers[].ports of its Deployment.
    """
    accept(judging.canary_port(evidence, course))


@check("canary-service", needs=["canary-present"])
def test_a_service_leads_to_the_canary_alone(evidence: Evidence, course: Course) -> None:
    """A Service on port 5003 leads to 5003 of the canary's pods, and of no other pods.

    A Service picks pods by their labels: compare its selector with spec.template.metadata.labels of the Deployment.
    """
    accept(judging.canary_service(evidence, course))


@check("stable-untouched", needs=["chart-renders"])
def test_the_stable_app_is_still_the_courses(evidence: Evidence, course: Course) -> None:
    """The stable Deployment and Service are still the course's.

    Name, image, ports and selector must stay; limits and added labels may differ.
    """
    accept(judging.stable_untouched(evidence, course))


@check("upgrade-applied", needs=["chart-renders"])
def test_helm_applies_the_upgrade(evidence: Evidence, course: Course) -> None:
    """Helm applied revision 2.

    Run `helm upgrade` on a cluster of your own: Kubernetes refuses what `helm template` lets pass.
    """
    accept(judging.upgrade_applied(evidence, course))


@check("canary-crash-loop", needs=["canary-present", "upgrade-applied"])
def test_the_canary_crash_loops(evidence: Evidence, course: Course) -> None:
    """The canary crash-loops.

    Watch it with `kubectl get pods --watch`, and compare its image with the assignment's.
    """
    accept(judging.canary_crash_loop(evidence, course))


@check("stable-serves-during-canary", needs=["canary-present", "upgrade-applied"])
def test_stable_serves_while_the_canary_fails(evidence: Evidence, course: Course) -> None:
    """The stable Service answered while the canary failed.

    Its selector must pick the pods of the stable app, and none of the canary's.
    """
    accept(judging.stable_serves_during_canary(evidence, course))


@check("rollback-recorded", needs=["chart-renders"])
def test_the_history_shows_the_rollback(evidence: Evidence, course: Course) -> None:
    """The history shows the rollback to revision 1, deployed, and no upgrade in disguise.

    Look at `helm history upcommerce`: hooks of the chart may fail the rollback.
    """
    accept(judging.rollback_recorded(evidence, course))


@check("canary-gone", needs=["rollback-recorded"])
def test_nothing_of_the_upgrade_is_left(evidence: Evidence, course: Course) -> None:
    """Nothing that the upgrade added is left.

    Hooks, finalizers and the annotation helm.sh/resource-policy outlive a rollback.
    """
    accept(judging.canary_gone(evidence, course))


@check("stable-healthy", needs=["rollback-recorded"])
def test_stable_is_healthy_after_the_rollback(evidence: Evidence, course: Course) -> None:
    """The stable pods are Ready with the course's image, without restarts, and stay so.

    Look at `kubectl get pods` after the rollback.
    """
    accept(judging.stable_healthy(evidence, course))


@check("stable-never-down", needs=["chart-renders"])
def test_stable_is_never_down(evidence: Evidence, course: Course) -> None:
    """The stable app had no outage longer than the limit, from revision 1 to the end.

    What replaces its pods may interrupt it: a changed template, or a Recreate strategy.
    """
    accept(judging.stable_never_down(evidence, course))
