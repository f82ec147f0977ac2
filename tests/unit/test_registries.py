"""The hosts from which images may be pulled are the registries of a run, at public addresses."""

from __future__ import annotations

import pytest

from canaryproof.model.registries import Endpoint, Grant, Refusal, Registries, endpoint, is_public, registry_of

RUN = Registries.of(
    ["uonyeka/canary:linux-amd64", "registry.lan:5000/app@sha256:0"],
    ["own.lan", "Other.LAN.:8443"],
    "http://mirror.lan:5001",
)


@pytest.mark.parametrize(
    "target",
    [
        "docker.io",
        "registry-1.docker.io:443",
        "AUTH.docker.io.:443",
        "production.cloudflare.docker.com:443",
        "own.lan:443",
        "auth.own.lan",
        "other.lan:8443",
        "registry.lan:5000",
    ],
)
def test_registries_of_the_run_are_granted(target: str) -> None:
    """The registries of the course's images with their related hosts, and those that the user adds, are allowed."""
    answer = RUN.check("https", target)

    assert isinstance(answer, Grant)
    assert answer.configured == (answer.endpoint.host in {"own.lan", "other.lan"})


@pytest.mark.parametrize(
    ("scheme", "target", "code"),
    [
        ("https", "evil.com:443", "registry"),
        ("https", "evildocker.io", "registry"),
        ("https", "docker.io.evil.com", "registry"),
        ("https", "cloudflare.docker.com", "registry"),
        ("https", "own.lan.evil.com", "registry"),
        ("https", "10.0.0.1", "registry"),
        ("https", "2130706433", "registry"),
        ("https", "[::1]:443", "registry"),
        ("https", "own.lan:22", "port"),
        ("https", "docker.io:5000", "port"),
        ("https", "auth.own.lan:8080", "port"),
        ("https", "mirror.lan:5001", "registry"),
        ("http", "own.lan", "scheme"),
        ("http", "mirror.lan", "scheme"),
        ("http", "mirror.lan:5002", "scheme"),
        ("https", "own.lan:99999", "malformed"),
        ("https", "a@own.lan", "malformed"),
        ("https", "own.lan/x", "malformed"),
        ("https", "own.lan%00.evil.com", "malformed"),
        ("https", "", "malformed"),
        ("https", "own..lan", "malformed"),
    ],
)
def test_other_hosts_are_refused(scheme: str, target: str, code: str) -> None:
    """Other hosts are refused with a typed reason, whose sentence is one line of ASCII."""
    answer = RUN.check(scheme, target)

    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert str(answer).isascii()
    assert len(str(answer).splitlines()) == 1


def test_a_mirror_is_asked_as_it_is_configured() -> None:
    """A mirror is asked at the port of its URL, with or without TLS."""
    plain, tls = Registries.of(mirror="http://mirror.lan"), Registries.of(mirror="https://mirror.lan:5443")

    assert plain.check("http", "mirror.lan") == Grant(Endpoint("mirror.lan", 80), configured=True)
    assert plain.check("https", "mirror.lan") == Refusal("registry", "mirror.lan", 443)
    assert tls.check("https", "mirror.lan:5443") == Grant(Endpoint("mirror.lan", 5443), configured=True)
    assert tls.check("http", "mirror.lan:5443") == Refusal("scheme", "mirror.lan", 5443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    """Public addresses are recognised in every notation."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *(
            "::",
            "::0.0.0.0",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        "no address",
    ],
)
def test_other_addresses(address: str) -> None:
    """Loopback, link-local, private, shared, multicast, unspecified and reserved addresses are not public.

    This also holds if an IPv6 address contains them.
    """
    assert not is_public(address)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("busybox", "docker.io"),
        ("uonyeka/canary:linux-amd64", "docker.io"),
        ("registry.lan/app:v1", "registry.lan"),
        ("localhost/app", "localhost"),
        ("host:5000/app@sha256:0", "host:5000"),
        ("app:5000", "docker.io"),
    ],
)
def test_the_registry_of_an_image(image: str, registry: str) -> None:
    """The registry of an image is the first part of its reference, or the default registry."""
    assert registry_of(image) == registry


def test_images_of_other_registries_are_known() -> None:
    """An image of another registry is recognised, and an invalid reference is the image's own fault."""
    assert RUN.has("busybox")
    assert RUN.has("own.lan/x")
    assert RUN.has("a b.c/x")
    assert not RUN.has("elsewhere.lan/x:1")


@pytest.mark.parametrize("text", ["http://x", "x/y", "x:y", "x:0", "a b", "", "x@y", "[1::zz]"])
def test_what_is_no_host_and_port(text: str) -> None:
    """An invalid host or port is reported to the user at once."""
    with pytest.raises(ValueError, match=r"."):
        endpoint(text)


@pytest.mark.parametrize(
    ("refusal", "facts"),
    [
        (Refusal("scheme", "a.lan"), ["plain HTTP to a.lan"]),
        (Refusal("registry", "a.lan"), ["a.lan is not a registry", "--image-registry a.lan"]),
        (Refusal("port", "a.lan", 22), ["port 22 of a.lan", "--image-registry a.lan:22"]),
        (Refusal("address", "a.lan"), ["not public", "--image-registry a.lan"]),
        (Refusal("malformed"), ["the request names no host and port"]),
    ],
)
def test_a_refusal_says_what_would_allow_it(refusal: Refusal, facts: list[str]) -> None:
    """A refusal names the option that would allow the host, because a user sees only the pod's event."""
    assert all(fact in str(refusal) for fact in facts)
    assert not str(refusal).startswith("XX")


def test_an_endpoint_is_written_as_in_a_url() -> None:
    """An endpoint with an IPv6 address is written in brackets, in normalised form."""
    assert str(endpoint("[2001:DB8::0:1]:5000")) == "[2001:db8::1]:5000"
    assert str(endpoint("Registry.LAN.")) == "registry.lan:443"


@pytest.mark.parametrize("port", [1, 65535])
def test_every_port_of_tcp_is_one(port: int) -> None:
    """Every TCP port is valid, from the first to the last."""
    assert endpoint(f"a.lan:{port}") == Endpoint("a.lan", port)


@pytest.mark.parametrize("text", ["a.lan:0", "a.lan:65536", "http://a.lan", ""])
def test_what_is_no_endpoint_is_quoted(text: str) -> None:
    """An error quotes the invalid endpoint and the expected format."""
    with pytest.raises(ValueError, match="is not HOST or HOST:PORT") as caught:
        endpoint(text)

    assert repr(text) in str(caught.value)


def test_what_is_no_name_of_a_host_is_quoted() -> None:
    """An error quotes an invalid host name, such as one with two dots in a row."""
    with pytest.raises(ValueError, match=r"'a\.\.lan' is no host"):
        endpoint("a..lan")


def test_a_mirror_has_the_port_of_its_scheme() -> None:
    """A mirror has its scheme's default port if its URL names none, and no mirror has no port."""
    assert Registries.of(mirror="https://mirror.lan").mirror == Endpoint("mirror.lan", 443)
    assert Registries.of(mirror="http://mirror.lan").mirror == Endpoint("mirror.lan", 80)
    assert Registries.of().mirror is None


def test_the_registry_of_an_image_is_its_first_word() -> None:
    """The registry of an image is its first part, however many parts follow."""
    assert registry_of("registry.lan:5000/team/app:1") == "registry.lan:5000"
    assert registry_of("team/app/part:1") == "docker.io"


@pytest.mark.parametrize("address", ["8.8.8.8%eth0", "2001:4860:4860::8888%eth0"])
def test_the_zone_of_an_address_does_not_count(address: str) -> None:
    """The zone of an IPv6 address, which ``getaddrinfo`` may add, does not matter."""
    assert is_public(address)
