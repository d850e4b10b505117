"""Whom a transport trusts, and who it says it is."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obsnb.errors import SettingsError, UnreachableError
from obsnb.sources.refusals import refusal
from obsnb.transport.exchange import Request
from obsnb.transport.http import HttpTransport
from tests.requirements import require
from tests.transport.conftest import Loopback, Talk

Serve = Callable[..., Loopback]
Connect = Callable[..., HttpTransport]

ASK = Request("/ready")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, what it signed for a server and a client, and another authority."""
    openssl = require("openssl")
    folder = tmp_path_factory.mktemp("keys")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    new = (
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    )
    for name in ("ca", "other"):
        run(*new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    for name, alternative in (
        ("server", "IP:127.0.0.1"),
        ("wrong", "DNS:wrong.example"),
        ("client", "DNS:me"),
    ):
        more = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={alternative}")
        more += ("-addext", "basicConstraints=critical,CA:FALSE")
        run(*new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", *more)
    return folder


@pytest.fixture
def contexts(keys: Path) -> Callable[..., ssl.SSLContext]:
    def make(name: str = "server", *, clients: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / f"{name}.pem", keys / f"{name}.key")
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(keys / "ca.pem")
        return context

    return make


def hello(talk: Talk, _: int) -> None:
    talk.reply(200, b"hello")


def test_a_server_is_trusted_that_the_given_authority_signed(
    serve: Serve, connect: Connect, keys: Path, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts())
    assert connect(server.url, ca_file=str(keys / "ca.pem")).send(ASK).body == b"hello"


def test_an_unknown_authority_is_not_trusted_and_not_asked_again(
    serve: Serve, connect: Connect, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts())
    with pytest.raises(UnreachableError) as error:
        connect(server.url).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} is not trusted: unable to get local issuer certificate.\n"
        "Hint: Name the file of the authority that signed its certificate: OBSNB_LOKI_CA_FILE, or ca_file in "
        "obsnb.toml."
    )
    assert server.asked == []


def test_another_authority_given_is_not_the_right_one(
    serve: Serve, connect: Connect, keys: Path, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts())
    with pytest.raises(UnreachableError) as error:
        connect(server.url, ca_file=str(keys / "other.pem")).send(ASK)
    assert "is not trusted: unable to get local issuer certificate" in str(error.value)


def test_a_certificate_for_another_name_is_not_trusted(
    serve: Serve, connect: Connect, keys: Path, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts("wrong"))
    with pytest.raises(UnreachableError) as error:
        connect(server.url, ca_file=str(keys / "ca.pem")).send(ASK)
    assert error.value.what == (
        f"loki at {server.url} is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'."
    )


def test_who_says_verify_false_trusts_anybody(
    serve: Serve, connect: Connect, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts("wrong"))
    assert connect(server.url, verify=False).send(ASK).body == b"hello"


def test_a_client_certificate_is_shown_where_one_is_wanted(
    serve: Serve, connect: Connect, keys: Path, contexts: Callable[..., ssl.SSLContext]
) -> None:
    server = serve(hello, contexts(clients=True))
    files = {"client_cert": str(keys / "client.pem"), "client_key": str(keys / "client.key")}
    assert connect(server.url, ca_file=str(keys / "ca.pem"), **files).send(ASK).body == b"hello"


def test_without_a_client_certificate_the_error_says_that_one_may_be_wanted(
    serve: Serve, connect: Connect, keys: Path, contexts: Callable[..., ssl.SSLContext]
) -> None:
    context = contexts(clients=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where it is said within the handshake
    server = serve(hello, context)
    with pytest.raises(UnreachableError) as error:
        connect(server.url, ca_file=str(keys / "ca.pem")).send(ASK)
    assert error.value.what.startswith(f"loki at {server.url} ended the TLS handshake (")
    assert error.value.hint == (
        "It may want a client certificate: OBSNB_LOKI_CLIENT_CERT and OBSNB_LOKI_CLIENT_KEY."
    )


def test_https_to_a_server_without_tls_is_said(serve: Serve, connect: Connect) -> None:
    server = serve(hello)
    url = server.url.replace("http:", "https:")
    with pytest.raises(UnreachableError) as error:
        connect(url).send(ASK)
    assert str(error.value) == (
        f"loki at {url} does not speak TLS at this port.\n"
        "Hint: Write http:// in OBSNB_LOKI_URL or obsnb.toml."
    )


def test_http_to_a_server_of_go_with_tls_is_said(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(400, b"Client sent an HTTP request to an HTTPS server.\n"))
    error = refusal(connect(server.url).send(ASK), source="loki", kind="loki")
    assert error.hint == "Write https:// in this source's URL (OBSNB_LOKI_URL)."


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"ca_file": "none.pem"}, "ca_file of loki, none.pem: it, or the key's file, is not there."),
        (
            {"ca_file": "ca.key"},
            "ca_file of loki, ca.key: it is not a PEM file that can be used, or the key does not belong to "
            "it or has a password.",
        ),
        (
            {"client_cert": "client.pem", "client_key": "other.key"},
            "client_cert of loki, client.pem: it is not a PEM file that can be used, or the key does not "
            "belong to it or has a password.",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    connect: Connect, keys: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], what: str
) -> None:
    monkeypatch.chdir(keys)
    with pytest.raises(SettingsError) as error:
        connect("https://127.0.0.1:9", **settings).send(ASK)
    assert error.value.what == what


def test_a_key_with_a_password_is_refused_rather_than_asked_for_on_the_terminal(
    connect: Connect, keys: Path
) -> None:
    locked = keys / "locked.key"
    words = ("ec", "-in", "client.key", "-aes256", "-passout", "pass:opensesame", "-out", str(locked))
    subprocess.run([require("openssl"), *words], cwd=keys, check=True, capture_output=True)
    with pytest.raises(SettingsError, match="or has a password"):
        connect("https://127.0.0.1:9", client_cert=str(keys / "client.pem"), client_key=str(locked)).send(ASK)
