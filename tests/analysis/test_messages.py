"""Messages without their variable parts."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.message_facts import exception_in, without_id
from obsnb.analysis.messages import normalised, short_type


def _normal(*messages):
    return (
        pl.DataFrame({"m": messages}, schema={"m": pl.String}).select(normalised(pl.col("m")))["m"].to_list()
    )


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("'panel_8'", "<*>"),
        (
            "QueuePool limit of size 5 overflow 10 reached, timeout 30.00",
            "QueuePool limit of size <*> overflow <*> reached, timeout <*>",
        ),
        ("upstream timed out after 10s", "upstream timed out after <*>s"),
        ("can't connect to 'db' at 10.0.0.1:5432", "can't connect to <*> at <*>"),
        ("can't find user's panel", "can't find user's panel"),
        ("user user-55 id=4bf92f3577b34da6a3ce929d0e0e4736", "user user-<*> id=<*>"),
        ("order d0eda82f-8f6d-4558-aef8-aa3892276658 gone", "order <*> gone"),
        ("https://example.com/v1/charges/17?x=1&y=2 failed", "https://example.com/v1/charges/<*> failed"),
        ("charge ch_1J2k3L4m5N6o7P8q9R0s failed", "charge ch_<*> failed"),
        ('relation "orders" does not exist', "relation <*> does not exist"),
        ("in [1, 2, 3] and {'a': 'b', 'c': 'd'}", "in [<*>] and {<*>}"),
        ("dial tcp [::1]:5432: connect: refused", "dial tcp <*>: connect: refused"),
        ("2026-11-23T18:00:00.123Z late", "<*> late"),
        ("utf8 x86 http2 stay", "utf8 x86 http2 stay"),
        ("commit 9f2c1ab of 0xdeadbeef", "commit <*> of <*>"),
        ("pod api-7d9f8b6c5d-x2x7q killed", "pod api-<*> killed"),
        ("write to bob@example.com", "write to <*>"),
        ("a  b\n\tc", "a b c"),
        ("Duplicate entry 'it''s' for key 'users.email'", "Duplicate entry <*> for key <*>"),
    ],
)  # fmt: skip
def test_variable_parts_become_wildcards_and_words_stay(message, normal):
    assert _normal(message) == [normal]


@pytest.mark.parametrize(
    "message", ["Request failed with status 500", "HTTP 502", "code: 404", "status_code=503"]
)
def test_an_http_status_that_is_called_one_is_no_variable_part(message):
    assert _normal(message) == [message]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_messages_that_differ_in_numbers_are_equal(one, other):
    template = "took {} ms for user-{} of /api/orders/{}/items"
    assert len(set(_normal(template.format(one, one, one), template.format(other, other, other)))) == 1


@given(st.uuids(), st.from_regex(r"[A-Za-z0-9_ ]{0,20}", fullmatch=True))
def test_ids_and_quoted_text_say_nothing(id, quoted):
    assert _normal(f"no row {id} for '{quoted}'", "no row 1 for 'x'") == ["no row <*> for <*>"] * 2


@given(st.text(max_size=80))
def test_a_normalised_message_is_normal(message):
    once = _normal(message)
    assert _normal(*once) == once


def test_null_stays_null_and_length_is_bounded():
    assert _normal(None, "x " * 1_000)[0] is None
    assert len(_normal("x " * 1_000)[0]) == 400


def test_the_last_part_of_a_type_is_what_all_places_agree_on():
    frame = pl.DataFrame({"t": ["java.lang.NullPointerException", "KeyError", "A::B", "x\\Y", None, "!"]})
    assert frame.select(short_type(pl.col("t")))["t"].to_list() == [
        "NullPointerException", "KeyError", "B", "Y", None, "!",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        ("Exception occurred: KeyError: 'panel_8'", "KeyError", "'panel_8'"),
        (
            "Unhandled exception: java.lang.IllegalStateException: bad",
            "java.lang.IllegalStateException",
            "bad",
        ),
        ("exception raised: ValueError", "ValueError", None),
        (
            "ActiveRecord::RecordNotFound: Couldn't find it",
            "ActiveRecord::RecordNotFound",
            "Couldn't find it",
        ),
        ("Error: connect ECONNREFUSED", "Error", "connect ECONNREFUSED"),
        ("no Error here", None, None),
        ("ErrorCode 3: x", None, None),
    ],
)
def test_exceptions_are_found_in_words(message, kind, said):
    found = pl.DataFrame({"m": [message]}).select(
        *(e.alias(n) for e, n in zip(exception_in(pl.col("m")), "ab", strict=True))
    )
    assert found.row(0) == (kind, said)


@pytest.mark.parametrize(
    ("message", "id", "rest"),
    [
        ("[d0eda82f-8f6d-4558-aef8-aa3892276658] hi", "d0eda82f-8f6d-4558-aef8-aa3892276658", "hi"),
        ("[req-d0eda82f-8f6d-4558-aef8-aa3892276658] hi", "req-d0eda82f-8f6d-4558-aef8-aa3892276658", "hi"),
        ("[4bf92f3577b34da6a3ce929d0e0e4736]hi", "4bf92f3577b34da6a3ce929d0e0e4736", "hi"),
        ("[01ARZ3NDEKTSV4RRFFQ69G5FAV] hi", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "hi"),
        ("[http-nio-8080-exec-1] hi", None, None),
        ("[2026-11-23 18:00:00] hi", None, None),
        ("[", None, None),
        ("[]", None, None),
    ],
)
def test_only_what_looks_like_an_id_is_one(message, id, rest):
    found = pl.DataFrame({"m": [message]}).select(
        *(e.alias(n) for e, n in zip(without_id(pl.col("m")), "ab", strict=True))
    )
    assert found.row(0) == (id, rest)
