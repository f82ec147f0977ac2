"""Hostile charts cannot exhaust the machine through the real Helm: they end within the limits, with a reason."""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.errors import UnsafeError
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering
from canaryproof.model.wording.refusal_sentences import describe_refusals
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.chart_safety import Policy, check_chart
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.static_chart import freeze
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Silence
from canaryproof.system.sandbox import Protection
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.timeouts import TimeLimits

pytestmark = pytest.mark.chart

RENDER = 3.0
SOON = 4 * RENDER
CHART = "apiVersion: v2\nname: hostile\nversion: 0.1.0\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n"

Render = Callable[..., Rendering]


@pytest.fixture(scope="module", params=["helm", "helm3"])
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The pinned Helm 4 and the pinned Helm 3, with a short time limit."""
    toolchain = provide(
        cache=cache_folder(os.environ), progress=Silence(), tools=[request.param], machine=Machine(TimeLimits())
    )
    home = tmp_path_factory.mktemp("home")
    return Helm(
        toolchain.path(request.param),
        home,
        home / "no-kubeconfig",
        "no-context",
        time_limits=TimeLimits(render=RENDER),
        sandbox=sandbox_available(TimeLimits()),
    )


@pytest.fixture
def render(helm: Helm, tmp_path: Path) -> Render:
    """Return a function that renders a chart from files, given by path, in place.

    Like a copy, the files are in a folder that all users may search, below a private one.
    """

    def render(files: dict[str, str]) -> Rendering:
        for path, text in {"Chart.yaml": CHART, **files}.items():
            file = tmp_path / "charts" / "hostile" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return helm.renderer.template("hostile", tmp_path / "charts" / "hostile", "sre", upgrade=True)

    return render


def template(text: str) -> dict[str, str]:
    """Return a chart with one template."""
    return {"templates/a.yaml": text}


ENDLESS = {
    "a list of a thousand million numbers": template("{{ range until 1000000000 }}x{{ end }}"),
    "loops in loops": template(
        "{{ range until 30000 }}{{ range until 30000 }}{{ range until 9 }}{{ end }}{{ end }}{{ end }}"
    ),
    "a text of a thousand million letters": template('a: {{ repeat 1000000000 "x" }}'),
    "a text that doubles": template('{{ $a := "x" }}{{ range until 40 }}{{ $a = print $a $a }}{{ end }}{{ $a }}'),
    "notes without end": {"templates/NOTES.txt": '{{ repeat 1000000000 "x" }}', **template(CONFIG)},
    "a million objects": template("{{ range until 1000000 }}---\n" + CONFIG + "{{ end }}"),
    "keys without end": template('{{ range until 30000 }}{{ genPrivateKey "rsa" }}{{ end }}'),
}


@pytest.mark.parametrize("files", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_ended(render: Render, files: dict[str, str]) -> None:
    """The rendering ends at its limits of time, memory or output. The message names the limit and the place."""
    began = time.monotonic()

    with pytest.raises(UnsafeError, match=r"^helm template .*(did not end within|MiB).*; look for what has no end"):
        render(files)

    assert time.monotonic() - began < SOON


BROKEN = {
    "templates that call themselves": (
        template('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
        "nested reference name",
    ),
    "values of a thousand million": (
        {
            "values.yaml": "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            **template(CONFIG),
        },
        "excessive aliasing",
    ),
    "a dependency to fetch": (
        {"Chart.yaml": f"{CHART}dependencies: [{{name: far, version: 1.0.0, repository: 'http://127.0.0.1:1'}}]\n"},
        "missing in charts/ directory: far",
    ),
    "a dependency elsewhere": (
        {"Chart.yaml": f"{CHART}dependencies: [{{name: far, version: 1.0.0, repository: 'file:///etc'}}]\n"},
        "missing in charts/ directory: far",
    ),
}


@pytest.mark.parametrize(("files", "message"), BROKEN.values(), ids=BROKEN)
def test_what_helm_refuses_itself_is_a_broken_chart(render: Render, files: dict[str, str], message: str) -> None:
    """A chart that Helm refuses is a broken chart with Helm's message."""
    assert message in render(files).error


def test_what_is_nested_without_end_is_refused(render: Render) -> None:
    """A chart nested deeply enough to crash a YAML parser is refused, although Helm accepts it."""
    with pytest.raises(UnsafeError, match="nested more than 100 levels deep"):
        render(template(CONFIG + 'data: {{ repeat 9000 "[" }}{{ repeat 9000 "]" }}'))


def test_templates_see_nothing_of_the_machine(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template has no access to the cluster, host names, files outside of the chart, or the environment."""
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "secret").write_text("of the machine")
    monkeypatch.setenv("SECRET", "of the user")
    asked = {
        "lookup": '{{ lookup "v1" "Secret" "" "" | toJson }}',
        "host": '{{ getHostByName "localhost" }}',
        "files": '{{ .Files.Get "../secret" }}{{ .Files.Get "/etc/hostname" }}{{ (.Files.Glob "../*") | toJson }}',
    }
    data = "".join(f"  {name}: '{expression}'\n" for name, expression in asked.items())

    (config,) = render(template(f"{CONFIG}data:\n{data}")).manifests

    assert config.body["data"] == {"lookup": "{}", "host": "", "files": "{}"}
    assert 'function "env" not defined' in render(template('{{ env "SECRET" }}')).error


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Serve on this machine, and lend the address and the list of requests."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_schema_fetches_nothing(helm: Helm, render: Render, listener: tuple[str, list[str]], tmp_path: Path) -> None:
    """A schema's reference makes no request, neither in the sandbox nor because the chart is refused before Helm."""
    address, asked = listener
    files = {"values.schema.json": json.dumps({"$ref": f"{address}/schema.json"}), **template(CONFIG)}
    render(files)
    in_sandbox = bool(asked)
    helm.renderer.template("hostile", tmp_path / "charts" / "hostile", "sre", trusted=True)
    without = bool(asked)
    asked.clear()

    submission = Submission("hostile", "hostile", tmp_path / "charts" / "hostile")
    with (
        pytest.raises(UnsafeError, match=r"values\.schema\.json refers to http://127"),
        clean_copy(submission, "hostile", TimeLimits(), lambda: None, sandbox_available(TimeLimits())) as chart,
    ):
        helm.renderer.template("hostile", chart, "sre")

    assert without
    assert not in_sandbox or not sandbox_available(TimeLimits()).is_active
    assert asked == []


def test_a_frozen_chart_renders_to_what_was_vetted(helm: Helm, render: Render, tmp_path: Path) -> None:
    """A frozen chart renders to exactly the checked objects, including hooks, and contains no template."""
    hook = "apiVersion: v1\nkind: Secret\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-upgrade}}\n"
    vetted = render(
        {
            "templates/a.yaml": CONFIG + 'data: {a: {{ randAlphaNum 9 | quote }}, b: {{ "{{ fail `no` }}" | quote }}}',
            "templates/b.yaml": hook,
            "values.schema.json": "{}",
        }
    ).manifests

    frozen = freeze(tmp_path / "charts" / "hostile", vetted, tmp_path / "frozen" / "hostile")

    again = helm.renderer.template("hostile", frozen, "sre", upgrade=True).manifests
    assert [each.body for each in again] == [each.body for each in vetted]
    assert vetted[0].body["data"]["b"] == "{{ fail `no` }}"


def test_a_hook_of_upgrades_is_seen_that_is_a_test_besides(render: Render) -> None:
    """A hook that both an upgrade and ``helm test`` run is part of the rendering.

    A hook that only ``helm test`` runs is not.
    """
    hook = "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, annotations: {helm.sh/hook: '%s'}}\n"

    found = render(
        {"templates/a.yaml": hook % ("both", "test,pre-upgrade"), "templates/b.yaml": hook % ("one", "test")}
    )

    assert [each.name for each in found.manifests if each.is_hook] == ["both"]


def test_definitions_beside_the_templates_are_seen(render: Render) -> None:
    """The definitions in ``crds``, which Helm installs for the whole cluster, are checked like other objects."""
    kind = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    definition = f"{kind}metadata: {{name: %s.example.com}}\n"
    inner = {"charts/b/Chart.yaml": CHART.replace("hostile", "b"), "charts/b/crds/b.yaml": definition % "b"}

    found = render({"crds/a.yaml": definition % "a", **inner})

    reason = describe_refusals(check_chart(found.manifests, Policy(("sre",), lambda _: True)))
    assert "a.example.com (crds/a.yaml) belongs to the whole cluster" in reason
    assert "b.example.com (charts/b/crds/b.yaml) belongs to the whole cluster" in reason


def test_a_chart_is_rendered_by_nobody(helm: Helm, render: Render, tmp_path: Path) -> None:
    """Helm renders a chart without rights, network and other processes, as the kernel reports. The test needs root."""
    if sandbox_available(TimeLimits()).protection is not Protection.NOBODY_ISOLATED:
        pytest.skip("needs root on Linux, and util-linux")
    render(template(CONFIG))  # writes the rest of the chart
    seen: list[dict[str, str]] = []

    def look() -> None:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError):
                if b"\0release-of-nobody\0" in (process / "cmdline").read_bytes():
                    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
                    names = {each: str((process / "ns" / each).readlink()) for each in ("net", "pid", "ipc")}
                    seen.append({**status, **names, "root": str((process / "exe").readlink())})

    looking = Helm(
        helm.binary,
        tmp_path,
        tmp_path,
        "",
        time_limits=TimeLimits(render=1),
        doomed=look,
        sandbox=sandbox_available(TimeLimits()),
    )
    write = tmp_path / "charts" / "hostile" / "templates" / "a.yaml"
    write.write_text("{{ range until 30000 }}{{ range until 30000 }}{{ range until 9 }}{{ end }}{{ end }}{{ end }}")
    with pytest.raises(UnsafeError, match="did not end within 1 s"):
        looking.renderer.template("release-of-nobody", tmp_path / "charts" / "hostile", "sre")

    rendering = [each for each in seen if each["root"] == str(helm.binary)]
    assert rendering
    assert {each["Uid"] for each in rendering} == {each["Gid"] for each in rendering} == {"\t".join(["65534"] * 4)}
    assert {each[name] for each in rendering for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    for name in ("net", "pid", "ipc"):
        assert str(Path("/proc/self/ns", name).readlink()) not in {each[name] for each in rendering}


def test_a_packed_sub_chart_is_rendered_as_helm_packed_it(helm: Helm, tmp_path: Path) -> None:
    """A subchart that was packed again renders like the original, even within another subchart."""
    sources = tmp_path / "sources"
    for name, inner in (("inner", ""), ("middle", "inner-0.1.0.tgz"), ("hostile", "middle-0.1.0.tgz")):
        (sources / name / "templates").mkdir(parents=True)
        (sources / name / "Chart.yaml").write_text(CHART.replace("hostile", name))
        (sources / name / "templates" / "a.yaml").write_text(CONFIG.replace("config", name))
        if inner:
            (sources / name / "charts").mkdir()
            (sources / inner).rename(sources / name / "charts" / inner)
        run([str(helm.binary), "package", name], timeout=30, cwd=sources, env={"HOME": str(tmp_path)})

    for source in (sources / "hostile", sources / "hostile-0.1.0.tgz"):
        submission = Submission("hostile", "hostile", source)
        with clean_copy(submission, "hostile", TimeLimits(), lambda: None, sandbox_available(TimeLimits())) as chart:
            rendered = helm.renderer.template("hostile", chart, "sre")
        assert sorted(each.name for each in rendered.manifests) == ["hostile", "inner", "middle"]
