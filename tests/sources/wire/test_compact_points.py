"""Points read as runs of bytes are the points that a reader of JSON finds, whatever the server writes."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.sources.wire import compact_points, prometheus
from obsnb.sources.wire.compact_points import read_points, without_points

_MODULE = "obsnb.sources.wire.prometheus"
_TIMES = st.one_of(
    st.integers(1_795_392_000, 1_795_400_000),
    st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1_000),
    st.sampled_from([0, 0.001, 9, 10, 999_999_999, 1_000_000_000, 1e12, -1, 1e300, 100.0]),
)
_VALUES = st.one_of(
    st.floats().map(repr),
    st.sampled_from(
        ["NaN", "+Inf", "-Inf", "Inf", "1e+06", "0", "-0", "1.", ".5", " 1", "1_0", "", "x", "é"]
    ),
)
_LABELS = st.dictionaries(
    st.sampled_from(["__name__", "job", "values", 'a"b']),
    st.sampled_from(["api", '"values":[[1,"2"]]}', "\\", '["points 0"]', "]]}", ":", "é"]),
)
_SERIES = st.fixed_dictionaries(
    {"metric": _LABELS, "values": st.lists(st.tuples(_TIMES, _VALUES), max_size=5)},
    optional={"histograms": st.just([[1, {"count": "1", "sum": "2", "buckets": [[0, "1", "2", "1"]]}]])},
)
_BODIES = st.lists(_SERIES, max_size=5).map(
    lambda result: _written({"status": "success", "data": {"resultType": "matrix", "result": result}})
)


def _written(reply: Any) -> bytes:
    return json.dumps(reply, separators=(",", ":"), ensure_ascii=False).encode()


def _outcome(body: bytes) -> pl.DataFrame | str:
    """The frame, or that there is none."""
    try:
        return prometheus.decode_matrix(body, query="q", conventions=DEFAULT)
    except msgspec.DecodeError:
        return "unreadable"


def _careful(body: bytes) -> pl.DataFrame | str:
    """The same, value by value."""
    with (
        patch(f"{_MODULE}.without_points", return_value=None),
        patch(f"{_MODULE}.read_points", return_value=None),
    ):
        return _outcome(body)


def _same(one: pl.DataFrame | str, other: pl.DataFrame | str) -> None:
    if isinstance(one, str) or isinstance(other, str):
        assert isinstance(one, str) == isinstance(other, str), (one, other)
    else:
        assert_frame_equal(one, other)


@settings(max_examples=50)
@given(body=_BODIES)
def test_what_is_read_at_once_is_what_is_read_value_by_value(body: bytes) -> None:
    _same(_outcome(body), _careful(body))


@settings(max_examples=100)
@given(body=_BODIES, data=st.data())
def test_a_body_that_was_damaged_is_read_or_refused_as_it_is_value_by_value(body: bytes, data: Any) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    length = data.draw(st.integers(0, 3))
    put = data.draw(st.text('[]{}",:.\\0123eE+-N \n', max_size=3)).encode()
    damaged = body[:at] + put + body[at + length :]
    _same(_outcome(damaged), _careful(damaged))


def test_a_value_that_is_no_text_is_refused_as_no_number() -> None:
    body = _written(
        {"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1, "2é"]]}]}}
    )
    with pytest.raises(msgspec.ValidationError, match=r"^a value is no number: "):
        prometheus.decode_matrix(body.replace("é".encode(), b"\xc3"), query="q", conventions=DEFAULT)


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12), together=st.integers(1, 400))
def test_points_keep_their_series_however_many_are_read_together(sizes: list[int], together: int) -> None:
    runs = [_written([[1_000 + at, str(number)] for at in range(size)]) for number, size in enumerate(sizes)]
    with patch.multiple(compact_points, _TOGETHER=together, _WORTH_THREADS=200):
        points = read_points(runs)
    assert points is not None
    assert points.counts.tolist() == sizes
    assert points.times.tolist() == [1_000 + at for size in sizes for at in range(size)]
    assert points.values.tolist() == [number for number, size in enumerate(sizes) for _ in range(size)]


def test_a_recorded_form_is_read_at_once() -> None:
    body = _written({"data": {"result": [{"metric": {"a": "b"}, "values": [[1, "2"], [3.5, "+Inf"]]}]}})
    apart = without_points(body)
    assert apart is not None
    left, runs = apart
    assert left == b'{"data":{"result":[{"metric":{"a":"b"},"values":["points 0"]}]}}'
    assert {place: bytes(run) for place, run in runs.items()} == {b'["points 0"]': b'[[1,"2"],[3.5,"+Inf"]]'}
    points = read_points(list(runs.values()))
    assert points is not None
    assert (points.times.tolist(), points.values.tolist()) == ([1, 3.5], [2, float("inf")])


@pytest.mark.parametrize(
    "run",
    [
        b'[[1, "2"]]',
        b'[[1,"2"]\n,[3,"4"]]',
        b'[[1,"2"],[3,4]]',
        b'[[1,"2"],3,"4"]]',
        b'[[01,"2"]]',
        b'[[1.,"2"]]',
    ],
)
def test_what_is_not_compact_is_left_to_the_reader_of_json(run: bytes) -> None:
    assert read_points([run]) is None
