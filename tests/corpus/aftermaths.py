"""Mutations whose objects outlive the rollback or make Helm fail."""

from __future__ import annotations

from tests.corpus.mutation import (
    DEPLOYMENT,
    SERVICE,
    STABLE_SERVICE,
    Add,
    Below,
    Edit,
    Mutation,
    Replace,
    accepted,
    rejected,
)

KEEP = "  annotations: {helm.sh/resource-policy: keep}"
FINALIZER = "  finalizers: [example.com/hold]"
DONE = "entrypoint-tester"
FAILS = "netexec, --http-port=none"
HANGS = "pause"


def hook(when: str, what: str, *, policy: str = "") -> Edit:
    """Return the edit that adds a Job as a hook, which runs agnhost with the arguments *what*."""
    return Add(
        f"templates/{when}.yaml",
        f"""
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: {when}
          annotations:
            helm.sh/hook: {when}
            {f"helm.sh/hook-delete-policy: {policy}" if policy else "owner: sre"}
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers: [{{name: main, image: uonyeka/upcommerce:v3, command: [/agnhost, {what}]}}]
        """,
    )


def stays(*edits: Edit) -> Mutation:
    """Return the reference with an object that remains after the rollback."""
    return rejected("canary-gone", *edits)


CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: canary-config\n"


def failing(edit: Edit) -> Mutation:
    """Return the reference with a hook that makes Helm's upgrade fail, and that remains."""
    return rejected("upgrade-applied", edit, outcome="hook-failed", follows="canary-gone")


MUTATIONS = {
    "deployment-is-kept": stays(Below(DEPLOYMENT, "name: {{ .Release.Name }}-canary-app", KEEP.strip())),
    "service-is-kept": stays(Below(SERVICE, "metadata:", KEEP)),
    "config-map-is-kept": stays(Add("templates/config.yaml", f"{CONFIG}{KEEP}")),
    "finalizer-on-the-service": stays(Below(SERVICE, "metadata:", FINALIZER)),
    "finalizer-on-a-config-map": stays(Add("templates/config.yaml", f"{CONFIG}{FINALIZER}")),
    "hook-leaves-its-job": stays(hook("post-upgrade", DONE)),
    "pre-upgrade-hook-leaves-its-job": stays(hook("pre-upgrade", DONE)),
    "hook-cleans-up": accepted(hook("post-upgrade", DONE, policy="hook-succeeded")),
    "pre-rollback-hook-is-not-of-revision-1": accepted(hook("pre-rollback", FAILS)),
    "delete-hook-is-not-run": accepted(hook("pre-delete", FAILS)),
    "post-upgrade-hook-fails": failing(hook("post-upgrade", FAILS)),
    "pre-upgrade-hook-fails": failing(hook("pre-upgrade", FAILS)),
    "limit-range-outlives-the-rollback": rejected(
        "canary-gone stable-healthy",
        Add(
            "templates/limits.yaml",
            """
            apiVersion: v1
            kind: LimitRange
            metadata: {name: small, annotations: {helm.sh/hook: post-upgrade}}
            spec: {limits: [{type: Container, max: {memory: 3Gi}}]}
            """,
        ),
    ),
    "rollback-is-refused": rejected(
        "rollback-recorded",
        Replace(STABLE_SERVICE, "type: NodePort", "type: ClusterIP"),
        Add(
            "templates/quota.yaml",
            """
            apiVersion: v1
            kind: ResourceQuota
            metadata: {name: small, annotations: {helm.sh/hook: post-upgrade}}
            spec: {hard: {services.nodeports: 0}}
            """,
        ),
    ),
    "post-upgrade-hook-hangs": failing(hook("post-upgrade", HANGS)),
}
"""The mutations by name."""
