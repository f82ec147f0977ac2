"""The harness remarks on every way to run another program than the image's own, and on no ordinary chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields, replace
from typing import Any, get_args

import msgspec
import pytest

from canaryproof.analysis.canary import find_canary
from canaryproof.checks.remarks import MOST, codes, remarks_on
from canaryproof.checks.remarks.remark_causes import (
    Cause,
    CodeInjected,
    OtherContainerDecided,
    ProgramMounted,
    ProgramReplaced,
    ProgramStarted,
)
from canaryproof.checks.remarks.remark_rules import WORD, WORDS
from canaryproof.checks.remarks.remark_sentences import TITLES, sentence
from canaryproof.model.causes import Cause as DecisionCause
from canaryproof.model.causes import Cause as Fault
from canaryproof.model.evidence import Decision, Evidence, Rendering, Step
from canaryproof.model.evidence_redaction import without_secrets
from canaryproof.model.flight_record import from_lines, to_lines
from canaryproof.model.objects import Body, Manifest, maps_at
from canaryproof.model.rendered_yaml import parse
from canaryproof.redaction import Redactor
from tests.unit.stories import CANARY_DEPLOYMENT, CANARY_SERVICE, COURSE, STABLE, Story, because, rendering

Fields = dict[str, Any]
IMAGE = "uonyeka/canary:linux-amd64"
CRASHED = Decision("crash-loop", DecisionCause(code="crash-looped", container="main"), 9.0, 9.0)
HELPER_CRASHED = replace(CRASHED, cause=replace(CRASHED.cause, container="helper"))
SIDECAR = {"name": "helper", "image": "example/helper:1", "command": ["/pause"]}


def canary(*, container: Fields | None = None, pod: Fields | None = None, others: tuple[Body, ...] = ()) -> Manifest:
    """Return the canary's Deployment with these fields in its container and pod spec, and with *others* beside it."""
    (manifest,) = parse(CANARY_DEPLOYMENT)
    spec = manifest.body["spec"]["template"]["spec"]
    (main,) = maps_at(spec, "containers")
    spec |= {"containers": [main | (container or {}), *others], **(pod or {})}
    return manifest


def tried(
    deployment: Manifest | None = None, *objects: Body, decision: Decision = CRASHED, story: Story | None = None
) -> Evidence:
    """Return the evidence of a chart with this canary, its Service and *objects*."""
    chart = (*parse(STABLE), deployment or canary(), *parse(CANARY_SERVICE), *map(Manifest, objects))
    baseline = rendering(STABLE)
    return Evidence(
        "shop",
        "class/shop",
        baseline=baseline,
        chart=Rendering(chart),
        canary=find_canary(baseline, Rendering(chart), COURSE).canary,
        decision=decision,
        upgrade=Step("helm upgrade", 1.0, 2.0),
        timeline=(story or Story()).timeline,
    )


def causes(evidence: Evidence) -> list[Cause]:
    """Return the causes of all remarks."""
    return [each.cause for each in remarks_on(evidence)]


def found(**parts: Any) -> list[str]:
    """Return the codes of the remarks on a canary. *parts* are the arguments of `canary`."""
    return list(codes(remarks_on(tried(canary(**parts)))))


def test_a_teams_own_chart_has_none() -> None:
    """A chart that the scenario names is no submission. It may choose its programs."""
    evidence = tried(canary(container={"command": ["./shop"]}))

    assert codes(remarks_on(evidence)) == ("program-replaced",)
    assert remarks_on(replace(evidence, submitted=False)) == ()


def test_the_assignments_own_solution_has_none() -> None:
    """A canary that runs its image's program gets no remark, whatever its outcome is."""
    assert causes(tried()) == []
    assert causes(tried(decision=Decision("healthy", because("it runs")))) == []
    assert causes(Evidence("shop", "class/shop", fault=Fault(code="cluster-fault", detail="etcd ended"))) == []
    assert causes(replace(tried(), chart=Rendering(error="no such value"), canary=None)) == []


# --- the program


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"command": ["sh", "-c", "exit 1"]}, {"command": ("sh", "-c", "exit 1")}),
        ({"args": ["--no-such-flag"]}, {"args": ("--no-such-flag",)}),
        ({"command": ["false"], "args": ["-v"]}, {"command": ("false",), "args": ("-v",)}),
        ({"workingDir": "/nowhere"}, {"working_dir": "/nowhere"}),
        ({"command": ["exit", 1]}, {"command": ("exit", "1")}),
    ],
)
def test_a_replaced_program_is_remarked(fields: Fields, cause: Fields) -> None:
    """A container gets a remark if its command, arguments or folder replace those of its image.

    Source: Kubernetes, "Container v1 core".
    """
    evidence = tried(canary(container=fields))

    assert causes(evidence) == [ProgramReplaced(container="main", image=IMAGE, **cause)]
    assert remarks_on(evidence)[0].message.endswith(f" the image {IMAGE}")


@pytest.mark.parametrize("fields", [{"command": []}, {"args": []}, {"command": None}, {"env": [{"name": "PORT"}]}])
def test_what_replaces_nothing_is_silent(fields: Fields) -> None:
    """A container with an empty command or arguments gets no remark, because it runs the image's program."""
    assert found(container=fields) == []


def test_whatever_became_of_it_a_replaced_program_is_remarked() -> None:
    """A healthy canary with a replaced program gets a remark, too."""
    evidence = tried(canary(container={"command": ["sleep", "inf"]}), decision=Decision("healthy", because("it runs")))

    assert codes(remarks_on(evidence)) == ("program-replaced",)


def test_a_sidecar_with_a_command_is_silent() -> None:
    """A sidecar with a command gets no remark if the canary's own container decides the outcome."""
    native = SIDECAR | {"restartPolicy": "Always"}

    assert found(others=(SIDECAR,)) == []
    assert found(pod={"initContainers": [native]}) == []
    assert found(pod={"initContainers": [SIDECAR]}) == []


@pytest.mark.parametrize("way", ["containers", "initContainers"])
def test_a_sidecar_that_decides_the_outcome_is_remarked(way: str) -> None:
    """A sidecar gets a remark if its crash loop decides the outcome while the canary's container serves its port."""
    native = SIDECAR | {"restartPolicy": "Always"}
    deployment = canary(pod={"initContainers": [native]}) if way == "initContainers" else canary(others=(SIDECAR,))

    assert causes(tried(deployment, decision=HELPER_CRASHED)) == [
        ProgramReplaced(container="helper", image="example/helper:1", command=("/pause",)),
        OtherContainerDecided(container="helper", image="example/helper:1", serving="main", serving_image=IMAGE),
    ]


def test_a_sidecar_that_crashes_with_the_canary_is_not_blamed() -> None:
    """A sidecar gets no remark if the canary's serving container has ended as well, whichever ended first."""
    story = Story().at(2).pod().running(container="canary").at(3).ended(1)
    (main,) = maps_at(canary().pod_template["spec"], "containers")
    deployment = canary(container={"name": "canary"}, others=(SIDECAR | {"command": []},))

    evidence = tried(deployment, decision=HELPER_CRASHED, story=story)

    assert main["ports"]
    assert causes(evidence) == []


def test_without_the_name_of_a_container_any_may_have_crashed() -> None:
    """Any container with a replaced program gets a remark if the cause names no container.

    The events of a release that a user handled by hand do not name the restarted container.
    """
    unknown = replace(CRASHED, cause=replace(CRASHED.cause, container=""))

    assert codes(remarks_on(tried(canary(others=(SIDECAR,)), decision=unknown))) == ("program-replaced",)


@pytest.mark.parametrize("way", ["livenessProbe", "readinessProbe", "startupProbe", "postStart"])
def test_a_program_that_runs_beside_the_canary_is_remarked(way: str) -> None:
    """A probe or a postStart hook that runs a command gets a remark, because it can end the image's program."""
    runs = {"exec": {"command": ["kill", "1"]}}
    fields = {"lifecycle": {"postStart": runs}} if way == "postStart" else {way: runs}

    assert causes(tried(canary(container=fields))) == [ProgramStarted(container="main", by=way, command=("kill", "1"))]


@pytest.mark.parametrize(
    "fields",
    [
        {"livenessProbe": {"httpGet": {"path": "/", "port": 5003}}},
        {"readinessProbe": {"tcpSocket": {"port": 5003}}},
        {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}}},
        {"lifecycle": {"postStart": {"httpGet": {"port": 5003}}}},
    ],
)
def test_probes_and_hooks_that_run_nothing_in_it_are_silent(fields: Fields) -> None:
    """A probe or hook without a command gets no remark.

    Neither does a preStop hook, because it runs when the pod ends anyway.
    """
    assert found(container=fields) == []


# --- volumes


def mounted(volume: Fields, path: str = "/etc/shop") -> list[Cause]:
    """Return the causes of the remarks on a canary that mounts this volume."""
    fields = {"volumeMounts": [{"name": "files", "mountPath": path}]}
    return causes(tried(canary(container=fields, pod={"volumes": [{"name": "files", **volume}]})))


@pytest.mark.parametrize(
    ("volume", "origin", "mode"),
    [
        ({"configMap": {"name": "tools", "defaultMode": 0o755}}, "ConfigMap/tools", "0755"),
        ({"configMap": {"name": "tools", "defaultMode": 493.0}}, "ConfigMap/tools", "0755"),
        ({"configMap": {"name": "tools", "defaultMode": "0o555"}}, "ConfigMap/tools", "0555"),
        ({"configMap": {"name": "tools", "defaultMode": "0O7_55"}}, "ConfigMap/tools", "0755"),
        ({"configMap": {"name": "tools", "defaultMode": "0X1ED"}}, "ConfigMap/tools", "0755"),
        ({"configMap": {"name": "tools", "defaultMode": "4.93e2"}}, "ConfigMap/tools", "0755"),
        ({"configMap": {"name": "tools", "items": [{"key": "a", "mode": 0o100}]}}, "ConfigMap/tools", "0100"),
        ({"secret": {"secretName": "tools", "defaultMode": 0o501}}, "Secret/tools", "0501"),
        (
            {"projected": {"defaultMode": 0o755, "sources": [{"configMap": {"name": "tools"}}]}},
            "ConfigMap/tools",
            "0755",
        ),
        (
            {"projected": {"sources": [{"secret": {"name": "tools", "items": [{"key": "a", "mode": 0o755}]}}]}},
            "Secret/tools",
            "0755",
        ),
        ({"image": {"reference": "example/tools:1"}}, "image/example/tools:1", ""),
    ],
)
def test_mounted_programs_are_remarked(volume: Fields, origin: str, mode: str) -> None:
    """A mounted volume with executable files or an image gets a remark, because it may hold the program that runs."""
    (cause,) = mounted(volume)

    assert isinstance(cause, ProgramMounted)
    assert (cause.object, cause.path, cause.mode) == (origin, "/etc/shop", mode)
    assert cause.why == ("executable" if mode else "image")


@pytest.mark.parametrize(
    "volume",
    [
        {"configMap": {"name": "settings"}},
        {"configMap": {"name": "settings", "defaultMode": 0o640}},
        {"configMap": {"name": "settings", "defaultMode": 0o755, "items": [{"key": "a", "mode": 0o444}]}},
        {"secret": {"secretName": "token", "defaultMode": 0o400}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"emptyDir": {}},
    ],
)
def test_mounted_settings_are_silent(volume: Fields) -> None:
    """A mounted volume without executable files gets no remark in a usual place for settings and data."""
    assert mounted(volume) == []


@pytest.mark.parametrize(
    "path",
    [
        *("/bin", "/usr/bin/", "/usr/local/bin/canary", "/lib/x86_64-linux-gnu", "/etc/ld.so.preload", "/usr//./lib/a"),
        *("/app", "/opt/canary", "/usr/src/app", "/home/canary", "app", "/data/../app", "/srv", "/canary/node_modules"),
        *("/app/main.py", "/shop/server.js", "/entrypoint.SH", "/plugins/x.so", "/canary/src"),
    ],
)
def test_a_mount_over_programs_is_remarked(path: str) -> None:
    """A mount over a folder or file of programs gets a remark, because it hides the image's program."""
    (cause,) = mounted({"emptyDir": {}}, path)

    assert isinstance(cause, ProgramMounted)
    assert (cause.object, cause.why, cause.mode) == ("emptyDir", "over-programs", "")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/tmp",  # noqa: S108 - a path in a pod
            "/var/run/secrets/x",
            "/etc/nginx/conf.d",
            "/data",
            "/scratch",
            "/settings",
            "/cache",
            "/var/lib/shop",
        ),
        *(
            "/app/config",
            "/app/data",
            "/opt/config",
            "/usr/share/nginx/html",
            "/config/app.yaml",
            "/var/log",
            "/dev/shm",  # noqa: S108 - a path in a pod
        ),
        *("/var/lib", "/etc/app", "/home", "/binaries", "/library", "/usr/local/etc/php", "/run/secrets"),
    ],
)
def test_a_mount_beside_programs_is_silent(path: str) -> None:
    """A mount in a usual place for settings, data or scratch files gets no remark."""
    assert mounted({"emptyDir": {}}, path) == []


# --- the environment


@pytest.mark.parametrize(
    "variable",
    [
        *({"name": name, "value": "/x"} for name in ("LD_PRELOAD", "PATH", "PYTHONPATH", "PERL5OPT", "BASH_ENV")),
        {"name": "NODE_OPTIONS", "value": "--max-old-space-size=64 --require /config/a.js"},
        {"name": "JAVA_TOOL_OPTIONS", "value": "-javaagent:/config/a.jar"},
        {"name": "NODE_OPTIONS", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
    ],
)
def test_variables_that_load_code_are_remarked(variable: Fields) -> None:
    """An environment variable that loads code gets a remark."""
    assert causes(tried(canary(container={"env": [variable]}))) == [
        CodeInjected(container="main", variables=(variable["name"],))
    ]


@pytest.mark.parametrize(
    "variable",
    [
        *({"name": name, "value": "/x"} for name in ("PORT", "CONFIG_PATH", "NODE_ENV", "PYTHONUNBUFFERED", "ENV")),
        {"name": "NODE_OPTIONS", "value": "--max-old-space-size=64"},
        {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx64m"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
    ],
)
def test_ordinary_variables_are_silent(variable: Fields) -> None:
    """A variable with a setting, a memory limit or a secret gets no remark."""
    assert found(container={"env": [variable]}) == []


@pytest.mark.parametrize(
    ("kind", "data", "reference"),
    [
        ("ConfigMap", {"data": {"LD_PRELOAD": "/x"}}, {"configMapRef": {"name": "all"}}),
        ("ConfigMap", {"data": {"PRELOAD": "/x"}}, {"prefix": "LD_", "configMapRef": {"name": "all"}}),
        ("Secret", {"stringData": {"LD_PRELOAD": "/x"}}, {"secretRef": {"name": "all"}}),
        ("Secret", {"data": {"LD_PRELOAD": "L3g="}}, {"secretRef": {"name": "all"}}),
    ],
)
def test_variables_from_objects_of_the_chart_are_looked_into(kind: str, data: Fields, reference: Fields) -> None:
    """A variable that loads code gets a remark if ``envFrom`` takes it from an object of the chart."""
    held = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "all"}, **data}

    assert causes(tried(canary(container={"envFrom": [reference]}), held)) == [
        CodeInjected(container="main", variables=("LD_PRELOAD",))
    ]
    assert causes(tried(canary(), held)) == []


# --- the pod and other objects


def test_shared_processes_are_remarked_where_there_are_several_containers() -> None:
    """A pod with several containers that share a process namespace gets a remark. A pod with one container does not."""
    shared = {"shareProcessNamespace": True}

    assert found(pod=shared, others=(SIDECAR,)) == ["processes-shared"]
    assert found(pod=shared) == []
    assert found(pod={"shareProcessNamespace": False}, others=(SIDECAR,)) == []


def an_object(kind: str, name: str = "extra", **annotations: str) -> Body:
    """Return an object. *annotations* are those of Helm without the prefix ``helm.sh/``."""
    notes = {f"helm.sh/{key}": value for key, value in annotations.items()}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": notes}}


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        *((an_object(kind), "workloads-added") for kind in ("Job", "CronJob", "Pod", "StatefulSet", "DaemonSet")),
        *((an_object(kind), "api-access") for kind in ("Role", "RoleBinding")),
        *((an_object("Job", hook=when), "upgrade-hooks") for when in ("post-upgrade", "pre-install, PRE-UPGRADE")),
        (an_object("ConfigMap", hook="pre-upgrade"), "upgrade-hooks"),
    ],
)
def test_what_else_acts_in_the_namespace_is_remarked(extra: Body, code: str) -> None:
    """Each further workload, upgrade hook, Role and RoleBinding gets a remark that names it."""
    (remark,) = remarks_on(tried(None, extra))

    assert remark.code == code
    assert f"{extra['kind']}/extra" in remark.message


@pytest.mark.parametrize(
    "extra",
    [
        *map(an_object, ("ConfigMap", "Secret", "ServiceAccount", "Ingress", "NetworkPolicy", "PodDisruptionBudget")),
        *map(an_object, ("HorizontalPodAutoscaler", "Service", "ResourceQuota")),
        *(an_object("Job", hook=when) for when in ("test", "pre-delete", "post-install", "pre-rollback")),
    ],
)
def test_what_usually_goes_with_a_canary_is_silent(extra: Body) -> None:
    """An object that usually accompanies a canary gets no remark.

    Neither does a hook that an upgrade does not run.
    """
    assert causes(tried(None, extra)) == []


def test_what_the_course_has_itself_is_silent() -> None:
    """An object that is part of the course's own chart gets no remark."""
    evidence = tried(None, an_object("Job", hook="post-upgrade"), an_object("Role"), an_object("Pod"))

    assert causes(replace(evidence, baseline=evidence.chart)) == []


def test_hooks_of_an_upgrade_that_never_was_are_silent() -> None:
    """A hook gets no remark if no upgrade ran."""
    assert causes(replace(tried(None, an_object("Job", hook="post-upgrade")), upgrade=None)) == []


# --- hostile charts, records, sentences


def hostile_remarks() -> Iterator[str]:
    """Yield all texts of the remarks on a canary whose fields hold long and hostile texts."""
    text = "\x1b[2J\u202e\x00\n<b>`|" + "x" * 10_000
    evidence = tried(
        canary(
            container={
                "name": text,
                "image": text,
                "command": [text] * 500,
                "args": [text, "", {"a": text}],
                "workingDir": text,
                "env": [{"name": "LD_PRELOAD", "value": text}],
                "lifecycle": {"postStart": {"exec": {"command": [text]}}},
                "volumeMounts": [{"name": text, "mountPath": f"/bin/{text}"}] * 50,
            },
            pod={"volumes": [{"name": text, "configMap": {"name": text, "defaultMode": 0o777}}]},
        ),
        *(an_object("Job", f"{text}-{number}") for number in range(80)),
        an_object("Role", text),
    )
    remarks = remarks_on(evidence)
    assert len(codes(remarks)) == 6
    for remark in remarks:
        yield remark.message
        yield from _texts(msgspec.to_builtins(remark.cause))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from _texts(each)


def test_hostile_texts_are_printable_and_short() -> None:
    """All texts of the remarks are printable and short, however long the chart's texts are."""
    texts = list(hostile_remarks())

    assert all(text.isprintable() for text in texts)
    assert max(map(len, texts)) < 600


def test_a_command_is_cut_by_words_and_by_length() -> None:
    """A cause shortens a command to a limited number of words, each of limited length."""
    (cause,) = causes(tried(canary(container={"command": ["y" * 200] * 50})))

    assert isinstance(cause, ProgramReplaced)
    assert cause.command == (*["y" * (WORD - 1) + "\N{HORIZONTAL ELLIPSIS}"] * WORDS, "...")


@pytest.mark.parametrize("body", ["text", [None, "x", 3, {}], {"command": "text"}, [{"name": None, "command": {}}]])
def test_misshapen_pods_raise_nothing(body: Any) -> None:
    """A pod spec with values of the wrong type raises no exception."""
    fields = {"env": body, "envFrom": body, "volumeMounts": body, "lifecycle": body, "command": {}, "ports": body}

    remarks_on(tried(canary(container=fields, pod={"volumes": body, "initContainers": body})))


def test_there_is_an_end_to_remarks() -> None:
    """The number of remarks is limited."""
    many = tuple({"name": f"c{number}", "command": ["x"], "ports": [{}]} for number in range(300))

    remarks = remarks_on(tried(canary(others=many)))

    assert len(remarks) == MOST


def test_a_record_gives_the_same_remarks() -> None:
    """A flight record yields the same remarks as the original evidence."""
    evidence = tried(
        canary(container={"command": ["false"]}, others=(SIDECAR,)),
        an_object("Job", hook="post-upgrade"),
        decision=HELPER_CRASHED,
    )

    assert remarks_on(from_lines(to_lines(evidence))) == remarks_on(evidence)
    assert len(remarks_on(evidence)) == 4


@pytest.mark.parametrize(
    ("value", "container", "extra"),
    [
        ("/usr/local/bin", {"volumeMounts": [{"name": "files", "mountPath": "/usr/local/bin"}]}, None),
        ("", {"volumeMounts": [{"name": "files", "mountPath": "/x/token=1234abcdEFGH5678/../../usr/local/bin"}]}, None),
        ("0o000755", {"volumeMounts": [{"name": "tools", "mountPath": "/etc/shop"}]}, None),
        ("-javaagent:", {"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-javaagent:/config/a.jar"}]}, None),
        ("post-upgrade", {}, "post-upgrade"),
    ],
)
def test_no_value_of_a_secret_hides_a_remark(value: str, container: Fields, extra: str | None) -> None:
    """The redaction of the values of Secrets hides no remark, whatever value a chart chooses."""
    tools = {"name": "tools", "configMap": {"name": "tools", "defaultMode": "0o000755"}}
    deployment = canary(container=container, pod={"volumes": [{"name": "files", "emptyDir": {}}, tools]})
    evidence = tried(deployment, *([an_object("ConfigMap", hook=extra)] if extra else []))
    before = codes(remarks_on(evidence))

    assert len(before) == 1
    assert codes(remarks_on(without_secrets(evidence, Redactor([value] if value else [])))) == before


def test_each_code_has_its_heading_and_its_sentence() -> None:
    """Every remark has a heading and a sentence. The sentence ends without a full stop, which the reports add."""
    kinds = get_args(Cause)
    made = [kind(**{each.name: _some(each) for each in fields(kind) if each.name != "code"}) for kind in kinds]

    assert [each.code for each in made] == list(TITLES)
    assert not [each for each in map(sentence, made) if not each or each.endswith(".")]


def _some(field: Field[Any]) -> Any:
    return {"str": "x", "tuple[str, ...]": ("x",)}.get(str(field.type), "image")
