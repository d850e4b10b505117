"""Lines of common shapes are read as each would be alone."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.analysis.line_shapes import fields_of_shapes, shape_of
from obsnb.analysis.log_fields import Wanted, decode_objects, fields_of_lines
from obsnb.conventions import DEFAULT
from tests.analysis.incidents import incident

_WANTED = Wanted.of(DEFAULT)
_TIMES = 3  # so often that a shape is looked for

_SCALARS = st.one_of(
    st.text(max_size=6),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["", "1.50", "true", "null", "1m2s", 'a "b"\n', "\ud83d", "\U0001f600", 10**18, 12.5, -0.0, 2e6]
    ),
)
_NAMES = st.sampled_from(
    [
        *(
            "message",
            "msg",
            "level",
            "duration",
            "duration_ms",
            "http_status",
            "trace_id",
            "TraceId",
            "tenantId",
        ),
        *("user", "exception", "sql", "context", "error", "line", 'a "b"', "é", "x.y"),
    ]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=4,
)
# What a decoder may read in its own way, put in place of a value.
_RAW = [
    *(
        "NaN",
        "-0",
        "1e400",
        "-1e-400",
        "1e5",
        "0.00001",
        "01",
        "1.",
        "123456789012345678901",
        "9" * 5_000,
        "0." + "0" * 400 + "1",
    ),
    *(r'"\ud800"', r'"\x"', r'"\u00e9\ud83d\ude00"', '"\t"', '"\x00"', '"\x7f\u2028"', '"', "1 2"),
    *("{}", "[[]]", "tru", "true", "null", "7", "-7.25", '"a", "level": "twice"'),
]


@st.composite
def _texts(draw):
    """Lines of one shape, written in different ways and with now and then another value."""
    line = draw(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=6))
    texts = []
    for _ in range(draw(st.integers(1, 4))):
        like = {n: draw(_VALUES) if type(v) is dict else draw(_SCALARS | st.just(v)) for n, v in line.items()}
        texts.append(
            json.dumps(
                like, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), None]))
            )
        )
        if draw(st.integers(0, 2)) == 0:
            texts.append(
                json.dumps(like | {draw(_NAMES): "\0raw"}).replace(
                    '"\\u0000raw"', draw(st.sampled_from(_RAW))
                )
            )
    return [text.encode("utf-8", "replace").decode() for text in texts]


@settings(max_examples=40)
@given(st.lists(_texts(), min_size=1, max_size=2))
def test_what_is_read_by_shape_is_what_is_read_line_by_line(groups):
    texts = [text for group in groups for text in group]
    found, unread = fields_of_shapes(pl.Series(texts * _TIMES, dtype=pl.String), _WANTED, few=1)
    _assert_same(texts * _TIMES, found, unread)


@pytest.mark.parametrize("like", ['"text"', "12", "12.5", "true", "null", '["a"]'])
@pytest.mark.parametrize("name", ["message", "duration_ms", "unknown"])
def test_a_value_that_decoders_read_in_their_own_ways_is_read_as_everywhere(name, like):
    texts = [f'{{"level":"info","{name}":{value}}}' for value in [like] * 40 + _RAW]
    found, unread = fields_of_shapes(pl.Series(texts), _WANTED, few=1)
    _assert_same(texts, found, unread)


def test_lines_that_the_decoder_refuses_against_the_pattern_are_left_to_be_read_alone(monkeypatch):
    monkeypatch.setattr("obsnb.analysis.line_shapes._SCALAR", "[^,}]*")
    texts = pl.Series(['{"message":"it broke","n":1}'] * 40 + ['{"message":"it broke","n":tru}'])
    found, unread = fields_of_shapes(texts, _WANTED, few=1)
    assert unread.to_list() == list(range(41))
    assert found["message"].null_count() == 41


def _assert_same(texts, found, unread):
    decoded = decode_objects(texts)
    read = np.setdiff1d(np.arange(len(texts)), unread)
    assert all(decoded[at] is not None for at in read)
    assert_frame_equal(found[read], fields_of_lines(decoded, _WANTED)[read], check_exact=True)
    assert found[unread].null_count().sum_horizontal().item() == len(unread) * found.width


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_nearly_all_lines_of_an_incident_are_of_few_shapes(name):
    texts = incident(name).logs["line"]
    found, unread = fields_of_shapes(texts, _WANTED)
    assert texts.gather(unread).str.starts_with("{").sum() < len(texts) // 20
    _assert_same(texts.to_list(), found, unread)


def test_what_no_pattern_could_tell_has_no_shape():
    deep = json.loads('{"a":' * 9 + "1" + "}" * 9)
    wide = {f"field-{at}": at for at in range(100)}
    stack = {"message": "it broke", "stack": ["Error: no", "    at f (/app/a.js:1:2)"]}
    assert [shape_of(line, _WANTED) for line in (deep, wide, stack)] == [None] * 3
