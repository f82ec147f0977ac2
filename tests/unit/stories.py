"""Short builders of charts and timelines for tests."""

from __future__ import annotations

from typing import Any, Self

from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Rendering
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.scenario.scenario_file import load_scenario

Labels = dict[str, str]
COURSE = load_scenario()
"""The UpCommerce course."""


def because(text: str) -> Cause:
    """Return a cause whose sentence is *text*, for tests that use a decision."""
    return Cause(code="told", detail=text)


CANARY = Canary(
    name="upcommerce-canary-app",
    source="upcommerce/templates/canary-deployment.yml",
    replicas=1,
    ports=(5003,),
    images=("uonyeka/canary:linux-amd64",),
)


def deployment(name: str, *, image: str, port: int, replicas: int = 1, labels: Labels | None = None) -> str:
    """Return a Deployment as in the assignment.

    *labels* are its pods' labels, and the first of them is its selector.
    """
    labels = labels or {"app": name}
    first, value = next(iter(labels.items()))
    return f"""
---
# Source: upcommerce/templates/{name}.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{{first}: {value}}}
  template:
    metadata:
      labels: {{{", ".join(f"{key}: {label}" for key, label in labels.items())}}}
    spec:
      containers:
        - name: main
          image: {image}
          ports:
            - {{containerPort: {port}, name: http}}
"""


def service(name: str, selector: Labels, *, port: int, target: int | str = "") -> str:
    """Return a Service. *target* is its ``targetPort``, if given."""
    return f"""
---
# Source: upcommerce/templates/{name}.yaml
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector: {{{", ".join(f"{key}: {label}" for key, label in selector.items())}}}
  ports:
    - {{port: {port}{f", targetPort: {target}" if target else ""}}}
"""


STABLE_DEPLOYMENT = deployment("upcommerce-app", image="uonyeka/upcommerce:v3", port=5000)
STABLE_SERVICE = service("upcommerce-service", {"app": "upcommerce-app"}, port=5000, target=5000)
STABLE = STABLE_DEPLOYMENT + STABLE_SERVICE
CANARY_DEPLOYMENT = deployment("upcommerce-canary-app", image="uonyeka/canary:linux-amd64", port=5003)
CANARY_SERVICE = service("upcommerce-canary-service", {"app": "upcommerce-canary-app"}, port=5003, target=5003)


def rendering(text: str) -> Rendering:
    """Return *text* as the rendering of a chart."""
    return Rendering(parse(text))


class Story:
    """Builds the timeline of a Deployment step by step. Each observed step adds the API's report of it."""

    def __init__(self, name: str = CANARY.name, *, image: str = CANARY.images[0]) -> None:
        """Begin at 0 s with the Deployment and its ReplicaSet."""
        self._name = name
        self._image = image
        self._now = 0.0
        self._observations: list[Observation] = []
        self._pods: dict[str, Body] = {}
        self._runs = 0
        self.observe(_object("Deployment", name))
        self.observe(_object("ReplicaSet", f"{name}-1", owner=ObjectKey("Deployment", name)))

    @property
    def timeline(self) -> Timeline:
        """Return the timeline so far."""
        return Timeline(tuple(self._observations))

    def at(self, seconds: float) -> Self:
        """Set the time of the following steps in seconds."""
        self._now = seconds
        return self

    def observe(self, body: Body, change: Change = "ADDED") -> Self:
        """Add an observation of any object."""
        self._observations.append(Observation(self._now, change, Manifest(body)))
        return self

    def pod(
        self,
        name: str = "one",
        *,
        replica_set: str = "",
        init: bool = False,
        sidecar: str = "",
        spec: Body | None = None,
        fields: Body | None = None,
    ) -> Self:
        """Add a pod with the container ``canary``, and optionally with the init container ``setup`` before it.

        *sidecar* is the name of a second container. *spec* holds further fields of the containers' specs, and *fields*
        those of the pod's spec.
        """
        owner = ObjectKey("ReplicaSet", replica_set or f"{self._name}-1")
        body = _object("Pod", name, owner=owner)
        main = {"name": "canary", "image": self._image, **(spec or {})}
        names = ["canary", *([sidecar] if sidecar else [])]
        body["spec"] = {
            "containers": [main | {"name": each} for each in names],
            **({"initContainers": [main | {"name": "setup"}]} if init else {}),
            **(fields or {}),
        }
        body["status"] = {
            "conditions": [],
            "containerStatuses": list(map(_status, names)),
            **({"initContainerStatuses": [_status("setup")]} if init else {}),
        }
        self._pods[name] = body
        return self.observe(_copy(body))

    def running(self, pod: str = "one", *, container: str = "canary", ready: bool = True, seen: bool = True) -> Self:
        """Start or restart a container."""
        status = self._status(pod, container)
        if ended := status["state"].get("terminated") or status.pop("pending", None):
            status["lastState"] = {"terminated": ended}
            status["restartCount"] += 1
        status["state"] = {"running": {}}
        return self.ready(pod, ready=ready, seen=seen)

    def ready(self, pod: str = "one", *, ready: bool = True, seen: bool = True) -> Self:
        """Set whether a pod is Ready."""
        self._pods[pod]["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]
        return self._tell(pod, seen=seen)

    def ended(
        self,
        code: int,
        reason: str = "",
        *,
        pod: str = "one",
        container: str = "canary",
        message: str = "",
        seen: bool = True,
    ) -> Self:
        """End the run of a container."""
        self._runs += 1
        status = self._status(pod, container)
        status["state"] = {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Error" if code else "Completed"),
                "message": message,
                "containerID": f"containerd://{self._runs}",
                "startedAt": f"2026-01-01T00:{(self._runs - 1) // 60:02}:{(self._runs - 1) % 60:02}Z",
                "finishedAt": f"2026-01-01T00:{self._runs // 60:02}:{self._runs % 60:02}Z",
            }
        }
        return self.ready(pod, ready=False, seen=seen)

    def waiting(self, reason: str, message: str = "", *, pod: str = "one", container: str = "canary") -> Self:
        """Set a container to waiting. Its last run moves to ``lastState``, as in the kubelet's report."""
        status = self._status(pod, container)
        if ended := status["state"].get("terminated"):
            status["lastState"] = {"terminated": ended}
            status["pending"] = ended
        status["state"] = {"waiting": {"reason": reason, "message": message}}
        return self.ready(pod, ready=False)

    def unschedulable(self, message: str, pod: str = "one") -> Self:
        """Report that the scheduler finds no node."""
        conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
        self._pods[pod]["status"]["conditions"] = conditions
        return self._tell(pod)

    def scheduled(self, *, status: str = "False", reason: str = "", pod: str = "one") -> Self:
        """Report whether a scheduler assigned a pod to a node, from the pod's first version on."""
        condition = {"type": "PodScheduled", "status": status, "reason": reason}
        self._pods[pod]["status"]["conditions"] = [condition]
        self._observations = [each for each in self._observations if each.object.uid != f"uid-Pod-{pod}"]
        return self._tell(pod)

    def phase(self, phase: str, reason: str = "", *, pod: str = "one") -> Self:
        """Report the phase of a pod, and the reason for it."""
        self._pods[pod]["status"] |= {"phase": phase, "reason": reason}
        return self._tell(pod)

    def failed(self, reason: str, message: str = "", *, pod: str = "one", disruption: str = "") -> Self:
        """Report that the kubelet ended a pod or did not admit it, in a *disruption* if that has a reason."""
        self._pods[pod]["status"] |= {"phase": "Failed", "reason": reason, "message": message}
        disrupted = {"type": "DisruptionTarget", "status": "True", "reason": disruption}
        self._pods[pod]["status"]["conditions"] = [disrupted] if disruption else []
        return self._tell(pod)

    def deleting(self, pod: str = "one") -> Self:
        """Request the deletion of a pod."""
        self._pods[pod]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return self._tell(pod)

    def gone(self, pod: str = "one") -> Self:
        """Delete a pod."""
        return self.observe(_copy(self._pods[pod]), "DELETED")

    def again(self, pod: str = "one") -> Self:
        """Report a pod again without a change, as a new list does."""
        return self.observe(_copy(self._pods[pod]))

    def event(
        self,
        reason: str,
        message: str,
        *,
        pod: str = "one",
        container: str = "canary",
        count: int = 1,
        component: str = "",
    ) -> Self:
        """Add an event about a container of a pod, which *component* reports."""
        return self.observe(
            _object("Event", f"{pod}.{reason}")
            | {
                "source": {"component": component},
                "type": "Normal" if reason == "Killing" else "Warning",
                "reason": reason,
                "message": message,
                "count": count,
                "involvedObject": {"uid": f"uid-Pod-{pod}", "fieldPath": f"spec.containers{{{container}}}"},
            }
        )

    def refused(self, message: str) -> Self:
        """Report that the API server refuses the Deployment's pods."""
        failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
        return self.observe(_object("Deployment", self._name) | {"status": {"conditions": [failure]}}, "MODIFIED")

    def _status(self, pod: str, container: str) -> Body:
        status = self._pods[pod]["status"]
        every = (*status.get("initContainerStatuses", ()), *status["containerStatuses"])
        found: Body = next(each for each in every if each["name"] == container)
        return found

    def _tell(self, pod: str, *, seen: bool = True) -> Self:
        return self.observe(_copy(self._pods[pod]), "MODIFIED") if seen else self


def _object(kind: str, name: str, owner: ObjectKey | None = None) -> Body:
    metadata: Body = {"name": name, "uid": f"uid-{kind}-{name}"}
    if owner:
        metadata["ownerReferences"] = [
            {"kind": owner.kind, "name": owner.name, "uid": f"uid-{owner.kind}-{owner.name}"}
        ]
    return {"kind": kind, "metadata": metadata}


def _status(name: str) -> Body:
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    return {"name": name, "restartCount": 0, "ready": False, "state": waiting, "lastState": {}}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value
