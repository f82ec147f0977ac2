"""Containers that the kubelet ends, restart rules, and crashes of a container that is not the canary's own."""

from __future__ import annotations

import json

from tests.corpus.fates import BROKEN_PROBE, IMAGE, MEMORY, SERVES
from tests.corpus.mutation import (
    DEPLOYMENT,
    VALUES,
    Append,
    Edit,
    Mutation,
    Replace,
    accepted,
    command,
    container,
    fate,
    pod,
)

STABLE_IMAGE, CANARY_IMAGE = "uonyeka/upcommerce:v3", IMAGE
CRASHES = ("/agnhost", "netexec", "--http-port=none")
FOREVER = ("/agnhost", "connect", "--protocol=udp", "--timeout=300s", "224.0.0.1:5003")
"""A program that does not handle SIGTERM. As the first process of its container, it ends with exit code 2."""
ON_FAILURE = "exitCodes: {operator: NotIn, values: [0]}"
NO_LIMITS = Replace(
    DEPLOYMENT,
    "          resources:\n            limits:\n              cpu: {{ .Values.cpuLimit }}\n              "
    "memory: {{ .Values.memoryLimit }}\n",
    "",
)


def hook(handler: str) -> Edit:
    """Return the edit that adds a ``postStart`` hook to the canary's container."""
    return container(f"lifecycle: {{postStart: {handler}}}")


def beside(*words: str, image: str = CANARY_IMAGE, fields: str = "") -> Edit:
    """Return the edit that adds the container ``log-shipper``, with another command and further fields."""
    body = f"name: log-shipper, image: {image}{f', command: {json.dumps(words)}' if words else ''}{fields}"
    return Append(DEPLOYMENT, f"        - {{{body}}}")


def init(fields: str) -> Edit:
    """Return the edit that adds an init container with the fields of a native sidecar."""
    return pod("initContainers:", f"  - {{name: log-shipper, restartPolicy: Always, {fields}}}")


def limited(resource: str) -> Edit:
    """Return the edit that adds a limit to the canary's container."""
    return Replace(DEPLOYMENT, MEMORY, f"{MEMORY}\n              {resource}")


RULE = f"restartPolicy: Never, restartPolicyRules: [{{action: RestartAllContainers, {ON_FAILURE}}}]"

MUTATIONS: dict[str, Mutation] = {
    # --- a postStart hook fails
    "hook-without-its-program": fate("start-error", SERVES, hook("{exec: {command: [/nope]}}")),
    "hook-kills-what-does-not-handle-signals": fate(
        "start-error", command(*FOREVER), hook("{exec: {command: [/nope]}}")
    ),
    "hook-that-ends-with-an-error": fate(
        "start-error", command("/agnhost", "pause"), hook("{exec: {command: [/agnhost, connect, 'localhost:9']}}")
    ),
    "hook-asks-a-closed-port": fate("start-error", SERVES, hook("{httpGet: {path: /, port: 9}}")),
    "crashes-with-a-hook": accepted(hook("{exec: {command: [/agnhost, help]}}")),
    "crashes-before-its-hook-fails": accepted(hook("{exec: {command: [/nope]}}")),
    "crashes-while-its-hook-sleeps": accepted(hook("{sleep: {seconds: 1}}")),
    "crashes-with-a-broken-pre-stop-hook": accepted(container("lifecycle: {preStop: {exec: {command: [/nope]}}}")),
    # --- probes
    "killed-by-its-probe-with-a-pre-stop-hook": fate(
        "probe-killed",
        SERVES,
        container(f"livenessProbe: {BROKEN_PROBE}", "lifecycle: {preStop: {exec: {command: [/nope]}}}"),
    ),
    "killed-by-its-probe-with-another-exit-code": fate(
        "probe-killed", command(*FOREVER), container(f"livenessProbe: {BROKEN_PROBE}")
    ),
    "crashes-with-a-probe": accepted(container("livenessProbe: {tcpSocket: {port: 5003}, periodSeconds: 1}")),
    # --- memory and storage
    "pod-out-of-memory": fate(
        "oom-killed",
        command("/agnhost", "mounttest", "--file_content=/dev/zero"),
        NO_LIMITS,
        pod("resources: {limits: {memory: 64Mi, cpu: 500m}}"),
    ),
    "probe-out-of-memory": fate(
        "oom-killed",
        SERVES,
        Replace(DEPLOYMENT, MEMORY, "memory: 48Mi"),
        container(
            "livenessProbe: {exec: {command: [/agnhost, mounttest, --file_content=/dev/zero]}, periodSeconds: 1,"
            " timeoutSeconds: 5}"
        ),
    ),
    "crashes-with-limits-of-the-pod": accepted(NO_LIMITS, pod("resources: {limits: {memory: 1Gi, cpu: 500m}}")),
    "writes-more-than-its-limit": fate(
        "not-ready",
        command("/agnhost", "logs-generator", "--log-lines-total=9999999", "--run-duration=100s"),
        limited("ephemeral-storage: 1Mi"),
    ),
    # --- restart rules of containers (KEP-5307, KEP-5532)
    "container-that-never-restarts": fate("not-ready", container("restartPolicy: Never")),
    "container-that-restarts-on-failure-alone": fate(
        "not-ready", command("/agnhost", "entrypoint-tester"), container("restartPolicy: OnFailure")
    ),
    "restarted-for-a-sidecar": fate("not-ready", SERVES, beside(*CRASHES, image=STABLE_IMAGE, fields=f", {RULE}")),
    "restarts-by-a-rule": accepted(
        container("restartPolicy: Never", f"restartPolicyRules: [{{action: Restart, {ON_FAILURE}}}]")
    ),
    "restarts-all-by-a-rule": accepted(
        container("restartPolicy: Never", f"restartPolicyRules: [{{action: RestartAllContainers, {ON_FAILURE}}}]")
    ),
    # --- another container crashes
    "sidecar-with-its-image-crashes": fate("healthy", SERVES, beside()),
    "sidecar-crashes-beside-the-stable-image": fate("healthy", Replace(VALUES, IMAGE, STABLE_IMAGE), beside()),
    "sidecar-with-another-image-crashes": fate("healthy", SERVES, beside(*CRASHES, image=STABLE_IMAGE)),
    "native-sidecar-crashes": fate("healthy", SERVES, init(f"image: {CANARY_IMAGE}")),
    "native-sidecar-crashes-too": accepted(init(f"image: {CANARY_IMAGE}")),
    "native-sidecar-never-starts": fate(
        "probe-killed", SERVES, init(f"image: {STABLE_IMAGE}, startupProbe: {BROKEN_PROBE}")
    ),
    "sidecar-crashes-and-it-is-not-ready": fate(
        "not-ready", SERVES, container(f"readinessProbe: {BROKEN_PROBE}"), beside()
    ),
    "sidecar-crashes-too": accepted(beside(*CRASHES, image=STABLE_IMAGE)),
    "sidecar-ends-cleanly": accepted(beside("/agnhost", "entrypoint-tester", image=STABLE_IMAGE)),
    "sidecar-does-not-start": accepted(beside("/nope", image=STABLE_IMAGE)),
    "crashes-with-another-image": accepted(Replace(VALUES, IMAGE, STABLE_IMAGE), command(*CRASHES)),
    "crashes-beside-its-own-image": accepted(Replace(VALUES, IMAGE, STABLE_IMAGE), command(*CRASHES), beside(*FOREVER)),
}
"""The mutations by name."""
