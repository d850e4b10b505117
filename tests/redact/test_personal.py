"""Personal data: what tells of a person goes, what only looks like it stays."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.redact import Policy, Redactor

_MASKS = Redactor(
    Policy.of_table({"email": "mask", "ip": "mask", "private-ip": "mask", "user": "mask", "card": "mask"})
)
_M = {kind: f"[redacted:{kind}]" for kind in ("email", "ip", "private-ip", "user", "card")}

MASKED = [
    ("mail to ada@example.org.", f"mail to {_M['email']}."),
    ("user=ada.b+tag@mail.example.co.uk ok", f"user={_M['email']} ok"),
    ("GET /?email=ada%40example.org&x=1", f"GET /?email={_M['email']}&x=1"),
    ('{"m": "to\\nada@example.org"}', f'{{"m": "to\\n{_M["email"]}"}}'),
    ("from 81.2.69.142:5432 refused", f"from {_M['ip']}:5432 refused"),
    ("http://81.2.69.142/x", f"http://{_M['ip']}/x"),
    ("server: 81.2.69.142", f"server: {_M['ip']}"),
    ("recv 81.2.69.142", f"recv {_M['ip']}"),
    ("db.example.org/81.2.69.142:5432 timed out", f"db.example.org/{_M['ip']}:5432 timed out"),
    ("peer 10.0.3.7 gone", f"peer {_M['private-ip']} gone"),
    ("peer [2a02:ff0::17]:443", f"peer [{_M['ip']}]:443"),
    ("2a02:ff0::17: refused", f"{_M['ip']}: refused"),
    ("::ffff:81.2.69.142 seen", f"{_M['ip']} seen"),
    ("from fe80::1c2d and ::1", f"from {_M['private-ip']} and {_M['private-ip']}"),
    ("card 4111 1111 1111 1111 declined", f"card {_M['card']} declined"),
    ("pan=378282246310005;", f"pan={_M['card']};"),
    ('{"pan": 5555555555554444, "n": 1}', f'{{"pan": "{_M["card"]}", "n": 1}}'),
    ('{"b": "{\\"pan\\": 5555555555554444}"}', f'{{"b": "{{\\"pan\\": \\"{_M["card"]}\\"}}"}}'),
    ('{"pans": [5555555555554444, 1]}', f'{{"pans": ["{_M["card"]}", 1]}}'),
    ('{"user_id": "u-7", "n": 1}', f'{{"user_id": "{_M["user"]}", "n": 1}}'),
    ('{"userId": 77, "n": 1}', f'{{"userId": "{_M["user"]}", "n": 1}}'),
    ('{"b": "{\\"user_id\\": 77}"}', f'{{"b": "{{\\"user_id\\": \\"{_M["user"]}\\"}}"}}'),
    ("USER_ID=u-7 ok", f"USER_ID={_M['user']} ok"),
    ("WHERE o.user_id = 77 AND", f"WHERE o.user_id = {_M['user']} AND"),
    ("app.enduser.id=u-7", f"app.enduser.id={_M['user']}"),
]
KEPT = [
    "git@example.org:team/shop.git",
    "postgres://app@db.example.org/shop",
    "lodash@4.17.21 logo@2x.png getty@tty1.service",
    "version 1.2.3.4, v1.2.3.4, app-version: 1.2.3.4",
    '{"service.version": "1.2.3.4"}',
    "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
    "requests==2.31.0.1 registry/team/app:1.2.3.4",
    "OID 1.3.6.1 and 1.3.6.1.4.1.311",
    "1.2.3.4-rc1 999.1.1.1 01.02.03.04",
    "12:34:56 00:1b:44:11:3a:b7 02:00:5e:ff:fe:10:00:01",
    "std::vector Cafe::Bad dead::beef",
    "order 4111111111111112 at 1764153600123456789",
    "span_id=4111111111111111",
    "id 4000-0000-0000-0000",
    "uuid 55555555-5555-4444-8444-555555554444",
    "ON o.user_id = u.id AND user_id IN ($1)",
    "JOIN x ON o.user_id=u.id",
    "user_id=- user_id=null user_id=%s user_id = $1",
    "superuser_id=5 user_identity=5",
]


@pytest.mark.parametrize(("text", "becomes"), MASKED)
def test_personal_data_goes_and_the_text_around_it_stays(text: str, becomes: str) -> None:
    made, counts = _MASKS.text(text)
    assert made == becomes
    assert sum(counts.values()) == becomes.count("[redacted:")


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert _MASKS.text(text) == (text, {})


@pytest.mark.parametrize("text", [text for text, _ in MASKED if text.startswith("{")])
def test_a_line_of_json_is_json_still(text: str) -> None:
    json.loads(text)
    json.loads(_MASKS.text(text)[0])


@pytest.mark.parametrize("text", [text for text, _ in MASKED] + KEPT)
def test_frames_are_redacted_as_texts_are(text: str) -> None:
    frame, counts = _MASKS.frame(pl.DataFrame({"line": ["before", text, None]}))
    assert (frame["line"].to_list(), counts) == (["before", _MASKS.text(text)[0], None], _MASKS.text(text)[1])


@pytest.mark.parametrize("text", [text for text, _ in MASKED])
@pytest.mark.parametrize("redactor", [_MASKS, Redactor()], ids=["masks", "pseudonyms"])
def test_what_was_redacted_is_neither_redacted_nor_counted_again(redactor: Redactor, text: str) -> None:
    made, _ = redactor.text(text)
    assert redactor.text(made) == (made, {})


_PARTS = st.sampled_from(
    [
        *("ada@example.org", "81.2.69.142", "10.0.0.1", "2a02:ff0::17", "4111111111111111", "user_id", "77"),
        *(":", "=", '"', "\\", " ", ", ", "{", "}", "[", "]", "/", ".", "-", "@", "n", "v", "::", "null"),
    ]
)


@given(st.lists(_PARTS, max_size=10).map("".join))
def test_columns_and_single_texts_are_redacted_alike(text: str) -> None:
    for redactor in (_MASKS, Redactor(key=b"the same key in both")):
        frame, counts = redactor.frame(pl.DataFrame({"line": [text]}))
        assert (frame["line"][0], counts) == redactor.text(text)


_json = st.recursive(
    st.none() | st.integers() | _PARTS | st.sampled_from([4111111111111111, 81]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_PARTS, inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(_json, min_size=1, max_size=3) | st.dictionaries(_PARTS, _json, min_size=1, max_size=3))
def test_any_json_stays_json(value: object) -> None:
    json.loads(_MASKS.text(json.dumps(value))[0])


def test_fields_and_attributes_that_name_a_user_are_redacted_whole_wherever_they_stand() -> None:
    attribute = {"key": "enduser.id", "type": "string", "value": "ada"}
    version = {"key": "service.version", "type": "string", "value": "81.2.69.142"}
    frame = pl.DataFrame(
        {
            "metadata.user_id": ["ada", "-", None],
            "parsed.user.id": [7, None, 8],
            "attributes": [[attribute, version], [], None],
            "tags": [["ada"], None, []],
        }
    )
    made, counts = Redactor(key=b"a key for this test").frame(frame)
    pseudonym = made["metadata.user_id"][0]
    assert pseudonym.startswith("[user:")
    assert made["metadata.user_id"].to_list() == [pseudonym, "-", None]
    assert made["attributes"].to_list() == [[attribute | {"value": pseudonym}, version], [], None]
    assert made["parsed.user.id"].null_count() == 1
    assert made["tags"].to_list() == frame["tags"].to_list()
    assert counts == {"user": 4}


def test_ids_of_digits_alone_are_never_taken_for_card_numbers() -> None:
    frame = pl.DataFrame({"span_id": ["4111111111111111"], "metadata.trace_id": ["4111111111111111"]})
    assert _MASKS.frame(frame)[1] == {}


def test_a_line_that_changed_has_another_id_which_the_line_does_not_give_away() -> None:
    frame = pl.DataFrame(
        {"line": ["calm", "ada@example.org", "ada@example.org"], "row_id": ["00" * 8, "11" * 8, "11" * 8]}
    )
    one, other = (Redactor().frame(frame)[0]["row_id"].to_list() for _ in range(2))
    assert one[0] == other[0] == "00" * 8
    assert one[1] == one[2] != "11" * 8
    assert one[1] != other[1]
    assert len(one[1]) == 16
