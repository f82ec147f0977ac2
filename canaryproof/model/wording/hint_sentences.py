"""Defines the sentence for each hint.  This module is pure."""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.model.hints import Hint, HintId

HINTS: Mapping[HintId, str] = {
    # by outcome
    "crash-loop": "look at the container's log: it says why the program ended",
    "healthy": "the canary runs: compare its image, command, arguments and values with those that you meant to try",
    "not-ready": "look at the canary's readiness probe and its number of replicas: the program runs, but gets no"
    " traffic",
    "image-pull": "compare the image and its tag in the values with those in the registry, letter by letter",
    "config-error": "look for a ConfigMap or Secret that the canary asks for and the chart does not create",
    "start-error": "look at command and args of the container: the program that they name must exist in the image",
    "exits-cleanly": "look at command and args of the container: the program does its work and ends without an error",
    "oom-killed": "give the container a higher memory limit, or have its program use less",
    "probe-killed": "look at path, port and delays of the probe: without it, the program would go on running",
    "init-crash-loop": "look at the init container's log: it says why its program ended",
    "unschedulable": "lower the cpu and memory limits or requests in the values: no node has that much",
    "refused": "read the cluster's message: it names the field, the quota or the account that it objects to",
    "no-canary": "add the canary as a Deployment of its own, in a template beside the stable one",
    "ambiguous": "keep one Deployment beside the stable one",
    "broken-chart": "run helm template on the chart and correct what it reports",
    "unsafe-chart": "take it out of the chart: no submission may have it",
    "not-rolled-out": "look at spec.updateStrategy of the workload, and at what the upgrade changes in its pod"
    " template: Kubernetes replaces pods only where the template changes, and where the strategy lets it",
    "undecided": "look at the canary's pods while they run: kubectl describe pod shows what they wait for",
    # by the meaning of a Kubernetes message
    "missing-key": "compare the key that the canary asks for with those of the ConfigMap or Secret, letter by letter",
    "no-room": "lower the canary's requests and limits, and look at their units: no node has that much",
    "no-service-account": "add the ServiceAccount that the canary names to the chart, or take its name out",
    "node-choice": "look at what the pod asks of its node, its nodeSelector and affinity: no node has it",
    "other-processor": "the program is built for another processor, or a script whose first line does not begin with"
    " #!: build it for the processor of the nodes",
    "priority-class": "take the PriorityClass out: the cluster has none of that name",
    "quota": "look at the ResourceQuota, if it is the chart's own: it leaves no room for the canary",
    "range": "look at the LimitRange, if it is the chart's own: it does not allow what the canary asks for",
    "readiness-probe": "compare the port and path of the readiness probe with what the program serves",
    "runs-as-root": "look at the securityContext: it forbids root, and the image runs as root",
    "volume-claim": "look at the claim of the canary's volume: it must be in the chart, and the cluster must be able to"
    " fulfil it",
    # by the violation of the release
    "unsafe-objects": "look for lookup and other functions in the templates that depend on the cluster, and take out"
    " what they add",
    "quota-exceeded": "look for what makes pods or objects without end: Jobs, replicas, loops in the templates",
    "deep-record": "look for values that are nested hundreds of levels deep in values.yaml, and take them out",
    "unknown-record": "take Secrets with the label owner: helm out of the chart: only Helm may write its records",
    "missing-record": "look for a pod of the chart that deletes Secrets: only Helm may delete its records",
    "changed-record": "look for a pod of the chart that changes Secrets: only Helm may write its records",
    # by the mistake in the chart's files
    "braces-unmatched": "count the braces on both sides of the expression",
    "character-typographic": "type quotes and spaces by hand: YAML knows only the plain ones",
    "colon-in-value": "take the space out if it does not belong to the value, or put the value in quotes",
    "colon-without-space": "put a space behind the colon of a key",
    "dot-missing": "compare the expression with that of the stable template, character by character",
    "file-ignored": "take what belongs to the chart out of .helmignore",
    "file-of-helpers": "give the file a name that begins with a letter",
    "file-outside-templates": "move the manifest to the folder templates: Helm renders what is there",
    "file-renders-nothing": "run helm template to see what the file renders to",
    "file-under-condition": "compare the values that the condition asks for with those in values.yaml",
    "file-utf-16": "save the file as UTF-8; Windows PowerShell writes it with Out-File -Encoding utf8",
    "image-not-indented": "write what belongs to a key below it, and further to the right",
    "image-value-missing": "make the name in the template and the keys in the values the same, letter by letter",
    "definition-missing": "if the kind belongs to an operator, install its CustomResourceDefinitions before revision 1:"
    " name their manifest or chart under setup in the scenario file",
    "kind-unknown": "compare apiVersion and kind with the stable Deployment's, letter by letter: the cluster does not"
    " know them, and capital letters count",
    "manifest-twice": "keep one of the two files",
    "quote-unmatched": "put the value between two quotes of the same kind",
    "stray-backtick": "take the backtick out: it does not belong to the template",
    "tab-indents": "indent by spaces; an editor can replace the tabs",
    "value-missing": "compare the keys of values.yaml, and how they are indented, with that name",
    "value-no-map": "compare the keys of values.yaml, and how they are indented, with that name",
    "values-empty": "compare the keys of values.yaml, and how they are indented, with that name",
    "values-key-empty": "compare the keys of values.yaml, and how they are indented, with that name",
    "values-key-nested": "compare the keys of values.yaml, and how they are indented, with that name",
    "values-missing": "add values.yaml with that key to the chart",
    "values-misnamed": "move the values from values.yml to values.yaml: Helm reads only the latter by itself",
    # by the symptom in an error of Helm or the cluster
    "already-there": "take the object out of the chart, or give it another name: it is in the cluster already, and Helm"
    " did not make it",
    "array-for-map": "take the dash out: values.yaml holds keys with values, and a dash makes it a list",
    "chart-metadata": "look at Chart.yaml: it needs apiVersion, name and version",
    "dependency-missing": "hand in the folder charts that helm dependency update fills, or take the dependency out:"
    " canaryproof does not fetch it",
    "execution-error": "read the message: the chart checks its values itself, and says what it misses",
    "field-conflict": "leave the field out of the chart, since another program sets it, or add --force-conflicts to"
    " helm.upgrade and helm.rollback in the scenario file",
    "field-immutable": "give the new object a name of its own: a Deployment's selector cannot change",
    "field-required": "look whether the value of that field renders to nothing",
    "field-unknown": "look at the spelling and the indentation of the field: capital letters count",
    "function-unknown": "look at the name: Helm has no such function, or it is a text that needs quotes",
    "hook": "look at what the hook runs: Helm waits for its success, and the release fails with it",
    "includes-itself": "take the inner include out: a named template that includes itself never ends",
    "indentation": "look at how the lines around it are indented: keys of one map begin in the same column",
    "invalid-address": "write an IP address there, or the word None with a capital letter",
    "invalid-name": "use lower-case letters, digits and hyphens in names",
    "invalid-port-name": "use lower-case letters, digits and hyphens in names of ports, 15 characters at most",
    "kubernetes-version": "look at kubeVersion in Chart.yaml: it rules this cluster out",
    "lookup": "have templates look at their own namespace only",
    "mount-without-volume": "add the volume that the mount names to the volumes of the pod, or correct its name",
    "not-allowed": "read the message: it names the rule of the cluster that does not allow it",
    "not-owned": "take the object out of the chart, or give it another name: it is in the cluster already, and does not"
    " belong to the release",
    "out-of-range": "choose a value in the range that the message names, or leave the choice to the cluster",
    "port-unnamed": "give each port of the Service a name: several ports need names",
    "quantity": "look for characters that do not belong to the numbers of cpu and memory",
    "request-above-limit": "make the request no larger than the limit beside it",
    "selector-differs": "make spec.selector.matchLabels and the labels in spec.template.metadata the same, letter by"
    " letter",
    "template-unknown": "look for the file that defines the named template, and compare the names letter by letter",
    "unended-block": "count them: each if, with, range and define needs an end of its own",
    "value-unsupported": "choose one of the values that the message lists: capital letters count",
    "values-schema": "compare values.yaml with values.schema.json",
    # the chart
    "as-told": "{detail}",
    "deployment-is-hook": "take the annotation helm.sh/hook out of the Deployment: a hook does not belong to the"
    " release",
    "field-is-list": "begin each item of the list with a dash: compare it with the stable template",
    "field-is-map": "write keys with values below it: compare it with the stable template",
    "field-is-number": "take the quotes away: the field must be a number",
    "key-repeated": "keep the key once",
    "label-not-text": "put numbers, true and false in quotes among labels and annotations",
    "object-repeated": "look at kind and metadata.name in both templates: they give their objects the same name",
    # the canary
    "autoscaler": "look at minReplicas: an autoscaler overrules spec.replicas of the Deployment",
    "container-port": "look at the ports of the container, in its template",
    "container-restart-policy": "take the restartPolicy out of the container: the kubelet restarts containers of a"
    " Deployment as long as they have none of their own",
    "image-pull-policy": "look at imagePullPolicy: a node has to pull an image that it does not have",
    "init-container-image": "look at the image of the init container, or take the init container out",
    "init-container-waits": "look at what the init container waits for, or take the init container out",
    "look-before-restart": "look at the log of the run before the restart: kubectl logs --previous shows it",
    "name-the-canary": "state expect.workload in the scenario, such as Deployment/NAME",
    "values-of-canary": "look at the values of the canary's revision in the scenario: a misspelt key changes nothing;"
    " helm template shows what they render to",
    "container-term": "correct expect.container in the scenario, or the name of the container",
    "namespace-of-release": "take metadata.namespace out of its template, or set it to .Release.Namespace",
    "workload-term": "correct expect.workload in the scenario, or the values that switch the canary on",
    "labels-of-its-own": "give the canary's pods labels that no other pods have",
    "replicas-of-its-own": "give the canary a value of its own: its number comes from .Values.{name}, which the stable"
    " app uses too",
    "replicas-source": "follow spec.replicas of its template to where the number is set",
    "node-name": "take nodeName out: the scheduler chooses the node",
    "node-rejects": "read the kubelet's message: it names the field of the pod that the node cannot satisfy",
    "other-container": "the container with the canary's port must crash; look at its image, command and arguments",
    "pod-security": "read the message: it names the field of the pod's securityContext, or the limit, because of which"
    " the pod cannot start",
    "post-start-hook": "look at the postStart hook: without it, the kubelet would not kill the container",
    "restart-rules": "look at the restartPolicyRules of the other containers: RestartAllContainers restarts the canary,"
    " too",
    "scheduler-name": "take schedulerName out: the cluster has its default scheduler only",
    "scheduling-gates": "take the schedulingGates out: nothing removes them",
    "storage-limit": "raise the limit of ephemeral-storage, or the sizeLimit of the volume: the pod writes more than"
    " that",
    "rollout-paused": "look at spec.paused: a paused rollout does not begin",
    "zero-replicas": "follow spec.replicas of its template to where it is set",
    # its Service
    "labels-of-stable": "give the canary's pods all labels that the stable Service selects",
    "port-name-of-stable": "give a port of the canary's containers the name that targetPort of the Service has",
    "select-both": "select by a label that the pods of stable and of the canary have",
    "service-port-term": "look at port and targetPort of the Service; if its own port is meant to differ from the"
    " container's, state expect.servicePort in the scenario",
    "traffic-in-place": "state traffic: shared in the scenario: a workload that is changed in place keeps its Services",
    "traffic-none": "state traffic: none in the scenario, or add a Service to the stable chart",
    "traffic-not-none": "take the Service out, or state traffic: own or traffic: shared in the scenario",
    "port-protocol": "look at the protocol of the Service's port: the app speaks HTTP, which is TCP",
    "select-canary-alone": "select by a label that only the canary's pods have",
    "selector-and-labels": "make the selector of the Service and the labels of the pods the same, letter by letter",
    "service-missing": "add a Service for the canary, in a template beside the stable one",
    "service-ports": "look at port and targetPort of the Service: the first is its own, the second the container's",
    "service-type": "take the type out: a Service of the default type leads to the pods that it selects",
    "service-without-selector": "compare the Service with the stable one: without a selector it leads to no pods",
    # the release
    "delete-pod": "after such a rollback, run kubectl delete pod {name}: a StatefulSet with the pod management policy"
    " OrderedReady replaces a pod that is not Ready only after somebody deletes it (kubernetes/kubernetes#67250)",
    "hook-failed": "look at the log of the hook, and run its command by hand; Helm stops at a hook that fails",
    "hook-changes-release": "look for a hook of the chart that changes the release by itself",
    "left-by-policy": "take the annotation helm.sh/resource-policy out of the canary's templates",
    "left-by-something": "leave hooks, finalizers and grace periods out of the canary's templates: Helm cannot undo"
    " them",
    "free-and-upgrade": "run helm rollback {name} {revision} --namespace {namespace}, which ends the pending operation,"
    " and then helm upgrade again",
    "no-uninstall": "upgrade to the canary again, and run helm rollback {name} {revision} --namespace {namespace}"
    " instead of helm uninstall",
    "rollback-after-uninstall": "run helm rollback {name} {revision} --namespace {namespace}, which brings the stable"
    " app back, upgrade to the canary again, and roll back without helm uninstall in between",
    "rollback-by-force": "run helm rollback {name} {revision} --force-conflicts --namespace {namespace}; delete an"
    " autoscaler first, if there is one",
    "rollback-command": "run helm rollback {name} {revision} --namespace {namespace}",
    "rollback-failed": "look for an object that Helm could not delete or restore, or for a hook that does not end;"
    " Helm's message names it",
    "rollback-impossible": "no revision without the canary is on record any more: upgrade to the stable chart, then to"
    " the canary again, and roll back to the revision of the stable chart; leave --history-max out",
    "rollback-through-canary": "run helm rollback {name} {through} --namespace {namespace}, and then helm rollback"
    " {name} {revision} --namespace {namespace}: a rollback deletes only objects of the revision before it, and the"
    " failed revision does not have the canary",
    "rollback-through-canary-by-force": "delete an autoscaler, if there is one; run helm rollback {name} {through}"
    " --force-conflicts --namespace {namespace}, and then helm rollback {name} {revision} --force-conflicts --namespace"
    " {namespace}: a rollback deletes only objects of the revision before it, and the failed revision does not have the"
    " canary",
    "upgrade-again": "run helm upgrade again and read its message",
    "upgrade-by-force": "run helm upgrade again with --force-conflicts; delete an autoscaler first, if there is one",
    "upgrade-by-hand": "run the command on a cluster of your own: Helm's message names the object and the field",
    "upgrade-missing": "upgrade to the chart with the canary",
    # the stable app
    "hold-on": "run the command again: the stable app must stay ready for a moment",
    "not-taken-back": "look for what a rollback does not take back: hooks, and objects that something else than Helm"
    " changed",
    "pods-before-others": "look at maxUnavailable and maxSurge in the update strategy of {object}, which takes stable"
    " pods away before new ones are Ready, and at its readinessProbe: without one, a pod that crashes is Ready for an"
    " instant",
    "port-by-number": "have {object} lead to its port by number: the pods of revision 1 have no port of that name, so"
    " it leads nowhere until others have started; look at what the chart changes in stable, and whether its Service"
    " picks other pods too",
    "restore-templates": "restore {files} from the stable chart, and keep the canary in files of its own",
    "service-switched": "the upgrade has {object} select the canary's pods at once: switch it over after they are"
    " Ready, in a revision of its own",
    "stable-changes-too": "look at {files}; if the release is meant to change this, write stable-untouched: skip under"
    " checks in the scenario",
    "stable-changes": "look at what the chart changes in stable",
    "stable-objects": "look at kubectl get deployments,services",
    "stable-pods": "look at kubectl get pods, and at the pod's events",
    "stable-silent": "look at what the chart changes in stable, and whether its Service picks other pods too",
}
"""The advice of each hint, as an instruction to the author of the chart."""


def describe_hint(hint: Hint) -> str:
    """Return *hint* as one sentence, without a full stop."""
    return HINTS[hint.id].format(
        object=hint.object,
        name=hint.name,
        namespace=hint.namespace,
        files=" and ".join(hint.files),
        revision=hint.revision,
        through=hint.through,
        detail=hint.detail,
    )
