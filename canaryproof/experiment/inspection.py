"""Inspects what a release did in the cluster: after the install, after the upgrade and before the rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from canaryproof.errors import InfrastructureError, SubmissionError
from canaryproof.experiment import tenancy
from canaryproof.helm import releases
from canaryproof.helm.record_check import Expected, ReleaseRecord, read_records
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import SECRETS
from canaryproof.model.evidence import Rendering, Violation, violation_cause
from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Refusal
from canaryproof.model.wording.cause_sentences import describe


class ViolationError(SubmissionError):
    """The release did something in the cluster that no submission may do: nothing more of it must be applied."""

    def __init__(self, violation: Violation) -> None:
        """Keep the facts."""
        cause = violation_cause(violation)
        super().__init__(describe(cause), cause=cause)
        self.violation = violation


class Inspection:
    """Knows which records of Helm were inspected before, and requires that they stay as they were."""

    def __init__(
        self,
        client: KubeClient,
        release: str,
        namespace: str,
        refused: Callable[[Rendering], tuple[Refusal, ...]],
        *,
        trusted: bool = False,
    ) -> None:
        """Inspect *release* in *namespace*; *refused* returns the refusals of a rendering.

        The records of a *trusted* release are read, and never refused.
        """
        self._trusted = trusted
        self._client = client
        self._release = release
        self._namespace = namespace
        self._refused = refused
        self._records: tuple[ReleaseRecord, ...] = ()

    def after_stable(self, revision: int) -> None:
        """Require the record of a stable *revision*, and no other new one.

        Raises InfrastructureError when it is otherwise: nothing of the submission has been applied yet.
        """
        if violation := self._look(new=revision, must_exist=True):
            found = describe(violation_cause(violation))
            raise InfrastructureError(f"in the release of the stable chart, {found}")

    def after_upgrade(self, revision: int, *, succeeded: bool) -> Rendering | None:
        """Return what Helm applied, as it has it on record; None where it failed before there was a record.

        Raises ViolationError when there is a record that Helm did not write, or one that it wrote was changed.
        """
        self._require(self._look(new=revision, must_exist=succeeded))
        return self.applied(revision)

    def applied(self, revision: int) -> Rendering | None:
        """Return what Helm applied in *revision*, by the records inspected last. None without a record.

        Raises ViolationError when the record cannot be read.
        """
        record = next((each for each in self._records if each.revision == revision), None)
        if record is None:
            return None
        try:
            return releases.record_of(record.secret.body).rendering
        except InfrastructureError as error:
            raise ViolationError(Violation("unknown-record", f"Secret/{record.name}")) from error

    def vet(self, applied: Rendering) -> None:
        """Require that *applied* is safe, as the chart was when it was rendered outside of the cluster.

        Templates can add objects that they rendered to nothing before (``lookup``).

        Raises ViolationError when some of it must not be applied.
        """
        refusals = self._refused(applied)
        if applied.error or refusals:
            raise ViolationError(Violation("unsafe-objects", detail=applied.error, refusals=refusals))

    def require_room(self, messages: Iterable[str]) -> None:
        """Require that the quotas of the namespace refused nothing, by the *messages* of Kubernetes.

        Raises ViolationError when they did.
        """
        if refused := tenancy.refused_by_quota(messages):
            raise ViolationError(Violation("quota-exceeded", detail=refused))

    def before_rollback(self) -> None:
        """Require exactly the records that were inspected before.

        Raises ViolationError when one was added, changed or deleted meanwhile.
        """
        self._require(self._look(new=0, must_exist=False))

    def let_go(self, applied: Iterable[Manifest]) -> None:
        """Drop the finalizers of what was *applied* and of Helm's records: the namespace could not end otherwise."""
        held = (each for each in applied if each.finalizers)
        with suppress(InfrastructureError):  # then the namespace takes longer to end, and the verdict is the same
            for manifest in held:
                resource = self._client.resource(manifest.api_version, manifest.kind)
                if resource and resource.namespaced:
                    self._client.drop_finalizers(resource, manifest.name, self._namespace)
            for record in self._found():
                if record.secret.finalizers:
                    self._client.drop_finalizers(SECRETS, record.name, self._namespace)

    def _look(self, *, new: int, must_exist: bool) -> Violation | None:
        """Return how the records differ from those inspected before and revision *new*; keep them where they do not."""
        found = self._found()
        expected = Expected(self._release, self._namespace, self._records, new, must_exist)
        violation = None if self._trusted else expected.violation(found)
        if not violation:
            self._records = found
        return violation

    def _require(self, violation: Violation | None) -> None:
        if violation:
            raise ViolationError(violation)

    def _found(self) -> tuple[ReleaseRecord, ...]:
        return read_records(self._client.list(SECRETS, self._namespace, releases.selector(self._release)).items)
