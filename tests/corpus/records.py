"""Charts that forge Helm's records, or that render differently in the cluster."""

from __future__ import annotations

import textwrap

from tests.corpus.mutation import DEPLOYMENT, Add, Append, Edit, Replace, accepted
from tests.corpus.unsafe import IN_THE_CLUSTER, unsafe

TYPE = "helm.sh/release.v1"
FORGED = """
apiVersion: v1
kind: Secret
type: {type}
metadata:
  name: {name}
  labels: {{owner: helm, name: upcommerce, version: "{version}", status: deployed}}
  annotations: {{{annotations}}}
data: {{release: {release}}}
"""
NOTHING = "bm90aGluZw=="
COPIED = '{{ (lookup "v1" "Secret" .Release.Namespace "sh.helm.release.v1.upcommerce.v1").data.release }}'


def in_the_cluster(text: str, file: str = "templates/hidden.yaml") -> Edit:
    """Return the edit that adds a template that renders to nothing outside of the cluster."""
    return Add(file, f"{IN_THE_CLUSTER}\n{textwrap.dedent(text).strip()}\n{{{{ end }}}}")


def record(name: str, *, kind: str = "Opaque", version: int = 50, hook: str = "", release: str = NOTHING) -> str:
    """Return a Secret with the labels of a Helm record."""
    annotations = f"helm.sh/hook: {hook!r}" if hook else ""
    return FORGED.format(type=kind, name=name, version=version, annotations=annotations, release=release)


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: writer, annotations: {helm.sh/hook: post-upgrade, helm.sh/hook-delete-policy: hook-succeeded}}
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
rules: [{apiGroups: [""], resources: [pods, configmaps], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
"""
VIEWER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
"""
GUARDS = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: roomy}
spec: {hard: {pods: 30, limits.memory: 64Gi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: roomy}
spec: {limits: [{type: Container, max: {memory: 8Gi}}]}
"""
KINDS = """
apiVersion: v1
kind: Secret
metadata: {name: settings, labels: {owner: sre, name: upcommerce}}
stringData: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: canary}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: upcommerce-canary-app}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all}
spec: {podSelector: {}, ingress: [{}]}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: leader}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: uonyeka/upcommerce:v3, command: [/agnhost, entrypoint-tester]}]
"""

MUTATIONS = {
    # --- Helm's records
    "record-forged-in-the-cluster-alone": unsafe(in_the_cluster(record("later"))),
    "record-forged-by-its-labels": unsafe(Add("templates/record.yaml", record("later"))),
    "record-forged-by-a-hook": unsafe(in_the_cluster(record("later", kind=TYPE, hook="post-upgrade"))),
    "record-copied-by-a-hook": unsafe(in_the_cluster(record("later", hook="pre-upgrade", release=COPIED))),
    "record-of-stable-replaced-by-a-hook": unsafe(
        in_the_cluster(record("sh.helm.release.v1.upcommerce.v1", kind=TYPE, version=1, hook="pre-upgrade"))
    ),
    "record-forged-by-a-test-hook": unsafe(Add("templates/test.yaml", record("later", hook="test,pre-upgrade"))),
    "record-nested-too-deep": unsafe(Append("values.yaml", f"\ndeep: {'[' * 3_000}{']' * 3_000}\n")),
    # --- other objects than in the rendering
    "replicas-in-the-cluster-alone": unsafe(
        Replace(
            DEPLOYMENT,
            "replicas: {{ .Values.replicaCount }}",
            f"replicas: {IN_THE_CLUSTER}30{{{{ else }}}}1{{{{ end }}}}",
        )
    ),
    "pods-that-push-out-others-in-the-cluster-alone": unsafe(
        in_the_cluster(
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: first}
            spec:
              priorityClassName: system-node-critical
              containers: [{name: main, image: uonyeka/upcommerce:v3}]
            """
        )
    ),
    "hook-in-the-cluster-alone": unsafe(
        in_the_cluster(JOB.replace("restartPolicy: Never", "restartPolicy: Never\n      hostNetwork: true"))
    ),
    "hundreds-of-objects-in-the-cluster-alone": unsafe(
        in_the_cluster(
            """
            {{ range until 300 }}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: many-{{ . }}}
            {{ end }}
            """
        )
    ),
    # --- still permitted
    "roles-of-its-own": accepted(Add("templates/role.yaml", ROLE)),
    "bound-to-view": accepted(Add("templates/viewer.yaml", VIEWER)),
    "quota-and-limit-range-of-its-own": accepted(Add("templates/guards.yaml", GUARDS)),
    "many-kinds": accepted(Add("templates/kinds.yaml", KINDS)),
    "hook-for-upgrades-that-ends": accepted(Add("templates/job.yaml", JOB)),
    "values-nested-deep": accepted(Append("values.yaml", f"\ndeep: {'[' * 90}{']' * 90}\n")),
    "looks-at-its-namespace": accepted(
        Append(DEPLOYMENT, '# {{ lookup "v1" "Namespace" "" .Release.Namespace | toJson | len }}')
    ),
}
"""The mutations by name."""
