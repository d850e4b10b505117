"""The frames' core columns and digests."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb import schema
from obsnb.errors import FrameError


@pytest.mark.parametrize("kind", schema.BY_KIND.values(), ids=lambda kind: kind.name)
def test_an_empty_frame_has_every_core_column_with_its_type_in_order(kind):
    empty = kind.empty()
    assert empty.height == 0
    assert dict(empty.schema) == kind.dtypes()
    assert tuple(empty.columns) == kind.names


def test_conforming_orders_the_core_fills_what_is_missing_and_keeps_the_rest():
    frame = pl.DataFrame({"namespace": ["a"], "line": ["x"], "timestamp": [5]})
    out = schema.LOGS.conform(frame)
    assert out.columns == [*schema.LOGS.names, "namespace"]
    assert out["timestamp"].dtype == pl.Datetime("ns", "UTC")
    assert out.row(0, named=True)["service"] is None


def test_a_missing_column_is_named_with_what_is_there():
    with pytest.raises(FrameError) as caught:
        schema.LOGS.check(["a"], needs=("timestamp", "line"), what="patterns")
    assert str(caught.value) == (
        "patterns needs the columns timestamp, line of LOGS; the frame has a.\n"
        "Hint: obsnb.schema.LOGS lists what each column means; rename yours to match."
    )


def test_a_label_with_a_core_name_is_kept_beside_the_core_column():
    assert schema.label_column(schema.LOGS, "namespace") == "namespace"
    assert schema.label_column(schema.LOGS, "level") == "label.level"
    assert schema.label_column(schema.LOGS, "label.level") == "label.label.level"


_CELLS = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=1, max_size=8
)


@given(_CELLS, _CELLS)
def test_digests_are_equal_just_where_the_values_are(one, other):
    def bits(values):
        return [None if v is None else ("nan" if math.isnan(v) else repr(v)) for v in values]

    frames = [pl.DataFrame({"v": values}, schema={"v": pl.Float64}) for values in (one, other)]
    assert (schema.digest(frames[0]) == schema.digest(frames[1])) == (bits(one) == bits(other))


def test_a_digest_does_not_depend_on_how_categories_are_numbered():
    one = pl.DataFrame({"a": ["x", "y"]}, schema={"a": pl.Categorical})
    other = pl.DataFrame({"a": ["y", "x"]}, schema={"a": pl.Categorical}).reverse()
    assert schema.digest(one) == schema.digest(other)


def test_a_digest_changes_with_order_column_name_and_nanosecond():
    base = pl.DataFrame({"t": [1, 2]}).with_columns(pl.col("t").cast(pl.Datetime("ns", "UTC")))
    later = base.with_columns(pl.col("t") + pl.duration(nanoseconds=1))
    digests = {schema.digest(f) for f in (base, base.reverse(), base.rename({"t": "u"}), later)}
    assert len(digests) == 4


def test_a_column_name_may_hold_a_nul_byte():
    frame = pl.DataFrame({"a\0b": ["x", "y"]})
    assert schema.digest(frame) != schema.digest(frame.rename({"a\0b": "a"}))
