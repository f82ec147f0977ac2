"""The YAML that Helm prints becomes objects, and ambiguous or hostile YAML is refused."""

from __future__ import annotations

import pytest

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.model import rendered_yaml
from canaryproof.model.causes import Cause
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.wording.cause_sentences import describe
from tests.unit.stories import CANARY_SERVICE, STABLE

SOURCE = "---\n# Source: upcommerce/templates/thing.yaml\n"
CONFIG = f"{SOURCE}apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"


def test_every_document_keeps_its_source() -> None:
    """Each object has the name of its template."""
    manifests = parse(STABLE + CANARY_SERVICE)

    assert [str(manifest.key) for manifest in manifests] == [
        "Deployment/upcommerce-app",
        "Service/upcommerce-service",
        "Service/upcommerce-canary-service",
    ]
    assert manifests[2].source == "upcommerce/templates/upcommerce-canary-service.yaml"
    assert manifests[2].template == "templates/upcommerce-canary-service.yaml"


def test_empty_documents_are_dropped() -> None:
    """A document without content or with comments only is no object."""
    assert len(parse(f"{SOURCE}# nothing\n---\n{CONFIG}{SOURCE}\n")) == 1


def test_lists_are_flattened() -> None:
    """The items of a List become separate objects of the same template."""
    items = [line.replace("  name", "      name") for line in ("  name: a", "  name: b")]
    text = f"{SOURCE}apiVersion: v1\nkind: List\nitems:\n" + "".join(
        f"  - apiVersion: v1\n    kind: ConfigMap\n    metadata:\n{item}\n" for item in items
    )

    assert [(manifest.name, manifest.template) for manifest in parse(text)] == [
        ("a", "templates/thing.yaml"),
        ("b", "templates/thing.yaml"),
    ]


def test_separators_inside_text_do_not_separate() -> None:
    """Three dashes within a block of text separate no documents."""
    (manifest,) = parse(f"{CONFIG}data:\n  note: |\n    ---\n    # Source: elsewhere/x.yaml\n    more\n")

    assert manifest.body["data"]["note"].endswith("more\n")
    assert manifest.template == "templates/thing.yaml"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{a: x, <<: {a: y}}", "'a' comes before a merge"),
        ("{a: x, <<: [{b: x}, {a: y}]}", "'a' comes before a merge"),
        ("{<<: {a: x, <<: {a: y}}}", "'a' comes before a merge"),
        ("{!!binary aG9zdE5ldHdvcms=: x}", "the tag !!binary"),
        ("{a: !!binary aG9zdA==}", "the tag !!binary"),
        ("!!set {a}", "the tag !!set"),
        ("{a: !!omap [b: x]}", "the tag !!omap"),
        ("{a: !!pairs [b: x]}", "the tag !!pairs"),
        ("{a: !!timestamp 2026-01-01}", "the tag !!timestamp"),
        ("{a: !!map [x]}", "the tag !!map"),
        ("{a: !!seq {x: y}}", "the tag !!seq"),
        ("{a: !!bool x}", "the tag !!bool"),
        ("{a: !!int ''}", "the tag !!int"),
        ("{a: !own x}", "the tag !own"),
        ("{a: 0x" + "f" * 9_000 + "}", "more than 64 bits"),
        ("{a: -18446744073709551616}", "more than 64 bits"),
    ],
)
def test_what_yaml_readers_disagree_about_is_no_object(data: str, message: str) -> None:
    """The reader refuses YAML that Helm's reader may read differently.

    Otherwise the checked objects might differ from the applied ones.
    """
    with pytest.raises(SubmissionError, match=message):
        parse(f"{CONFIG}data: {data}\n")


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("{<<: {a: x}, a: y}", {"a": "y"}),
        ("{b: z, <<: {a: x}}", {"a": "x", "b": "z"}),
        ("{<<: [{a: x}, {a: y, b: z}]}", {"a": "x", "b": "z"}),
        ("{one: &one {a: x}, two: &two {<<: *one, a: y}, three: {<<: [*two, *one]}}", None),
        ("{first: {deep: &deep {<<: {a: x}, a: y}}, then: {<<: *deep}}", None),
        ("{a: !!str 5, b: !!int '5', c: !!float 1}", {"a": "5", "b": 5, "c": 1.0}),
        ("{a: &a x, b: *a}", {"a": "x", "b": "x"}),
        ("{a: 18446744073709551615}", {"a": 2**64 - 1}),
    ],
)
def test_merges_and_tags_that_readers_agree_about_are_read(data: str, read: dict[str, object] | None) -> None:
    """The reader accepts anchors, leading merge keys, and the tags of numbers and text."""
    (manifest,) = parse(f"{CONFIG}data: {data}\n")

    assert read is None or manifest.body["data"] == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(f"{CONFIG}  name: again\n", r"thing.yaml, line 5 .*'name' comes twice", id="duplicate-key"),
        pytest.param(f"{CONFIG} data:\n", r"thing.yaml, line 5 of what it renders to", id="syntax"),
        pytest.param(f"{SOURCE}just text\n", "'just text', which is not a Kubernetes object", id="text"),
        pytest.param(f"{SOURCE}- a\n", "which is not a Kubernetes object", id="list"),
        pytest.param(f"{SOURCE}kind: ConfigMap\n", "without apiVersion and metadata.name", id="incomplete"),
        pytest.param(f"{CONFIG}data: &a\n  b: *a\n", "nested", id="holds-itself"),
        pytest.param(f"{CONFIG}? [a]\n: b\n", "thing.yaml", id="list-as-key"),
        pytest.param(CONFIG + CONFIG, "ConfigMap/settings is there 2 times", id="same-object"),
        pytest.param(f"{SOURCE}{'[' * 5000}", "thing.yaml", id="deep"),
    ],
)
def test_what_is_no_object_is_refused(text: str, message: str) -> None:
    """The message about an invalid document names the template, the line if known, and the fault."""
    with pytest.raises(SubmissionError, match=message):
        parse(text)


def test_aliases_cannot_explode() -> None:
    """The reader refuses aliases that expand to billions of values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]

    with pytest.raises(UnsafeError, match="aliases"):
        parse(CONFIG + "\n".join(lines))


@pytest.mark.parametrize("each", ["{<<: *a0}", "{<<: [*a0]}", "{<<: *a0, b: c}"])
def test_many_merges_cannot_explode(each: str) -> None:
    """The reader refuses many maps that merge the same large one."""
    large = f"a0: &a0 {{{', '.join(f'k{number}: v' for number in range(2_000))}}}\n"

    with pytest.raises(UnsafeError, match="aliases"):
        parse(f"{CONFIG}{large}a1: [{', '.join([each] * 2_000)}]")


def test_texts_cannot_explode() -> None:
    """The reader refuses a long text that many aliases repeat."""
    with pytest.raises(UnsafeError, match="MiB of text; are there aliases"):
        parse(f"{CONFIG}a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 1_000)}]")


def test_many_documents_cannot_explode() -> None:
    """The reader applies its limits to all documents together."""
    values = "{a: &a [x, x, x, x, x, x, x, x, x, x], b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a], c: [*b, *b, *b]}"
    documents = [f"{SOURCE}kind: ConfigMap\napiVersion: v1\nmetadata: {{name: n{each}}}\n" for each in range(1_000)]

    assert len(parse("\n---\n".join(documents))) == len(documents)
    with pytest.raises(UnsafeError, match="values; are there aliases"):
        parse("\n---\n".join(f"{each}data: {values}\n" for each in documents))


def test_merges_cannot_explode() -> None:
    """The reader refuses nested merges at once, before it copies anything.

    Helm prints the files in ``crds`` without parsing them, so that its own limit of aliases does not apply.
    """
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, 16)]

    with pytest.raises(UnsafeError, match="aliases"):
        parse(CONFIG + "\n".join(lines))


@pytest.mark.parametrize("levels", [101, 1_000, 1_900, 100_000])
def test_what_is_nested_without_end_is_refused(levels: int) -> None:
    """The reader refuses deep nesting before it builds objects, because the YAML parser could crash the process."""
    with pytest.raises(UnsafeError, match=r"thing\.yaml renders to .* nested more than 100 levels deep"):
        parse(f"{CONFIG}data: {'[' * levels}{']' * levels}")


@pytest.mark.parametrize("levels", [1_001, 1_900, 100_000])
def test_depth_is_refused_before_what_is_left_open(levels: int) -> None:
    """The reader reports the depth before an unclosed bracket.

    The message therefore does not depend on PyYAML's version: some stop at 1000 levels, and others continue.
    """
    with pytest.raises(UnsafeError, match=r"thing\.yaml renders to .* nested more than 100 levels deep"):
        parse(f"{CONFIG}data: {'[' * levels}")


def test_depth_by_aliases_counts_too() -> None:
    """The reader counts nesting through aliases."""
    lines = ["a0: &a0 [x]", *(f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 2_000))]

    with pytest.raises(UnsafeError, match="nested more than 100 levels"):
        parse(CONFIG + "\n".join(lines))


def test_a_deep_object_is_read() -> None:
    """The reader accepts dozens of levels, as in the schemas of some objects."""
    (manifest,) = parse(f"{CONFIG}data: {'{a: ' * 90}x{'}' * 90}")

    assert manifest.name == "settings"


def test_values_are_what_json_can_hold() -> None:
    """The reader keeps keys and dates as text, as Kubernetes does."""
    (manifest,) = parse(f"{CONFIG}data:\n  8080: web\n  day: 2026-01-01\n")

    assert manifest.body["data"] == {"8080": "web", "day": "2026-01-01"}


def test_merge_keys_are_no_duplicates() -> None:
    """The reader accepts a key that overrides a merged one."""
    (manifest,) = parse(f"{CONFIG}data:\n  <<: {{a: b}}\n  a: c\n")

    assert manifest.body["data"] == {"a": "c"}


def refusal_of(text: str) -> Cause:
    """Return the only cause for which *text* is refused."""
    with pytest.raises(SubmissionError) as caught:
        parse(text)
    cause = caught.value.cause
    assert cause
    assert cause.code == "chart-malformed"
    (fault,) = cause.parts
    assert describe(fault) in caught.value.message
    return fault


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            f"{CONFIG}data: {{a: -18446744073709551616}}\n",
            Cause(
                code="yaml-number-too-large",
                file="templates/thing.yaml",
                line=5,
                detail="the number has more than 64 bits",
            ),
        ),
        (
            f"{CONFIG}data: {{a: !own x}}\n",
            Cause(
                code="yaml-tag",
                file="templates/thing.yaml",
                line=5,
                detail="the tag !own is not one of Kubernetes; leave it out",
            ),
        ),
        (
            f"{CONFIG}data:\n  b: 1\n  a: 1\n  b: 2\n",
            Cause(code="yaml-key-repeated", file="templates/thing.yaml", line=8, detail="the key 'b' comes twice"),
        ),
        (
            f"{CONFIG}data: {{b: x, a: x, <<: {{b: y, a: y}}}}\n",
            Cause(
                code="yaml-malformed",
                file="templates/thing.yaml",
                line=5,
                detail="the key 'a' comes before a merge (<<) that sets it, too; put << first",
            ),
        ),
        (
            "a: 1\na: 2\n",
            Cause(code="yaml-key-repeated", line=2, detail="the key 'a' comes twice"),
        ),
        (
            f"{SOURCE}just text that goes on and on and on, for more than sixty letters in all\n",
            Cause(
                code="not-an-object",
                file="templates/thing.yaml",
                detail="'just text that goes on and on and on, for more than sixty l",
            ),
        ),
        (
            "# Source: shop.yaml\n- a\n",
            Cause(code="not-an-object", file="shop.yaml", detail="['a']"),
        ),
        (
            f"{CONFIG}---\n# Source: upcommerce/templates/other.yaml\n{CONFIG.removeprefix(SOURCE)}",
            Cause(
                code="object-repeated",
                object="ConfigMap/settings",
                count=2,
                file="templates/thing.yaml",
                files=("templates/thing.yaml", "templates/other.yaml"),
            ),
        ),
        (
            f"{CONFIG}data: \x00\n",
            Cause(
                code="not-yaml",
                file="templates/thing.yaml",
                detail=(
                    "unacceptable character #x0000: control characters are not allowed\n"
                    '  in "<unicode string>", position 64'
                ),
            ),
        ),
    ],
)
def test_a_refusal_tells_where_and_why(text: str, cause: Cause) -> None:
    """A refusal names the template, the line in the rendered text, and the fault."""
    assert refusal_of(text) == cause


def test_all_faults_of_a_chart_are_told_at_once() -> None:
    """A refusal lists the faults of all objects."""
    broken = f"{SOURCE}apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: 1\n"

    with pytest.raises(SubmissionError) as caught:
        parse(broken + broken.replace("name: a", "name: b"))

    assert caught.value.cause
    assert [part.object for part in caught.value.cause.parts] == ["Service/a", "Service/b"]


def test_hooks_may_share_a_name_and_so_may_versions_of_an_api() -> None:
    """Hooks may share a name, and so may objects of different API groups."""
    hook = CONFIG.replace("  name", "  annotations: {helm.sh/hook: pre-install}\n  name")
    other = CONFIG.replace("apiVersion: v1", "apiVersion: example.com/v1")

    assert len(parse(hook + hook)) == 2
    assert len(parse(CONFIG + other + hook)) == 3


@pytest.mark.parametrize(
    ("padding", "most"),
    [
        pytest.param("", 34, id="short"),  # there are six other values
        pytest.param("#" * 1_001 + "\n", 20, id="long"),  # keys and end events count as well
    ],
)
def test_as_much_as_the_limits_allow_is_read(padding: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader accepts input at its limits. Input beyond a limit is refused with the template and the limit."""
    monkeypatch.setattr(rendered_yaml, "VALUES_LIMIT", 40)
    monkeypatch.setattr(rendered_yaml, "CHARACTERS_LIMIT", 2 * 2**20)
    monkeypatch.setattr(rendered_yaml, "DEEPEST", 5)
    longest = 2 * 2**20 - len("v1ConfigMapsettings")

    def read(data: str) -> str:
        (manifest,) = parse(f"{CONFIG}{padding}data: {data}\n")
        return manifest.name

    assert read(f"{{a: [{', '.join('x' * most)}]}}") == "settings"
    assert read("x" * longest) == "settings"
    assert read("[[[[x]]]]") == "settings"
    with pytest.raises(UnsafeError, match=r"templates/thing\.yaml renders to more than 40 values"):
        read(f"{{a: [{', '.join('x' * (most + 1))}]}}")
    with pytest.raises(UnsafeError, match=r"templates/thing\.yaml renders to more than 2 MiB of text"):
        read("x" * (longest + 1))
    with pytest.raises(UnsafeError, match=r"templates/thing\.yaml renders to .* nested more than 5 levels deep"):
        read("[[[[[x]]]]]")


def test_what_is_too_much_hints_at_aliases() -> None:
    """The refusal of oversized input mentions aliases as the likely reason."""
    with pytest.raises(UnsafeError) as caught:
        parse(f"{CONFIG}data: [{', '.join('x' * 200_001)}]")

    assert caught.value.hint == "are there aliases (&, *) in it?"


def test_an_item_of_a_list_that_is_no_object_is_refused() -> None:
    """The refusal of an invalid List item names the List's template."""
    listed = f"{SOURCE}apiVersion: v1\nkind: List\nitems: [text]\n"

    assert refusal_of(listed) == Cause(code="not-an-object", file="templates/thing.yaml", detail="'text'")


def test_merges_that_are_too_many_name_their_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal of too many merges names the template, and comes before they are resolved."""
    monkeypatch.setattr(rendered_yaml, "VALUES_LIMIT", 12)

    with pytest.raises(UnsafeError, match=r"templates/thing\.yaml renders to more than 12 values"):
        parse(f"{CONFIG}data: {{a: &a {{b: x, c: x, d: x, e: x}}, f: {{<<: *a}}, g: {{<<: *a}}}}\n")
