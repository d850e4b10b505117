"""A column's named fields: by polars or by `re`, the outcome is one and the same."""

from __future__ import annotations

from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.redact import Policy, Redactor
from obsnb.redact.field_columns import sub_fields
from obsnb.redact.fields import Fields

_NAMES = ("user_id", "userId", "user", "customer.id")
_FIELDS = Fields.of("user", _NAMES)
#: What texts are made of: names, all that stands between a name and its value, values, and what ends them.
_BETWEEN = ('"', '\\"', '\\\\"', "'", "=", ":", ": ", " = ", " ", "\t", ",", "&", "\n", "}", ";", "\\")
_VALUES = ("ada", "4711", "-1.5e3", "a.id", "u.name", "ada@example.org", "é", "\u0665", "a" * 170, "5" * 170)
_NONE = ("null", "<user>", "-", "?", "{x}", "[user:0123456789ab]", "[redacted:user]")
_PIECES = st.sampled_from((*_NAMES, "USER", "my_user", "x-user", *_BETWEEN, *_VALUES, *_NONE))
_TEXTS = st.lists(_PIECES, max_size=14).map("".join)


def _by_re(text: str) -> tuple[str, int]:
    found: Counter[str] = Counter()

    def act(kind: str, value: str) -> str:
        made = _put(value)
        found[kind] += made != value
        return made

    return _FIELDS.sub(text, act), found["user"]


def _put(value: str) -> str:
    return value if value.startswith("[") else f"[user:{len(value)}]"


@given(st.lists(_TEXTS, max_size=5))
@settings(max_examples=600, deadline=None)
def test_a_column_becomes_what_its_texts_become_one_by_one(texts: list[str]) -> None:
    done, left, counts = sub_fields(_FIELDS, pl.Series("line", texts, dtype=pl.String), _put)
    for place, (text, made) in enumerate(zip(texts, done, strict=True)):
        assert made == (text if place in left else _by_re(text)[0])
    whole = sum(_by_re(text)[1] for place, text in enumerate(texts) if place not in left)
    assert counts["user"] == whole


@given(st.lists(_TEXTS, max_size=4), st.sampled_from(["pseudonym", "mask", "remove"]))
@settings(max_examples=150, deadline=None)
def test_a_frame_is_redacted_as_its_texts_are(texts: list[str], action: str) -> None:
    redactor = Redactor(Policy.of_table({"user": action}), key=b"only of this test")
    frame, counts = redactor.frame(pl.DataFrame({"line": texts}, schema={"line": pl.String}))
    one_by_one = [redactor.text(text) for text in texts]
    assert frame["line"].to_list() == [text for text, _ in one_by_one]
    assert counts.get("user", 0) == sum(found.get("user", 0) for _, found in one_by_one)


_KEYS = st.sampled_from([None, "", "note", "service.version", "trace_id", "enduser.id", "db.password"])
_LOOKED_AT = (
    st.none() | _TEXTS | st.sampled_from(["81.2.69.142", "4111111111111111", "ada@example.org", "0a" * 16])
)


@given(st.lists(st.tuples(_KEYS, _LOOKED_AT), max_size=8))
@settings(max_examples=150, deadline=None)
def test_values_beside_their_key_become_what_a_column_of_that_name_becomes(
    pairs: list[tuple[str | None, str | None]],
) -> None:
    redactor = Redactor(key=b"only of this test")
    pair = pl.Struct({"key": pl.String, "value": pl.String})
    attributes = [[{"key": key, "value": value} for key, value in pairs]]
    frame, _ = redactor.frame(pl.DataFrame({"attributes": attributes}, schema={"attributes": pl.List(pair)}))
    told = [one["value"] for one in frame["attributes"].to_list()[0]]
    for key in {key for key, _ in pairs}:
        places = [place for place, (one, _) in enumerate(pairs) if one == key]
        column = pl.DataFrame(
            {key or "": [pairs[place][1] for place in places]}, schema={key or "": pl.String}
        )
        assert [told[place] for place in places] == redactor.frame(column)[0].to_series().to_list()


def test_the_usual_shapes_leave_nothing_to_look_at_one_by_one() -> None:
    usual = pl.Series(
        "line",
        [
            '{"user_id": "ada", "took": 3}',
            '{"user_id":4711,"user":"ada"}',
            "GET /?userId=ada&page=2",
            "level=info user=ada",
            '{"message": "{\\"user\\": \\"ada\\"}"}',
            "no name that has a value: the user went",
        ],
    )
    done, left, counts = sub_fields(_FIELDS, usual, lambda _: "X")
    assert left.to_list() == []
    assert done.to_list() == [
        '{"user_id": "X", "took": 3}',
        '{"user_id":"X","user":"X"}',
        "GET /?userId=X&page=2",
        "level=info user=X",
        '{"message": "{\\"user\\": \\"X\\"}"}',
        "no name that has a value: the user went",
    ]
    assert counts == {"user": 6}


def test_what_only_re_can_tell_is_left_as_it_is() -> None:
    unusual = ["user='a b'", "user: 5", "Müller, user=ada", "user=user_id=5", 'user="a"', "o.user=u.id"]
    texts = pl.Series("line", unusual)
    done, left, counts = sub_fields(_FIELDS, texts, lambda _: "X")
    assert (done.to_list(), sorted(left), counts) == (unusual, list(range(6)), {})
