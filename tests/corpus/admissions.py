"""Pods that no scheduler assigns, no kubelet admits, or whose start fails, and the same fields in correct charts."""

from __future__ import annotations

from pathlib import Path

from canaryproof.model.evidence import OutcomeName
from tests.corpus.ends import limited
from tests.corpus.fates import CPU, MEMORY
from tests.corpus.mutation import (
    DEPLOYMENT,
    VALUES,
    Add,
    Append,
    Edit,
    Mutation,
    Replace,
    accepted,
    command,
    container,
    fate,
    pod,
    rejected,
    unjudged,
)

APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
UNKNOWN_PROFILE: OutcomeName = (
    "start-error" if APPARMOR.is_file() and APPARMOR.read_text(encoding="ascii").startswith("Y") else "refused"
)
"""A machine with AppArmor cannot start a container with an unknown profile, and the kubelet of another rejects it."""
NO_PROFILE = "appArmorProfile: {type: Localhost, localhostProfile: nope}"
NO_FILTER = "seccompProfile: {type: Localhost, localhostProfile: nope.json}"
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}
"""


def mounted(source: str) -> tuple[Edit, Edit]:
    """Return the edits that mount a volume in the canary's container."""
    return pod(f"volumes: [{{name: extra, {source}}}]"), container("volumeMounts: [{name: extra, mountPath: /extra}]")


def program(mode: str, first_line: str) -> tuple[Edit, ...]:
    """Return the edits that make the canary run a file of a ConfigMap."""
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: program}}\ndata: {{main: '{first_line}'}}"
    volume = f"configMap: {{name: program, defaultMode: {mode}}}"
    return Add("templates/program.yaml", text), *mounted(volume), command("/extra/main")


MUTATIONS: dict[str, Mutation] = {
    # --- the kubelet rejects each pod, and the ReplicaSet creates the next one
    "unknown-apparmor-profile": fate(UNKNOWN_PROFILE, pod(f"securityContext: {{{NO_PROFILE}}}")),
    "unknown-apparmor-profile-of-the-container": fate(UNKNOWN_PROFILE, container(f"securityContext: {{{NO_PROFILE}}}")),
    "other-operating-system": fate("refused", pod("os: {name: windows}")),
    "own-operating-system": accepted(pod("os: {name: linux}", "nodeSelector: {kubernetes.io/os: linux}")),
    # --- security settings
    "unknown-seccomp-profile": fate("start-error", container(f"securityContext: {{{NO_FILTER}}}")),
    "usual-seccomp-profile": accepted(pod("securityContext: {seccompProfile: {type: RuntimeDefault}}")),
    "sysctl-without-sense": fate(
        "start-error", pod("securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: low}]}")
    ),
    "safe-sysctl": accepted(
        pod('securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]}')
    ),
    "unknown-runtime-class": fate("refused", pod("runtimeClassName: gvisor")),
    # --- no node, or no scheduler
    "unknown-node": fate("unschedulable", pod("nodeName: worker-7")),
    "unknown-scheduler": fate("unschedulable", pod("schedulerName: my-scheduler")),
    "waits-at-a-gate": fate("unschedulable", pod("schedulingGates: [{name: example.com/wait}]")),
    "control-plane-node": accepted(pod('nodeSelector: {node-role.kubernetes.io/control-plane: ""}')),
    # --- volumes and image credentials
    "claim-missing": fate("unschedulable", pod("volumes: [{name: data, persistentVolumeClaim: {claimName: nope}}]")),
    "claim-unused": accepted(Add("templates/claim.yaml", CLAIM)),
    "optional-config-map-missing": accepted(container("envFrom: [{configMapRef: {name: nope, optional: true}}]")),
    "optional-volume-source-missing": accepted(*mounted("secret: {secretName: nope, optional: true}")),
    "item-of-a-config-map-missing": fate(
        "config-error",
        Add("templates/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}"),
        *mounted("configMap: {name: config, items: [{key: c, path: c}]}"),
    ),
    "image-volume-missing": fate("image-pull", *mounted('image: {reference: "uonyeka/models:v1"}')),
    "image-volume-that-only-others-have": unjudged(
        "image-pull", *mounted('image: {reference: "registry.example.com/models/tiny:v1"}')
    ),
    "pull-secret-missing": accepted(pod("imagePullSecrets: [{name: registry}]")),
    "small-scratch-volume": accepted(*mounted("emptyDir: {sizeLimit: 1Mi}")),
    # --- resources that nodes have
    "asks-for-local-storage": accepted(
        Replace(DEPLOYMENT, MEMORY, f"{MEMORY}\n            requests: {{ephemeral-storage: 100Mi}}")
    ),
    "limits-local-storage": accepted(limited("ephemeral-storage: 2Gi")),
    "asks-for-too-much-local-storage": fate("unschedulable", limited("ephemeral-storage: 900Ti")),
    "asks-for-a-device": unjudged("unschedulable", limited("nvidia.com/gpu: 1")),
    "asks-for-a-device-and-too-much-cpu": fate(
        "unschedulable", Replace(DEPLOYMENT, CPU, "cpu: 500"), limited("nvidia.com/gpu: 1")
    ),
    # --- text of a submission that reads like a fault of the machine
    "command-says-no-space": fate("start-error", command("/no space left on device")),
    "command-says-too-many-files": fate("start-error", command("/too many open files")),
    "config-map-says-no-space": fate("config-error", *mounted("configMap: {name: no-space-left-on-device}")),
    "hook-says-no-space": fate(
        "start-error",
        command("/agnhost", "pause"),
        container('lifecycle: {postStart: {exec: {command: ["/no space left on device"]}}}'),
    ),
    "tag-says-too-many-requests": fate(
        "image-pull", Replace(VALUES, "uonyeka/canary:linux-amd64", "uonyeka/canary:429-too-many-requests")
    ),
    "claim-says-no-storage-class": fate(
        "unschedulable",
        Append(DEPLOYMENT, "---" + CLAIM.replace("spec: {", "spec: {storageClassName: no-storage-class-is-set, ")),
        pod("volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"),
    ),
    # --- programs for another processor
    "program-of-another-machine": fate("start-error", *program("0755", "x")),
    "program-without-the-right-to-run": fate("start-error", *program("0644", "x")),
    "script-without-its-interpreter": fate("start-error", *program("0755", "#!/bin/nope")),
    "deadline": rejected(
        "upgrade-applied",
        pod("activeDeadlineSeconds: 3"),
        outcome="refused",
    ),
}
"""The mutations by name."""
