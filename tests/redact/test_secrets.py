"""Masking: what is secret goes, what only looks like it stays, and structure is kept."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.redact import Redactor
from obsnb.schema import LOGS, SPANS, dtype

_REDACTOR = Redactor()
redact_text, redact_frame = _REDACTOR.text, _REDACTOR.frame

_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

# Text, what it becomes. Every secret in here contains the letters "s3cr" or is listed in `_GONE`.
MASKED = [
    ("Authorization: Bearer s3cr3t-token-0001", "Authorization: [redacted:authorization]"),
    ("authorization: Basic czNjcjN0OnMzY3IzdA==", "authorization: [redacted:authorization]"),
    (
        'curl -H "Authorization: Bearer s3cr3ts3cr3t" http://api/x',
        'curl -H "Authorization: [redacted:authorization]" http://api/x',
    ),
    (
        'Authorization: Digest username="bob", realm="r", response="s3cr"',
        "Authorization: [redacted:authorization]",
    ),
    (
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=s3cr",
        "Authorization: [redacted:authorization]",
    ),
    (
        "map[Authorization:[Bearer s3cr3t0123456] X:[1]]",
        "map[Authorization:[[redacted:authorization]] X:[1]]",
    ),
    ("Proxy-Authorization: Basic s3cr3t==", "Proxy-Authorization: [redacted:authorization]"),
    ("got bearer s3cr3t0123456789 from the client", "got bearer [redacted:bearer] from the client"),
    (f"session {_JWT} expired", "session [redacted:jwt] expired"),
    ("postgresql://app:s3cr3t@db:5432/shop", "postgresql://app:[redacted:url-password]@db:5432/shop"),
    ("amqp://app:p@s3cr3t@mq/x", "amqp://app:[redacted:url-password]@mq/x"),
    ("redis://:s3cr3t@cache:6379/0", "redis://:[redacted:url-password]@cache:6379/0"),
    ("user=bob password=s3cr3t host=db", "user=bob password=[redacted:password] host=db"),
    ("Server=db;Uid=sa;Pwd=s3cr3t;Timeout=3", "Server=db;Uid=sa;Pwd=[redacted:password];Timeout=3"),
    ("password: s3cr3t", "password: [redacted:password]"),
    ("DB_PASSWORD='s3cr3t'", "DB_PASSWORD='[redacted:password]'"),
    ('passwd="s3cr3t with gaps"', 'passwd="[redacted:password]"'),
    ("{'password': 's3cr3t', 'user': 1}", "{'password': '[redacted:password]', 'user': 1}"),
    (
        "ALTER USER bob WITH PASSWORD 's3cr3t'",
        "ALTER USER bob WITH PASSWORD '[redacted:password]'",
    ),
    ("CREATE USER a IDENTIFIED BY 's3cr3t'", "CREATE USER a IDENTIFIED BY '[redacted:password]'"),
    ("run --db-password s3cr3t --fast", "run --db-password [redacted:password] --fast"),
    ("GET /?access_token=s3cr3t&page=2", "GET /?access_token=[redacted:secret]&page=2"),
    ("GET /blob?sv=1&sig=s3cr3t%3D", "GET /blob?sv=1&sig=[redacted:secret]"),
    ("clientSecret=s3cr3t", "clientSecret=[redacted:secret]"),
    ("x-api-key: s3cr3t0123456", "x-api-key: [redacted:secret]"),
    ("aws_secret_access_key = s3cr/3t+x", "aws_secret_access_key = [redacted:secret]"),
    ("AccountKey=s3cr3t==;EndpointSuffix=x", "AccountKey=[redacted:secret];EndpointSuffix=x"),
    ("Cookie: sid=s3cr3t; theme=s3cr", "Cookie: [redacted:cookie]"),
    ("Set-Cookie: sid=s3cr3t; Path=/; HttpOnly", "Set-Cookie: [redacted:cookie]"),
    ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted:cloud-key] used"),
    ("ghp_" + "s3cr" * 9 + " pushed", "[redacted:cloud-key] pushed"),
    ("xoxb-1234567890-s3cr3t", "[redacted:cloud-key]"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END RSA PRIVATE KEY-----\nafter",
        "[redacted:private-key]\nafter",
    ),
    ("-----BEGIN PRIVATE KEY-----\\ns3cr3t", "[redacted:private-key]"),
]
JSON = [
    ('{"password": "s3cr3t", "user": "bob"}', '{"password": "[redacted:password]", "user": "bob"}'),
    ('{"password": 53127, "n": 1}', '{"password": "[redacted:password]", "n": 1}'),
    ('{"api_key": -5.3e7}', '{"api_key": "[redacted:secret]"}'),
    ('{"token": "s3\\"cr3t", "n": 1}', '{"token": "[redacted:secret]", "n": 1}'),
    ('{"Authorization": ["Bearer s3cr3t"]}', '{"Authorization": ["[redacted:authorization]"]}'),
    ('{"set-cookie": "sid=s3cr3t; Path=/"}', '{"set-cookie": "[redacted:cookie]"}'),
    (
        '{"body": "{\\"client_secret\\": \\"s3cr3t\\", \\"a\\": 1}"}',
        '{"body": "{\\"client_secret\\": \\"[redacted:secret]\\", \\"a\\": 1}"}',
    ),
    ('{"msg": "password=s3cr3t", "n": 1}', '{"msg": "password=[redacted:password]", "n": 1}'),
    ('{"msg": "login with s3: bearer s3cr3t0123456"}', '{"msg": "login with s3: bearer [redacted:bearer]"}'),
]
KEPT = [
    "token=%s",
    "password=%(password)s",
    "password reset requested",
    "FATAL: password authentication failed for user app",
    "tokens: 35",
    '{"input_tokens": 35, "max_tokens": 4096}',
    '{"password": null, "token": true, "secret": ""}',
    '{"password": "%s"}',
    '{"msg": "token=", "level": "info"}',
    '{"msg":"password:","level":"info"}',
    "password=***",
    "password=${DB_PASSWORD} token={token} secret=<secret>",
    "invalid token: unexpected end of input",
    "unexpected token: }",
    "Bearer authentication is required",
    "authorization=failed",
    "Authorization: Bearer %s",
    "postgres://app@db/shop",
    "postgres://app:***@db/shop",
    "postgres://app@db.example.org/shop",
    "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "keyboard=de monkey=3 tokenizer=bpe",
    "eyJust a word.with.dots",
]


@pytest.mark.parametrize(("text", "becomes"), MASKED + JSON)
def test_a_secret_is_masked_and_the_text_around_it_stays(text: str, becomes: str) -> None:
    masked, counts = redact_text(text)
    assert masked == becomes
    assert sum(counts.values()) == 1
    assert "s3cr" not in masked


@pytest.mark.parametrize(("text", "becomes"), JSON)
def test_a_line_of_json_is_json_still(text: str, becomes: str) -> None:
    json.loads(text)
    json.loads(redact_text(text)[0])


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redact_text(text) == (text, {})


@pytest.mark.parametrize("text", [text for text, _ in MASKED + JSON] + KEPT)
def test_frames_are_masked_as_texts_are(text: str) -> None:
    frame, counts = redact_frame(pl.DataFrame({"line": ["before", text, None]}))
    assert (frame["line"].to_list(), counts) == (["before", redact_text(text)[0], None], redact_text(text)[1])


@pytest.mark.parametrize("text", [text for text, _ in MASKED + JSON])
def test_what_is_masked_is_neither_masked_nor_counted_again(text: str) -> None:
    masked, _ = redact_text(text)
    assert redact_text(masked) == (masked, {})


_WORDS = """password token api_key cookie authorization Bearer a 9 eyJabcdef
. :// @ = : " ' \\ , { } [ ] %s null"""
_words = st.sampled_from([*_WORDS.split(), " ", ": ", "-----BEGIN PRIVATE KEY-----"])


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\ufdd0\ufdd1"), max_size=3)


@given(st.lists(_words | _texts, max_size=12).map("".join))
def test_rust_and_python_mask_alike(text: str) -> None:
    frame, counts = redact_frame(pl.DataFrame({"line": [text]}))
    assert (frame["line"][0], counts) == redact_text(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(_json, st.booleans())
def test_any_json_stays_json_of_the_same_shape(value: object, ascii_only: bool) -> None:
    masked, _ = redact_text(json.dumps(value, ensure_ascii=ascii_only))
    assert _shape(json.loads(masked)) == _shape(value)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {redact_text(key)[0]: _shape(inner) for key, inner in value.items()}
    return [_shape(inner) for inner in value] if isinstance(value, list) else None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufdd0\ufdd1"), min_size=1))
def test_the_value_of_a_json_key_that_says_secret_is_always_gone(value: str) -> None:
    masked = json.loads(redact_text(json.dumps({"password": value, "next": value}))[0])
    kept = masked["password"] == value
    assert not kept or redact_text(value)[0] == value  # only a placeholder stays
    assert kept or masked["password"] == "[redacted:password]"


def test_text_is_masked_wherever_a_frame_can_hold_it() -> None:
    attribute = {"key": "db.password", "type": "string", "value": "s3cr3t"}
    frame = pl.DataFrame(
        {
            "label": pl.Series(["token=s3cr3t", "calm", None], dtype=pl.Categorical),
            "attributes": pl.Series([[attribute], [], None], dtype=dtype("attributes")),
            "events": pl.Series(
                [None, [{"time": 1, "name": "log: Bearer s3cr3t0123456", "attributes": [attribute]}], []],
                dtype=dtype("span_events"),
            ),
            "struct": [{"http": {"cookie": "a=s3cr3t"}}, None, {"http": {"cookie": None}}],
            "parsed.client_secret": ["s3cr3t", "", None],
            "tags": [["password=s3cr3t"], None, ["x"]],
            "n": [1, 2, 3],
        }
    )
    masked, counts = redact_frame(frame)
    assert "s3cr" not in masked.write_json()
    assert masked.schema == frame.schema
    assert counts == {"secret": 2, "password": 3, "bearer": 1, "cookie": 1}
    assert masked["attributes"].to_list() == [[attribute | {"value": "[redacted:password]"}], [], None]
    assert masked["parsed.client_secret"].to_list() == ["[redacted:secret]", "", None]
    assert masked["struct"].to_list()[1:] == [None, {"http": {"cookie": None}}]


def test_a_frame_without_secrets_comes_back_as_it_was() -> None:
    for schema in (LOGS, SPANS):
        frame = schema.empty()
        masked, counts = redact_frame(frame)
        assert masked.equals(frame)
        assert masked.schema == frame.schema
        assert counts == {}


def test_what_is_given_is_not_changed() -> None:
    frame = pl.DataFrame({"line": ["password=s3cr3t"], "tags": [["token=s3cr3t"]]})
    redact_frame(frame)
    assert frame.to_dicts() == [{"line": "password=s3cr3t", "tags": ["token=s3cr3t"]}]
