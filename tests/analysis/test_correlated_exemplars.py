"""Exemplars lead from a series to the span in which a value was observed, and back."""

import polars as pl
import pytest

from obsnb.analysis.correlated_exemplars import correlate_exemplars
from obsnb.errors import FrameError
from obsnb.schema import EXEMPLARS, SERIES
from tests.analysis.made_up import spans

_ONE = "1" * 32
_SHOP = {"is": f"{_ONE} {'a' * 16} - shop order", "at": (0, 100)}
_STOCK = {"is": f"{_ONE} {'c' * 16} {'a' * 16} stock take", "at": (30, 5)}


def _exemplars(*rows):
    made = [
        {"timestamp": 50_000_000, "metric": "took_bucket", "value": 0.1, "trace_id": _ONE} | row
        for row in rows
    ]
    frame = pl.DataFrame(made, infer_schema_length=None)
    return EXEMPLARS.conform(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))))


def _series(*rows):
    made = [{"timestamp": 0, "metric": "took_bucket", "value": 1.0} | row for row in rows]
    frame = pl.DataFrame(made, infer_schema_length=None)
    return SERIES.conform(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))))


def _row(exemplars, *others):
    return correlate_exemplars(exemplars, *others).row(0, named=True)


def test_an_exemplar_leads_to_the_span_that_it_names():
    row = _row(_exemplars({"span_id": "c" * 16}), spans(_SHOP, _STOCK))
    assert (row["sure"], row["span_name"], row["evidence"]) == ("certain", "take", f"span:{_ONE}/{'c' * 16}")


def test_without_a_span_id_it_leads_to_the_span_of_the_service_that_its_series_is_about():
    row = _row(_exemplars({"job": "prod/shop"}), spans(_SHOP, _STOCK))
    assert (row["by"], row["sure"], row["span_name"]) == ("trace_id", "likely", "order")


def test_a_job_that_is_no_service_does_not_keep_it_from_its_trace():
    row = _row(_exemplars({"job": "scraper"}), spans(_SHOP))
    assert (row["sure"], row["span_name"]) == ("likely", "order")


@pytest.mark.parametrize("trace", [None, "", "9" * 32])
def test_an_exemplar_whose_trace_is_not_here_has_no_span_whatever_ran_then(trace):
    row = _row(_exemplars({"trace_id": trace, "job": "shop"}), spans(_SHOP))
    assert (row["by"], row["sure"], row["span_id"]) == (None, "none", None)


def test_it_belongs_to_every_series_of_its_metric_that_does_not_say_otherwise_the_closest_first():
    series = _series(
        {"series_id": "all"},
        {"series_id": "route", "route": "/a", "service": "shop"},
        {"series_id": "other", "route": "/b"},
        {"series_id": "count", "metric": "took_count", "route": "/a", "pod": "p1"},
        {"series_id": "expression", "metric": "sum by (route) (rate(took_bucket[1m]))", "route": "/a"},
        {"series_id": "else", "metric": "mistook_bucket", "route": "/a"},
        {"series_id": "bucket", "route": "/a", "pod": "p1", "le": "0.5"},
        {"series_id": "zone", "zone": "z1"},
    )
    row = _row(_exemplars({"route": "/a", "pod": "p1"}), None, series)
    assert row["series_ids"] == ["bucket", "count", "expression", "route", "all"]
    assert row["service"] == "shop"


def test_a_recorded_exemplar_belongs_to_the_recorded_series_of_its_labels():
    import obsnb

    obs = obsnb.open_archive("slow-query")
    asked = {"window": obs.window, "scope": obs.scope}
    exemplars, series = (obs.role(role, **asked) for role in ("requests.exemplars", "requests.duration"))
    slow = obs.role("slow.spans", **asked)
    found = correlate_exemplars(exemplars, slow, series)
    assert found["series_ids"].list.len().min() > 0
    kept = found.join(slow.select("trace_id").unique(), on="trace_id", how="semi")
    assert kept.height > 0
    assert set(kept["by"]) == {"trace_id"}
    labels = series.select("series_id", pl.col("endpoint").cast(pl.String)).unique()
    told = pl.concat(
        [found, exemplars.select(pl.col("endpoint").cast(pl.String).alias("own"))], how="horizontal"
    )
    paired = told.explode("series_ids").join(labels, left_on="series_ids", right_on="series_id")
    assert (paired["own"] == paired["endpoint"]).all()


@pytest.mark.parametrize("made", [EXEMPLARS.empty(), _exemplars({})], ids=["none", "one"])
@pytest.mark.parametrize("series", [None, SERIES.empty(), _series({"series_id": "x"})])
def test_every_exemplar_has_a_row_of_the_same_columns(made, series):
    found = correlate_exemplars(made, None, series)
    assert found.height == made.height
    assert found.schema == correlate_exemplars(_exemplars({}), spans(_SHOP)).schema


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_pandas_and_arrow_give_the_same(kind):
    made, series = _exemplars({"job": "shop"}), _series({"series_id": "x"})
    found = correlate_exemplars(*(getattr(f, f"to_{kind}")() for f in (made, spans(_SHOP), series)))
    assert pl.DataFrame(found)["span_name"].to_list() == ["order"]


def test_a_missing_column_is_named():
    with pytest.raises(FrameError) as caught:
        correlate_exemplars(_exemplars({}).select("timestamp", "metric"))
    assert str(caught.value) == (
        "correlate_exemplars needs the column trace_id of EXEMPLARS; the frame has timestamp, metric.\n"
        "Hint: obsnb.schema.EXEMPLARS lists what each column means; rename yours to match."
    )
