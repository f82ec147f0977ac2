"""A fault of a scenario file is reported with its place and a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.scenario.scenario_file import load_scenario

HEAD = """\
apiVersion: canaryproof/v1
release: shop
stable: {chart: shop}
expect: {outcome: crash-loop}
"""


FORM_FAULTS = (
    ("relese: shop", "5:1: unknown key 'relese'; did you mean 'release'?"),
    ("replicas: 1", "5:1: unknown key 'replicas'; move it into 'expect'"),
    ("colour: red", "5:1: unknown key 'colour'; the keys are apiVersion, title, release, namespace, values, setup"),
    ("title: 1.10", '5:8: title: expected a string, found the number 1.10; quote it: "1.10"'),
    ("title:", "5:7: title: expected a string, found nothing; delete the key if it asks for nothing"),
    ("title: {a: b}", "5:8: title: expected a string, found a map"),
    ("namespace: Shop", "5:12: namespace: expected a name of lowercase letters, digits and '-', of at most 63"),
    ("namespace: {exact: true}", "5:12: namespace: the key 'name' is missing; expected a name of"),
    ("namespace: {name: shop, exact: yess}", "5:32: namespace.exact: expected true or false, found the string"),
    ("values: values.yaml", '5:9: values: expected a list, found the string "values.yaml"; write [values.yaml]'),
    ("values: [1.5]", "5:10: values[0]: expected the path of a values file or a map, found the number 1.5"),
    (
        "canary: {chart: x, repo: 'https://h', version: 1.10}",
        "5:48: canary.version: expected an exact version such as 1.2.3, found the number 1.10",
    ),
    ("canary: {chart: x, repo: host, version: 1.0.0}", "5:26: canary.repo: expected the URL of a chart repository"),
    ("canary: {version: 1.0.0}", "5:19: canary.version: expected the key chart, too"),
    ("setup: [{release: db}]", "5:9: setup[0]: expected a step: {manifest: FILE} or {release: NAME, chart: CHAR"),
    ("setup: [{manifest: m.yaml, release: db}]", "5:37: setup[0].release: a step has a manifest or a release; wri"),
    ("availability: []", "5:15: availability: expected at least 1 entry, found an empty list"),
    ("availability: [{service: a, maxOutage: 2}]", "5:40: availability[0].maxOutage: expected a duration such as"),
    ("availability: [{service: a, successRate: 101}]", "5:42: availability[0].successRate: expected a number from"),
    ("availability: [{service: a, httpGet: {port: 0}}]", "5:45: availability[0].httpGet.port: expected an integer"),
    ("availability: [{service: a, httpGet: {path: x}}]", "5:45: availability[0].httpGet.path: expected a path"),
    ("timeouts: {helm: 5 minutes}", "5:18: timeouts.helm: expected a duration such as 2s, 5m or 1m30s, found the"),
    ("helm: {upgrade: --wait}", '5:17: helm.upgrade: expected a list, found the string "--wait"; write [--wait]'),
    (
        "checks: {canary-gone: skp}",
        "5:23: checks.canary-gone: expected a number from 0 to 1,000,000 or skip, found *; did you mean 'skip'?",
    ),
    ("checks: {canary-gone: -1}", "5:23: checks.canary-gone: expected a number from 0 to 1,000,000 or skip, found"),
    ("checks: {canary-gone: .inf}", "5:23: checks.canary-gone: expected a number from 0 to 1,000,000 or skip"),
    ("images: {a: {}}", "5:13: images.a: expected one source: {archive: FILE} or {agnhost: [ARGUMENT, ...]}"),
    ("images: {a: {agnhost: []}}", "5:23: images.a.agnhost: expected at least 1 entry, found an empty list"),
    ("clusterScoped: 'true'", "5:16: clusterScoped: expected true or false, found the string"),
)
"""A line, the fifth one of a file that is otherwise valid, and the fault that both loader and schema find."""
OTHER_FAULTS = (
    ("expect: {outcome: healthy}", "5:1: the key 'expect' is already on line 4; delete one of them"),
    ("values: [missing.yaml]", "5:10: values[0]: expected a file, but *missing.yaml does not exist"),
    ("values: [shop]", "5:10: values[0]: expected a file, but *shop is a folder"),
    ("values: [{tag: 1.10}]", '5:16: values[0].tag: 1.10 is the number 1.1; write "1.10" for the text, or 1.1'),
    ("values: [{tag: 1.0}]", '5:16: values[0].tag: 1.0 is the number 1; write "1.0" for the text, or 1'),
    ("values: [{tag: 12e5}]", '5:16: values[0].tag: Helm reads 12e5 as a number; write "12e5" for'),
    ("values: [{at: 12:30}]", '5:15: values[0].at: 12:30 is a number in base 60; write "12:30" for'),
    ("values: [{on: 1}]", '5:11: values[0]: expected a string as the key, found the boolean on; write "on"'),
    ("values: [{a: !vault x}]", "5:14: values[0].a: the tag !vault is not supported; delete it"),
    ("values: [{<<: {a: b}}]", "5:11: values[0]: merge keys (<<) are not supported; write the keys"),
    ("canary: {values: [{image: {tag: 2.0}}]}", "5:33: canary.values[0].image.tag: 2.0 is the number 2"),
    ("canary: {chart: nowhere}", "5:17: canary.chart: expected the folder or the archive of a chart, but"),
    ("canary: {chart: values.yaml}", "5:17: canary.chart: expected a chart's folder or a .tgz archive, fo"),
    ("canary: {chart: plain}", "5:17: canary.chart: expected the folder of a chart, but *plain has no Chart.y"),
    (
        "canary: {chart: parent}",
        "5:17: canary.chart: the chart needs db, which *charts does not contain; run helm dependency build *parent",
    ),
    ("canary: {chart: 'oci://host/shop'}", "5:17: canary.chart: expected the version of oci://host/shop"),
    ("canary: {chart: shop, version: 1.0.0}", "5:32: canary.version: *shop is a local chart, whose version"),
    ("timeouts: {helm: 0s}", "5:18: timeouts.helm: expected a duration of more than 0, found 0s"),
    ("helm: {upgrade: [-nx]}", "5:17: helm.upgrade: the flag -n is not permitted; use namespace:"),
    ("helm: {install: [--set=a=b]}", "5:17: helm.install: the flag --set is not permitted; use values: or"),
    ("helm: {rollback: [wait]}", "5:18: helm.rollback: expected a flag such as --no-hooks, found 'wait'"),
    ("checks: {canary-gone: .nan}", "5:23: checks.canary-gone: expected a number from 0 to 1,000,000"),
    ("images: {a: {archive: no.tar}}", "5:23: images.a.archive: expected a file, but *no.tar does not"),
    ("'title'", "6:1: expected YAML: while scanning a simple key, could not find expected ':'"),
    ("title: a\n\tb: c", "6:1: expected YAML: while scanning for the next token, found character '\\t'"),
    ("---\ntitle: x", "6:1: expected one YAML document, found a second one; delete it, or put it into"),
    ("values: *nothing", "5:9: expected YAML: found undefined alias 'nothing'"),
)
"""The same, for faults that a schema cannot express: it knows no files, flags, or numbers that lose a digit."""


CHANGES = (
    ("canaryproof/v1", "canaryproof/v2", "1:13: apiVersion: expected canaryproof/v1, found the string"),
    ("release: shop", "release: Shop", "2:10: release: expected the name of a release"),
    ("release: shop\n", "", "1:1: the key 'release' is missing; expected the name of a release"),
    ("{chart: shop}", "[]", "3:9: stable: expected at least 1 entry, found an empty list"),
    ("stable: {chart: shop}", "stable: shop", '3:9: stable: expected a map or a list, found the string "shop"'),
    ("crash-loop", "crash-lop", "4:19: expect.outcome: expected one of *; did you mean 'crash-loop'?"),
    ("crash-loop", "[healthy, crash]", "4:29: expect.outcome[1]: expected one of *did you mean 'crash-loop'?"),
    ("crash-loop", "healthy, replicas: '1'", '4:38: expect.replicas: *, found the string "1"; write 1 without'),
    ("crash-loop", "healthy, replicas: 1.0", "4:38: expect.replicas: expected an integer of at least 0, found"),
    ("crash-loop", "healthy, replicas: -1", "4:38: expect.replicas: expected an integer of at least 0, found"),
    ("crash-loop", "healthy, replicas: true", "4:38: expect.replicas: expected an integer of at least 0, found"),
    ("crash-loop", "healthy, container_port: 80", "4:28: expect: unknown key 'container_port'; did you mean 'cont"),
    ("crash-loop", "healthy, workload: deploy/x", "4:38: expect.workload: expected Deployment/NAME, StatefulSet/"),
    ("crash-loop", "healthy, traffic: mine", "4:37: expect.traffic: expected one of none, own, shared, found"),
    ("crash-loop", "healthy, servicePort: 80", "4:41: expect.servicePort: * add traffic: own"),
)
"""A text of the valid file, its replacement, and the fault."""


def lines_of(*cases: tuple[tuple[str, str], ...]) -> list[str]:
    """Return the lines with a fault."""
    return [line for each in cases for line, _ in each]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with charts, a values file and a manifest."""
    for chart, more in (
        ("shop", ""),
        ("parent", "dependencies: [{name: db, version: 1.x}, {name: web, version: 1.x}]"),
    ):
        (tmp_path / chart / "charts").mkdir(parents=True)
        (tmp_path / chart / "Chart.yaml").write_text(f"name: {chart}\nversion: 1.0.0\n{more}\n", encoding="utf-8")
    (tmp_path / "parent" / "charts" / "web-1.0.0-rc.1.tgz").touch()
    (tmp_path / "plain").mkdir()
    for name in ("values.yaml", "m.yaml"):
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    return tmp_path


def faults(file: Path) -> list[str]:
    """Return the faults of a file, without its path. The file must have some."""
    with pytest.raises(UsageError) as caught:
        load_scenario(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(("line", "expected"), [*FORM_FAULTS, *OTHER_FAULTS], ids=lines_of(FORM_FAULTS, OTHER_FAULTS))
def test_a_fault_is_reported_at_its_place(line: str, expected: str, folder: Path) -> None:
    """The error names the line, the column, the expected and the found value, and the remedy."""
    file = folder / "canaryproof.yaml"
    file.write_text(HEAD + line + "\n", encoding="utf-8")

    (fault,) = faults(file)

    pytest.LineMatcher([fault]).fnmatch_lines([expected.replace("[", "[[]") + "*"])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[1] or change[0])
def test_a_required_key_has_a_valid_value(change: tuple[str, str, str], folder: Path) -> None:
    """A required key that is missing or has an invalid value is refused."""
    old, new, expected = change
    file = folder / "canaryproof.yaml"
    file.write_text(HEAD.replace(old, new), encoding="utf-8")

    (fault,) = faults(file)

    pytest.LineMatcher([fault]).fnmatch_lines([expected.replace("[", "[[]") + "*"])


def test_a_number_out_of_range_has_no_quotes_to_delete(folder: Path) -> None:
    """The remedy for a quoted number is none for a number that is too large."""
    file = folder / "canaryproof.yaml"
    file.write_text(HEAD.replace("crash-loop", "healthy, containerPort: 99999"), encoding="utf-8")

    (fault,) = faults(file)

    assert fault.endswith("expected an integer from 1 to 65,535, found the number 99999")


def test_all_faults_are_reported_in_order(folder: Path) -> None:
    """One error lists all faults by line and column."""
    file = folder / "canaryproof.yaml"
    file.write_text(f"titel: x\n{HEAD.replace('crash-loop', 'boom')}values: [no.yaml, 3]\n", encoding="utf-8")

    assert [each.partition(": ")[0] for each in faults(file)] == ["1:1", "5:19", "6:10", "6:19"]


def test_aliases_cannot_fill_the_memory(folder: Path) -> None:
    """A file whose aliases expand to billions of values is refused at once."""
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    file = folder / "canaryproof.yaml"
    file.write_text(f"{HEAD}values: [{{{', '.join(lines)}}}]\n", encoding="utf-8")

    (fault,) = faults(file)

    assert "expected at most 20,000 values, found more; look for aliases (*)" in fault


def test_an_alias_is_a_copy(folder: Path) -> None:
    """Aliases are permitted: two values may share an anchor."""
    file = folder / "canaryproof.yaml"
    file.write_text(f"{HEAD}values: [&common {{a: [1, two]}}, *common]\n", encoding="utf-8")

    assert load_scenario(file).values == ({"a": [1, "two"]}, {"a": [1, "two"]})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "1:1: expected a map with the keys of a scenario, found an empty file"),
        (b"# nothing\n", "1:1: expected a map with the keys of a scenario, found an empty file"),
        (b"- a\n", "1:1: expected a map, found a list"),
        (b"apiVersion: canaryproof/v1\ntitle: caf\xe9\n", "2:11: expected UTF-8 text, found other bytes; save the"),
        ("title: x\n".encode("utf-16"), "1:1: expected UTF-8 text, found other bytes; save the file as UTF-8"),
        (b"title: x\n\x00", "2:1: expected text, found the character U+0000; delete it"),
        (b"a: " + b"[" * 1000, "1:53: expected at most 50 levels of maps and lists, found more"),
    ],
    ids=["empty", "comment", "list", "latin-1", "utf-16", "nul", "deep"],
)
def test_a_file_that_is_no_scenario_is_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    """A file that contains no YAML map in UTF-8 is refused at the place where that shows."""
    file = tmp_path / "canaryproof.yaml"
    file.write_bytes(content)

    assert faults(file)[0].startswith(fault)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    """The error about a path that is no file says what was expected, and what to do."""
    with pytest.raises(UsageError, match="expected a file, found a folder; name a YAML file in it"):
        load_scenario(tmp_path)
    with pytest.raises(UsageError, match="No such file or directory; give --scenario the path of a YAML file"):
        load_scenario(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 300_000, encoding="utf-8")
    with pytest.raises(UsageError, match="expected at most 256 KiB; move values into other files"):
        load_scenario(large)


def test_line_endings_and_a_byte_order_mark_change_nothing(folder: Path) -> None:
    """A file from Windows is read as any other."""
    file = folder / "canaryproof.yaml"
    file.write_text(HEAD, encoding="utf-8")
    expected = load_scenario(file)
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())

    assert load_scenario(file) == expected
