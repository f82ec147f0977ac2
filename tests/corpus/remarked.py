"""Charts that are accepted with a remark, because their verdict says little about the canary's image."""

from __future__ import annotations

from collections.abc import Mapping

from tests.corpus.mutation import (
    DEPLOYMENT,
    Add,
    Append,
    Below,
    Mutation,
    Replace,
    accepted,
    container,
    fate,
    pod,
)

TOOLS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: tools}
data: {run: "true"}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: setup}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: uonyeka/upcommerce:v3, command: [/agnhost, entrypoint-tester]}]
"""
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
"""
RUNS_ON = "command: [/agnhost, netexec, --http-port=5003, --delay-shutdown=0]"


def mounts(path: str, volume: str) -> tuple[Below | Replace, ...]:
    """Return the edits that mount a *volume* into the canary's container, both as YAML."""
    return (
        Below(
            DEPLOYMENT,
            "image: {{ .Values.canary.image }}",
            f"volumeMounts: [{{name: files, mountPath: {path}}}]",
        ),
        Replace(
            DEPLOYMENT,
            "    spec:\n      containers:",
            f"    spec:\n      volumes: [{{name: files, {volume}}}]\n      containers:",
        ),
    )


MUTATIONS: Mapping[str, Mutation] = {
    "helper-crashes-beside-the-canary": fate(
        "healthy",
        container(RUNS_ON),
        Append(DEPLOYMENT, "        - {name: helper, image: 'uonyeka/canary:linux-amd64'}"),
    ),
    "programs-in-a-config-map": accepted(
        Add("templates/tools.yaml", TOOLS), *mounts("/etc/tools", "configMap: {name: tools, defaultMode: 0755}")
    ),
    "empty-volume-over-the-app": accepted(*mounts("/app", "emptyDir: {}")),
    "empty-volume-over-programs-whose-path-is-in-a-secret": accepted(
        *mounts("/usr/local/bin", "emptyDir: {}"),
        Add(
            "templates/paths.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: paths}\nstringData: {a: /usr/local/bin}",
        ),
    ),
    "library-preloaded": accepted(container('env: [{name: LD_PRELOAD, value: "/etc/none.so"}]')),
    "started-elsewhere": accepted(container("workingDir: /etc")),
    "job-beside-the-canary": accepted(Add("templates/job.yaml", JOB)),
    "role-beside-the-canary": accepted(Add("templates/role.yaml", ROLE)),
    "settings-in-a-config-map": accepted(
        Add("templates/tools.yaml", TOOLS), *mounts("/etc/shop", "configMap: {name: tools}")
    ),
    "processes-shared-with-nobody": accepted(pod("shareProcessNamespace: true")),
}
"""The mutations by name."""

_PROGRAM = frozenset({"program-replaced"})
_HOOKS = frozenset({"upgrade-hooks"})
REMARKS: Mapping[str, frozenset[str]] = {
    "helper-crashes-beside-the-canary": frozenset({"program-replaced"}),
    "programs-in-a-config-map": frozenset({"program-mounted"}),
    "empty-volume-over-the-app": frozenset({"program-mounted"}),
    "empty-volume-over-programs-whose-path-is-in-a-secret": frozenset({"program-mounted"}),
    "library-preloaded": frozenset({"code-injected"}),
    "started-elsewhere": _PROGRAM,
    "job-beside-the-canary": frozenset({"workloads-added"}),
    "role-beside-the-canary": frozenset({"api-access"}),
    **dict.fromkeys(("crashes-on-its-arguments", "crashes-after-5-s", "crashes-after-15-s"), _PROGRAM),
    **dict.fromkeys(("answers-on-5003", "never-ready", "exits-cleanly", "out-of-memory", "no-such-command"), _PROGRAM),
    **dict.fromkeys(("killed-by-its-liveness-probe", "killed-by-its-startup-probe"), _PROGRAM),
    **dict.fromkeys(("init-container-fails", "init-container-never-ends"), _PROGRAM),
    **dict.fromkeys(("hook-cleans-up", "hook-leaves-its-job", "post-upgrade-hook-fails"), _HOOKS),
}
"""The codes of the remarks on other mutations of the corpus, by mutation name."""
SILENT = (
    *("reference", "settings-in-a-config-map", "processes-shared-with-nobody"),
    *("sidecar", "sidecar-after-it", "init-container", "native-sidecar", "readiness-probe", "liveness-probe"),
    *("environment", "scratch-volume", "config-map", "secret", "service-account", "disruption-budget", "autoscaler"),
    *("network-policy", "ingress", "helm-test", "two-services", "vendored-sub-chart", "delete-hook-is-not-run"),
    *("pre-rollback-hook-is-not-of-revision-1", "stays-healthy", "mistyped-tag", "two-deployments", "privileged"),
)
"""Mutations without a remark: common fields of ordinary charts, and faults that the verdict names."""
