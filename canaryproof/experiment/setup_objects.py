"""Applies the objects of a scenario's setup, and waits until their workloads are ready."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from canaryproof.analysis.setup_state import AWAITED, unready_object
from canaryproof.errors import ScenarioError, SubmissionError
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import Resource
from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest, text_at
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.wording.cause_sentences import describe

DEFINITION = "CustomResourceDefinition"


@dataclass(frozen=True)
class SetupObjects:
    """Applies files of objects in *namespace*, as ``kubectl apply --server-side`` does."""

    client: KubeClient
    namespace: str
    watcher: Watcher

    def apply(self, file: Path) -> tuple[Manifest, ...]:
        """Apply the objects in *file* in their order, and return them.

        An object without a namespace goes to that of the experiment.

        Raises ScenarioError when the file has no well-formed objects, or when the API server refuses one of them.
        """
        try:
            manifests = parse(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, SubmissionError) as error:
            raise ScenarioError(f"the setup {file} cannot be applied: {error}") from error
        kinds: set[str] = set()
        for manifest in manifests:
            resource = self._resource(manifest, file, is_new=manifest.kind in kinds)
            refusal = self.client.apply(resource, manifest.name, manifest.namespace or self.namespace, manifest.body)
            if refusal:
                raise ScenarioError(f"{manifest.key} of the setup {file} was refused: {refusal}")
            if manifest.kind == DEFINITION:
                kinds.add(text_at(manifest.body, "spec", "names", "kind"))
        return manifests

    def await_ready(self, manifests: tuple[Manifest, ...]) -> None:
        """Wait until the workloads among *manifests* are ready and the Jobs among them are complete.

        Raises WaitError when that does not come in time.
        """
        awaited = [each for each in manifests if each.kind in AWAITED and not each.is_hook]
        self.watcher.wait(
            "ready objects of the setup",
            lambda: None if any(map(self._unready, awaited)) else True,
            within=self.watcher.time_limits.settle,
            seen=lambda: "; ".join(describe(cause) for each in awaited if (cause := self._unready(each))),
        )

    def _resource(self, manifest: Manifest, file: Path, *, is_new: bool) -> Resource:
        """Return the resource of an object. The API server needs a moment to serve a kind that *is_new*.

        Raises ScenarioError when the cluster has no such kind.
        """
        version, kind = manifest.api_version, manifest.kind
        found = self.client.resource(version, kind)
        if found is None and is_new:
            found = self.watcher.wait(
                f"kind {kind} in the API",
                lambda: self.client.resource(version, kind),
                within=self.watcher.time_limits.namespace,
            )
        if found is None:
            raise ScenarioError(
                f"{manifest.key} of the setup {file} cannot be applied: the cluster has no kind {kind} in {version}"
            )
        return found

    def _unready(self, manifest: Manifest) -> Cause | None:
        resource = self.client.resource(manifest.api_version, manifest.kind)
        body = resource and self.client.get(resource, manifest.name, manifest.namespace or self.namespace)
        if not body:
            return Cause(code="deployment-missing", object=str(manifest.key))
        return unready_object(Manifest({"kind": manifest.kind, **body}))
