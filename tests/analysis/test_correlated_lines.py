"""Which span a line belongs to: told by its ids where it has some, by time with doubt, or not at all."""

import polars as pl
import pytest

from obsnb.analysis.correlated_lines import correlate_logs
from obsnb.errors import FrameError
from obsnb.schema import LOGS, SPANS
from tests.analysis.made_up import lines, spans

_ONE, _TWO = "1" * 32, "2" * 32
_SHOP = {"is": f"{_ONE} {'a' * 16} - shop order", "at": (0, 100)}
_PAY = {"is": f"{_ONE} {'b' * 16} {'a' * 16} shop pay", "at": (20, 40)}
_STOCK = {"is": f"{_ONE} {'c' * 16} {'a' * 16} stock take", "at": (30, 5)}


def _of(logs, *made):
    return correlate_logs(logs, spans(*made))


def _row(logs, *made):
    return _of(logs, *made).row(0, named=True)


def _said(row):
    return row["by"], row["sure"], row["candidates"], row["span_name"]


def test_a_line_that_names_its_span_certainly_belongs_to_it_whatever_its_time():
    row = _row(lines((99, "shop", {"trace_id": _ONE, "span_id": "b" * 16})), _SHOP, _PAY)
    assert _said(row) == ("trace_id", "certain", 1, "pay")
    assert row["evidence"] == f"span:{_ONE}/{'b' * 16}"
    assert row["skew"] is None


@pytest.mark.parametrize(("at", "name"), [(0.0105, "order"), (0.0305, "pay"), (0.0805, "order")])
def test_a_line_that_names_its_trace_belongs_to_the_innermost_span_of_its_service_then(at, name):
    row = _row(lines((at, "shop", {"trace_id": _ONE})), _SHOP, _PAY, _STOCK)
    assert _said(row) == ("trace_id", "likely", 1, name)
    assert row["skew"].total_seconds() == 0


def test_an_id_of_64_bits_and_one_in_capitals_name_the_same_trace():
    short = {**_SHOP, "is": f"{'0' * 16}{'ab' * 8} {'a' * 16} - shop order"}
    said = _of(lines((0.01, "shop", {"trace_id": "AB" * 8}), (0.01, "shop", {"trace_id": "ab" * 8})), short)
    assert said["span_name"].to_list() == ["order", "order"]


def test_a_line_written_after_the_only_span_of_its_service_in_the_trace_belongs_to_it():
    row = _row(lines((5.0004, "stock", {"trace_id": _ONE})), _SHOP, _PAY, _STOCK)
    assert _said(row) == ("trace_id", "likely", 1, "take")
    assert row["skew"] is None


def test_where_no_span_of_a_known_trace_fits_the_trace_is_told_and_no_span():
    row = _row(lines((5.0004, "shop", {"trace_id": _ONE})), _SHOP, _PAY)
    assert _said(row) == ("trace_id", "trace", 0, None)
    assert (row["trace_id"], row["evidence"]) == (_ONE, None)


def test_two_spans_at_once_in_the_trace_are_ambiguous_and_the_trace_is_not():
    twin = {**_PAY, "is": f"{_ONE} {'d' * 16} {'a' * 16} shop pay"}
    row = _row(lines((0.0305, "shop", {"trace_id": _ONE})), _SHOP, _PAY, twin)
    assert _said(row) == ("trace_id", "ambiguous", 2, None)
    assert row["trace_id"] == _ONE


def test_a_line_of_nobody_belongs_to_the_innermost_span_of_any_service():
    assert _row(lines((0.0325, None, {"trace_id": _ONE})), _SHOP, _STOCK)["span_name"] == "take"


def test_an_id_that_stands_in_a_spans_attributes_leads_to_its_trace():
    logs = lines((0.0325, "stock", {"request_id": "r-17", "message": "took it"}))
    row = _row(logs, {**_SHOP, "request_id": "r-17"}, {**_STOCK, "request_id": None})
    assert _said(row) == ("correlation_id", "likely", 1, "take")


def test_an_id_of_several_traces_is_ambiguous_where_several_were_at_work():
    other = {"is": f"{_TWO} {'e' * 16} - shop order", "at": (0, 100), "correlation_id": "c-1"}
    logs = lines((0.0305, "shop", {"correlation_id": "c-1"}), (0.1505, "shop", {"correlation_id": "c-1"}))
    first = {**_SHOP, "correlation_id": "c-1"}
    row = _row(logs, first, other)
    assert _said(row) == ("correlation_id", "ambiguous", 2, None)
    assert row["trace_id"] is None
    later = {**other, "at": (140, 100)}
    assert _of(logs, first, later)["trace_id"].to_list() == [_ONE, _TWO]


def test_without_an_id_the_only_trace_at_work_is_possible():
    row = _row(lines((0.0305, "shop", "paying")), _SHOP, _PAY, _STOCK)
    assert _said(row) == ("service_time", "possible", 1, "pay")


def test_without_an_id_two_traces_at_work_are_ambiguous_and_none_is_guessed():
    other = {"is": f"{_TWO} {'e' * 16} - shop order", "at": (10, 100)}
    row = _row(lines((0.0305, "shop", "paying")), _SHOP, other)
    assert _said(row) == ("service_time", "ambiguous", 2, None)
    assert (row["trace_id"], row["evidence"]) == (None, None)


def test_a_crowd_of_traces_is_counted():
    crowd = [{"is": f"{n:032x} {'a' * 16} - shop order", "at": (0, 100)} for n in range(1, 101)]
    row = _row(lines((0.0305, "shop", "paying")), *crowd)
    assert _said(row) == ("service_time", "ambiguous", 100, None)


@pytest.mark.parametrize("fields", [{"trace_id": _TWO}, {"correlation_id": "c-2"}])
def test_a_line_of_another_request_is_not_given_to_the_one_that_was_at_work(fields):
    row = _row(lines((0.0305, "shop", fields)), {**_SHOP, "correlation_id": "c-1"})
    assert _said(row) == (None, "none", 0, None)
    assert row["trace_id"] == fields.get("trace_id")


def test_a_service_that_is_spelt_otherwise_is_the_same():
    made = {**_SHOP, "is": f"{_ONE} {'a' * 16} - shop_api order"}
    assert _row(lines((0.0305, "prod/shop-api", "paying")), made)["span_name"] == "order"


def test_whole_seconds_are_no_finer_than_a_second():
    inside = {**_SHOP, "at": (1400, 100)}
    logs = lines((1, "shop", "paying"), (2, "shop", "paid"))
    assert _of(logs, inside)["sure"].to_list() == ["possible", "none"]
    assert _of(lines((1, "shop", "paying"), (2.5, "shop", "paid")), inside)["sure"].to_list() == ["none"] * 2


def _call(number, ahead):
    return [
        {"is": f"{number:032x} {'a' * 16} - shop order", "at": (1000 * number, 100)},
        {"is": f"{number:032x} {'b' * 16} {'a' * 16} stock take", "at": (1000 * number + 10 + ahead, 80)},
    ]


def test_a_line_stamped_by_another_clock_fits_when_the_services_clock_is_known_to_be_ahead():
    made = [span for number in (1, 2, 3) for span in _call(number, 400)]
    row = _row(lines((2.0305, "stock", "taken")), *made)
    assert _said(row) == ("service_time", "possible", 1, "take")
    assert row["trace_id"] == f"{2:032x}"
    assert row["skew"].total_seconds() == pytest.approx(0.3795, abs=1e-5)
    assert _row(lines((2.6305, "stock", "taken")), *made)["sure"] == "none"


def test_a_negative_duration_counts_as_none_and_a_missing_time_fits_nothing():
    backwards = {**_SHOP, "at": (30, -20)}
    assert _row(lines((0.0255, "shop", "x")), backwards)["sure"] == "none"
    assert _row(lines((0.03, "shop", "x"), (1.5, "shop", "y")), backwards)["sure"] == "possible"
    untimed = spans(_SHOP).with_columns(start=pl.lit(None, SPANS.dtypes()["start"]))
    assert correlate_logs(lines((0.03, "shop", "x")), untimed)["sure"].to_list() == ["none"]


def test_spans_and_lines_that_are_there_twice_change_nothing():
    logs = lines((0.0305, "shop", "paying"), (0.0305, "shop", "paying"))
    twice = _of(logs, _SHOP, _SHOP, _PAY, _PAY)
    assert twice["candidates"].to_list() == [1, 1]


@pytest.mark.parametrize("logs", [LOGS.empty(), lines((0.03, "shop", "x"))], ids=["no line", "a line"])
@pytest.mark.parametrize("made", [(), (_SHOP,)], ids=["no span", "a span"])
def test_every_line_has_a_row_of_the_same_columns(logs, made):
    found = _of(logs, *made)
    assert found.height == logs.height
    assert found.schema == _of(lines((0.03, "shop", "x")), _SHOP).schema


def test_nulls_and_few_columns_are_enough():
    bare = lines((0.0305, "shop", "x")).select("timestamp", "line")
    assert correlate_logs(bare, spans(_SHOP))["sure"].to_list() == ["none"]
    none = bare.with_columns(timestamp=pl.lit(None, LOGS.dtypes()["timestamp"]))
    assert correlate_logs(none, spans(_SHOP))["sure"].to_list() == ["none"]


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_pandas_and_arrow_give_the_same(kind):
    logs = lines((0.0305, "shop", "paying"), (0.0305, "shop", {"trace_id": _ONE}))
    found = correlate_logs(getattr(logs, f"to_{kind}")(), getattr(spans(_SHOP, _PAY), f"to_{kind}")())
    assert type(found).__module__.split(".")[0] == {"arrow": "pyarrow"}.get(kind, kind)
    assert pl.DataFrame(found)["evidence"].to_list() == _of(logs, _SHOP, _PAY)["evidence"].to_list()


def test_spans_need_no_parents():
    made = spans(_SHOP).drop("parent_span_id", "name", "events")
    assert correlate_logs(lines((0.0305, "shop", "x")), made)["sure"].to_list() == ["possible"]


def test_a_missing_column_is_named():
    with pytest.raises(FrameError) as caught:
        correlate_logs(lines((0, "shop", "x")), spans(_SHOP).drop("service"))
    assert str(caught.value) == (
        "correlate_logs needs the column service of SPANS; the frame has trace_id, span_id, "
        "parent_span_id, name, start, duration, events.\n"
        "Hint: obsnb.schema.SPANS lists what each column means; rename yours to match."
    )
