"""The redaction removes credentials from texts and objects, and keeps everything else."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from typing import Any
from urllib.parse import quote

import pytest

from canaryproof.redaction import (
    MARK,
    Redactor,
    environment_values,
    identifiers_of,
    kubeconfig_values,
    object_values,
    redacted,
)

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0.c2lnbmF0dXJl-_x"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7y\nq3Zk9Lx0aVbQ==\n-----END RSA PRIVATE KEY-----"
SECRET = "c4n4ry-Qx7Z"  # noqa: S105  # must not appear in the output


@pytest.mark.parametrize(
    "text",
    [
        f"no way to http://teacher:{SECRET}@proxy.lan:3128: refused",
        f"no way to http://{SECRET}@proxy.lan:3128/",
        f"proxy http://te@cher:p@{SECRET}@proxy.lan",
        f"https://user:a/{SECRET}@registry.lan/v2/",
        f"fatal: unable to access 'https://oauth2:{SECRET}@git.lan/course.git/'",
        f"Authorization: Basic {base64.b64encode(SECRET.encode()).decode()}",
        f"-H 'Authorization: Bearer {SECRET}'",
        f'{{"Proxy-Authorization": "Bearer {SECRET}"}}',
        f"Bearer {SECRET}",
        f"it asked for the password: {SECRET}, twice",
        f"token: {SECRET}\nserver: x",
        f'"token": "{SECRET}"',
        f"    client-key-data: {SECRET}",
        f"- name: x\n  password: {SECRET}  # mine",
        f"password='{SECRET} and more'",
        f"--docker-password={SECRET} --docker-username=me",
        f"--token {SECRET}",
        f"CI_JOB_TOKEN={SECRET}",
        f"export AWS_SECRET_ACCESS_KEY={SECRET};",
        f'\\"password\\": \\"{SECRET}\\"',
        f"curl -u me:{SECRET} https://x",
        f"kubectl create secret generic x --from-literal=anything={SECRET}",
        f"GET /v2/?access_token={SECRET}&x=1",
        f"dbPassword: {SECRET}",
        f'"auth": "{SECRET}"',
        f"kind: Secret\nmetadata:\n  name: x\nstringData:\n  url: {SECRET}\n  more: |\n    {SECRET}\n",
        f"apiVersion: v1\nkind: Secret\ndata: {{url: {SECRET}}}\n",
        f'{{"kind":"Secret","data":{{"url":"{SECRET}"}}}}',
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n",
        f"-----BEGIN OPENSSH PRIVATE KEY----- {SECRET} -----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_credentials_are_recognized_by_their_shape(text: str) -> None:
    """The redaction removes text in the form of a credential, keeps the rest, and changes nothing if applied again."""
    clean = redacted(text)

    assert SECRET not in clean
    assert base64.b64encode(SECRET.encode()).decode() not in clean
    assert MARK in clean
    assert redacted(clean) == clean


@pytest.mark.parametrize(
    "text",
    [JWT, PEM, base64.b64encode(PEM.encode()).decode(), base64.b64encode(JWT.encode()).decode()],
    ids=["token", "key", "key in Base64", "token in Base64"],
)
@pytest.mark.parametrize("around", ["{}", "it said: {}", '{{"x": "{}"}}'])
def test_tokens_and_keys_are_removed_whole(text: str, around: str) -> None:
    """The redaction replaces whole JSON Web Tokens and private keys by the marker, also in Base64."""
    assert redacted(around.format(text)) == around.format(MARK if "\n" not in text else redacted(text))
    assert not set(text.split()) & set(redacted(text).split())


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "A_",
        "QUJD",
        "http://a:",
        "password",
        "token: ",
        "eyJ",
        "eyJ-",
        "--a-",
        ".",
        " ",
        '\\"',
        '"password": "',
        "-a",
    ],
)
def test_hostile_text_takes_little_time(piece: str) -> None:
    """The redaction takes time in proportion to the length of a hostile text."""
    text = f"password{piece * (100_000 // len(piece))} PRIVATE KEY @ token= -----END PRIVATE KEY-----"
    began = time.process_time()
    redacted(text)

    assert time.process_time() - began < 5


def test_a_chart_with_many_secrets_does_not_slow_down_every_text() -> None:
    """The redaction takes little time for a text without any of many secret values."""
    redactor = Redactor(f"v{number:07d}-{number}" for number in range(20_000))
    began = time.process_time()
    clean = [redactor.cut_text(f"{'word ' * 300}{number}") for number in range(100)]

    assert time.process_time() - began < 5
    assert clean[7].endswith("word 7")
    assert redactor.text("a v0000007-7 b") == f"a {MARK} b"


def test_the_rest_of_a_key_that_was_cut_is_removed() -> None:
    """The redaction removes the rest of a private key whose beginning was cut from a log."""
    assert redacted("AbCdEfGhIjKlMnOpQr\n" + PEM[52:] + "\nbye") == f"{MARK}\n\n\nbye"


@pytest.mark.parametrize(
    "text",
    [
        "token: none",
        "password: required",
        "the password: at least 8 characters",
        "spec.password: Invalid value",
        "found unexpected token: foo-bar",
        "exit code 1 (Error), twice, the second time 3.2 s after the upgrade",
        "https://registry.lan:5000/v2/course/app@sha256:0123456789abcdef",
        "http://[::1]:8080/path@v1",
        "docker.io/course/app:1.0@sha256:" + "0123456789abcdef" * 4,
        "sha256:" + "0123456789abcdef" * 4,
        'MountVolume.SetUp failed for volume "x" : secret "checkout-token" not found',
        "couldn't find key password in Secret shop/checkout-credentials-v2",
        'secrets "upcommerce-token" is forbidden: User "x" cannot get resource "secrets" in API group ""',
        'Www-Authenticate: Bearer realm="https://auth.lan/token",service="registry.lan",scope="repository:a:pull"',
        "Bearer authentication is required",
        "Basic authentication",
        "helm upgrade upcommerce ./upcommerce --namespace upcommerce-x --reset-values",
        "kubectl --kubeconfig /root/.kube/config --token-file /tmp/x get secrets",
        "password: {{ .Values.password }}",
        "password: {{ required .Values.password | b64enc }}",
        "kind: Secret\nmetadata:\n  name: x\ndata:\n  url: {{ .Values.url | b64enc }}\n",
        "secretKeyRef:\n  name: db\n  key: password",
        "imagePullSecrets:\n- name: regcred",
        "tokenFile: /var/run/token",
        "client-key: /root/.minikube/client.key",
        "git@git.lan:course/chart.git",
        "ssh://git@git.lan/course.git",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "2026-11-29T23:46:02Z pod upcommerce-canary-5d4f8c9b7-x2x9z: BackOff",
        "http://10.0.0.1:5003/ answered 502",
        "me@example.com wrote this",
        "monkey=banana",
        "token bucket: 5 per second",
        "$(PASSWORD) is not set; PASSWORD=${PASSWORD}",
        "app=upcommerce-canary,tier=web",
    ],
)
def test_ordinary_messages_stay(text: str) -> None:
    """The redaction keeps names, digests, exit codes, references to Secrets and templates."""
    assert redacted(text) == text
    assert Redactor(["something-else"]).text(text) == text


def _ways(value: str) -> dict[str, str]:
    plain = value.encode()
    return {
        "plain": value,
        "JSON": json.dumps({"x": value}),
        "URL": f"https://x/?y={quote(value, safe='')}",
        "Base64": base64.b64encode(plain).decode(),
        "URL-safe Base64": base64.urlsafe_b64encode(plain).decode(),
        "behind one byte": base64.b64encode(b"u" + plain + b"\n").decode(),
        "behind two bytes": base64.b64encode(b"u:" + plain + b"more").decode(),
        "in an account": base64.b64encode(b"someone:" + plain).decode(),
    }


@pytest.mark.parametrize("seed", range(30))
def test_a_known_value_is_found_however_it_is_written(seed: int) -> None:
    """The redaction finds a known value as plain text, in JSON, in a URL, and in Base64 at any offset."""
    chance = random.Random(seed)  # noqa: S311  # only test inputs
    value = "".join(chance.choices(string.ascii_letters + string.digits + "+/=!$ \"'%&#@:", k=chance.randint(12, 60)))
    value = f"k{value}7"
    redactor = Redactor([value])
    for way, text in _ways(value).items():
        clean = redactor.text(f"before {text} after")
        assert clean.startswith("before "), way
        assert clean.endswith(" after"), way
        for hidden in _ways(value).values():
            core = hidden[4:-4]
            assert core not in clean or core in '{"x": "https://x/?y=', way


def test_a_short_value_is_found_as_a_word_only() -> None:
    """The redaction removes a short value only as a whole word."""
    redactor = Redactor(["hunter2"])

    assert redactor.text("password=hunter2, hunter20, xhunter2: hunter2.") == (
        f"password={MARK}, hunter20, xhunter2: {MARK}."
    )


@pytest.mark.parametrize("size", [4_096, 4_097, 8_193, 50_000])
def test_a_long_value_is_removed_as_a_whole(size: int) -> None:
    """The redaction removes a value of thousands of characters as a whole, such as a key store."""
    value = "".join(random.Random(size).choices(string.ascii_letters, k=size))  # noqa: S311  # not a real secret
    redactor = Redactor(object_values([{"kind": "Secret", "stringData": {"store": value}}]))

    left = redactor.text(f"it has {value} in it").removeprefix("it has ").removesuffix(" in it")

    assert left.replace(MARK, "") == ""


def test_a_value_that_was_cut_is_removed_too() -> None:
    """The redaction removes a value that is cut at the beginning or the end of a text."""
    redactor = Redactor(["s3cr3t-value-of-the-shop"])

    middle = f" and {'more ' * 300}... then "

    assert redactor.cut_text(f"of-the-shop{middle}s3cr3t-value-of") == f"{MARK}{middle}{MARK}"
    assert redactor.cut_text("of-the-shop") == "of-the-shop"


def test_environment_values() -> None:
    """The redaction knows the values of variables named like secrets and accounts in URLs, but no paths or switches."""
    environment = {
        "CI_JOB_TOKEN": "glcbt-0001",
        "db_password": "s3same",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
        "GOOGLE_APPLICATION_CREDENTIALS": "/home/ci/key.json",
        "TOKENIZERS_PARALLELISM": "false",
        "SSH_AUTH_SOCK": "/run/ssh-1/agent.1",
        "PWD": "/builds/course",
        "KEYBOARD": "querty-german",
        "https_proxy": "ci:pr%40xy-pass@proxy.lan:3128",
        "LANG": "en_GB.UTF-8",
        "DEPLOY_KEY": PEM,
    }
    found = environment_values(environment)

    assert {"glcbt-0001", "s3same", "wJalrXUtnFEMI/K7MDENG", "pr%40xy-pass", "pr@xy-pass"} <= found
    assert "MIIEowIBAAKCAQEA7y" in found
    assert not found & {"false", "/home/ci/key.json", "/builds/course", "querty-german", "/run/ssh-1/agent.1"}


def test_kubeconfig_values() -> None:
    """The redaction knows a kubeconfig's tokens, passwords, keys and command environments, but no names or servers."""
    key = base64.b64encode(PEM.encode()).decode()
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://u:passw0rd-u@api.lan", "proxy-url": "http://x"}}],
        "users": [
            {
                "name": "teacher",
                "user": {
                    "token": "static-token-1",
                    "password": "letmein",
                    "client-key-data": key,
                    "client-certificate-data": "Y2VydGlmaWNhdGU=",
                    "exec": {"command": "aws", "env": [{"name": "AWS_SECRET", "value": "exec-secret-1"}]},
                },
            }
        ],
    }
    found = kubeconfig_values(document)

    assert {"static-token-1", "letmein", key, "exec-secret-1", "passw0rd-u"} <= found
    assert not found & {"teacher", "aws", "Y2VydGlmaWNhdGU=", "https://u:passw0rd-u@api.lan"}


def _secret(**data: str) -> dict[str, Any]:
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-db"}, "data": encoded}


def test_the_data_of_secrets_is_withheld_and_a_change_is_still_seen() -> None:
    """The redaction replaces a Secret's data by a digest that shows changes and differs in every run."""
    one, other = Redactor(), Redactor()
    first, again, changed = (one.body(_secret(password=each)) for each in ("aaaaaa", "aaaaaa", "bbbbbb"))

    assert first == again != changed
    assert first["data"]["password"].startswith(MARK)
    assert first["metadata"] == {"name": "shop-db"}
    assert other.body(_secret(password="aaaaaa")) != first  # noqa: S106  # a test value
    assert one.body(first) == first


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"kind": "List", "items": [it]}, lambda it: {"spec": it}])
def test_secrets_inside_of_objects_are_withheld(wrap: Any) -> None:
    """The redaction also removes a Secret's data from lists, custom resources and kubectl's annotation."""
    body = {**_secret(url="postgres-dsn-1"), "stringData": {"n": 5, "x": "plain-value"}}
    body["metadata"] = {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": str(body)}}
    text = json.dumps(Redactor().body(wrap(body)))

    assert not any(each in text for each in ("plain-value", body["data"]["url"], "postgres-dsn-1"))


def test_known_values_in_objects_are_removed_and_identifiers_stay() -> None:
    """The redaction removes known values from objects, but keeps every name, label, image and state that checks use."""
    pod = {
        "kind": "Pod",
        "metadata": {
            "name": "Deployment",
            "labels": {"app": "CrashLoopBackOff"},
            "annotations": {"name": "canary-value"},
        },
        "spec": {
            "containers": [
                {
                    "name": "canary-value",
                    "image": "canary-value:1",
                    "args": ["--dsn=x://canary-value"],
                    "env": [{"name": "canary-value", "value": "canary-value"}],
                }
            ]
        },
        "status": {
            "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "canary-value"}}}]
        },
    }
    clean = Redactor(["canary-value", "CrashLoopBackOff", "Deployment"]).body(pod)

    assert clean["kind"] == "Pod"
    assert clean["metadata"]["name"] == "Deployment"
    assert clean["metadata"]["labels"] == {"app": "CrashLoopBackOff"}
    assert clean["metadata"]["annotations"]["name"].startswith(MARK)
    (container,) = clean["spec"]["containers"]
    assert (container["name"], container["image"]) == ("canary-value", "canary-value:1")
    assert "canary-value" not in container["args"][0]
    assert container["env"][0]["name"] == "canary-value"
    assert container["env"][0]["value"].startswith(MARK)
    assert clean["status"]["containerStatuses"][0]["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": MARK,
    }
    assert Redactor(["else-value"]).body(pod) is pod


def test_object_values() -> None:
    """The redaction knows a Secret's data decoded and encoded, with parts of files, but no values that are names."""
    docker = json.dumps(
        {"auths": {"registry.lan": {"username": "someone", "password": "d0cker-pass", "auth": "c29tZW9uZQ=="}}}
    )
    secret = _secret(
        password="s3same!",  # noqa: S106  # a test value
        file="A=1\nDB_URL=postgres://u:url-pass@db/x\n",
        docker=docker,
        user="upcommerce-app",
    )
    found = object_values(
        [{"items": [secret]}], identifiers_of([{"kind": "Pod", "metadata": {"name": "upcommerce-app-1"}}])
    )

    assert {"s3same!", "d0cker-pass", "url-pass", "postgres://u:url-pass@db/x", secret["data"]["password"]} <= found
    assert "upcommerce-app" not in found
