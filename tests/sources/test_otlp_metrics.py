"""The metrics in the Collector's files, under Prometheus' names, added up where they count anew."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError
from obsnb.schema import SERIES
from obsnb.sources.otlp import OtlpFiles
from obsnb.sources.wire.exponential import Exponential
from obsnb.sources.wire.otlp_names import label_name, metric_name
from obsnb.timerange import TimeRange
from tests.sources.otlp_writing import (
    BASE,
    SECOND,
    attributes,
    json_file,
    metrics,
    protobuf_file,
    resource,
)

HOUR = TimeRange(BASE, BASE + 3_600 * SECOND)
DELTA, CUMULATIVE = 1, 2


def held(tmp_path, *messages, form=json_file):
    path = tmp_path / "metrics"
    path.write_bytes(form(*messages))
    return OtlpFiles.read(path, conventions=DEFAULT)


def point(at_s, value, flags=0, **own):
    told = {"as_int": value} if isinstance(value, int) else {"as_double": value}
    return NumberDataPoint(
        time_unix_nano=BASE + round(at_s * SECOND), attributes=attributes(**own), flags=flags, **told
    )


def gauge(name, *points, unit=""):
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=points))


def counter(name, *points, temporality=CUMULATIVE, monotonic=True, unit=""):
    held_sum = Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic)
    return Metric(name=name, unit=unit, sum=held_sum)


def rows(frame, *columns):
    """Metric, seconds after the base, value, and some labels, in order."""
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String), pl.col("timestamp").to_physical())
    found = frame.select("metric", "timestamp", "value", *columns).rows()
    return [(metric, (ns - BASE) / SECOND, *rest) for metric, ns, *rest in found]


def samples(source, query):
    return source.samples(query, HOUR).frame


# Names.


@pytest.mark.parametrize(
    ("name", "unit", "how", "expected"),
    [
        ("http.server.request.duration", "s", {}, "http_server_request_duration_seconds"),
        ("http.server.requests", "{request}", {"counter": True}, "http_server_requests_total"),
        ("requests_total", "1", {"counter": True}, "requests_total"),
        ("memory.used", "By", {}, "memory_used_bytes"),
        ("memory_used_bytes", "By", {}, "memory_used_bytes"),
        ("disk.speed", "By/s", {}, "disk_speed_bytes_per_second"),
        ("cpu.utilization", "1", {"gauge": True}, "cpu_utilization_ratio"),
        ("cpu.time", "s", {"counter": True}, "cpu_time_seconds_total"),
        ("humidity", "%", {"gauge": True}, "humidity_percent"),
        ("2xx", "", {}, "_2xx"),
        ("job:rate", "", {}, "job:rate"),
    ],
)
def test_metrics_have_the_names_that_prometheus_gives_them(name, unit, how, expected):
    assert metric_name(name, unit, **how) == expected


@given(st.text(max_size=12))
def test_any_key_becomes_a_label_and_stays_one(key):
    label = label_name(key)
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    assert label_name(label) == label
    assert not label[:1].isdigit()


def test_a_resource_gives_job_instance_well_known_labels_and_target_info(tmp_path):
    of = resource("api", service__namespace="shop", service__instance__id="i-1", host__name="node-3")
    source = held(tmp_path, metrics(gauge("up", point(1, 1)), of=of))
    row = samples(source, "up").with_columns(pl.col(pl.Categorical).cast(pl.String)).row(0, named=True)
    assert {name: row[name] for name in row if name not in SERIES.names} == {
        "instance": "i-1",
        "job": "shop/api",
        "service_instance_id": "i-1",
        "service_name": "api",
        "service_namespace": "shop",
    }
    assert row["service"] == "api"
    assert rows(samples(source, "target_info"), "host_name") == [("target_info", 1.0, 1.0, "node-3")]


# Kinds of points.


@pytest.mark.parametrize("form", [json_file, protobuf_file])
def test_gauges_and_sums_come_as_they_are(form, tmp_path):
    made = metrics(
        gauge("load", point(1, 0.5, cpu="0"), point(2, math.nan, cpu="0"), point(2, math.inf, cpu="1")),
        counter("requests", point(1, 5), point(3, 8)),
        counter("connections", point(1, 4), point(2, 3), monotonic=False),
    )
    source = held(tmp_path, made, form=form)
    load = rows(samples(source, "load"), "cpu")
    assert load[0] == ("load", 1.0, 0.5, "0")
    assert math.isnan(load[1][2])
    assert load[2] == ("load", 2.0, math.inf, "1")
    assert rows(samples(source, "requests_total")) == [
        ("requests_total", 1.0, 5.0),
        ("requests_total", 3.0, 8.0),
    ]
    assert rows(samples(source, "connections")) == [("connections", 1.0, 4.0), ("connections", 2.0, 3.0)]


def test_what_counts_anew_in_each_report_is_added_up_in_order_of_time(tmp_path):
    late, early = (
        metrics(counter("requests", point(at, value), temporality=DELTA)) for at, value in ((20, 3), (10, 5))
    )
    assert rows(samples(held(tmp_path, late, early), "requests_total")) == [
        ("requests_total", 10.0, 5.0),
        ("requests_total", 20.0, 8.0),
    ]


def histogram(*points, temporality=CUMULATIVE):
    inner = Histogram(data_points=points, aggregation_temporality=temporality)
    return Metric(name="latency", unit="s", histogram=inner)


def bucketed(at_s, counts, total=None, **fields):
    return HistogramDataPoint(
        time_unix_nano=BASE + at_s * SECOND,
        count=sum(counts),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=[0.1, 1],
        **fields,
    )


@pytest.mark.parametrize("form", [json_file, protobuf_file])
def test_histograms_become_classic_series_whose_buckets_hold_all_below(form, tmp_path):
    source = held(tmp_path, metrics(histogram(bucketed(1, [1, 2, 3], 7.5))), form=form)
    frame = samples(source, "latency_seconds_bucket")
    assert {(le, value) for _, _, value, le in rows(frame, "le")} == {("0.1", 1.0), ("1", 3.0), ("+Inf", 6.0)}
    assert rows(samples(source, "latency_seconds_count")) == [("latency_seconds_count", 1.0, 6.0)]
    assert rows(samples(source, "latency_seconds_sum")) == [("latency_seconds_sum", 1.0, 7.5)]


def test_a_histogram_without_a_sum_has_no_sum_series(tmp_path):
    source = held(tmp_path, metrics(histogram(bucketed(1, [1, 2, 3]))))
    assert samples(source, "latency_seconds_sum").is_empty()


def test_deltas_of_histograms_are_added_up_bucket_by_bucket(tmp_path):
    made = metrics(histogram(bucketed(1, [1, 0, 0], 0.1), bucketed(2, [0, 2, 0], 1.0), temporality=DELTA))
    frame = samples(held(tmp_path, made), 'latency_seconds_bucket{le="1"}')
    assert rows(frame) == [("latency_seconds_bucket", 1.0, 1.0), ("latency_seconds_bucket", 2.0, 3.0)]


@pytest.mark.parametrize(
    ("name", "counted"),
    [("AGGREGATION_TEMPORALITY_DELTA", [1.0, 3.0]), ("AGGREGATION_TEMPORALITY_CUMULATIVE", [1.0, 2.0])],
)
def test_a_temporality_may_be_told_by_its_name(tmp_path, name, counted):
    made = metrics(histogram(bucketed(1, [1, 0, 0]), bucketed(2, [0, 2, 0]), temporality=DELTA))
    told, times = re.subn(rb'("aggregationTemporality":\s*)1\b', rb'\1"%b"' % name.encode(), json_file(made))
    assert times == 1
    frame = samples(held(tmp_path, form=lambda: told), "latency_seconds_count")
    assert frame["value"].to_list() == counted


def test_summaries_become_quantiles_count_and_sum(tmp_path):
    quantile = SummaryDataPoint.ValueAtQuantile(quantile=0.99, value=2.5)
    one = SummaryDataPoint(time_unix_nano=BASE, count=4, sum=6.0, quantile_values=[quantile])
    source = held(tmp_path, metrics(Metric(name="gc", unit="s", summary=Summary(data_points=[one]))))
    assert rows(samples(source, "gc_seconds"), "quantile") == [("gc_seconds", 0.0, 2.5, "0.99")]
    assert rows(samples(source, "gc_seconds_count")) == [("gc_seconds_count", 0.0, 4.0)]


def exponential(at_s=1, scale=0, offset=0, counts=(1, 2), negative=(), zero=0):
    return ExponentialHistogramDataPoint(
        time_unix_nano=BASE + at_s * SECOND,
        count=sum(counts) + sum(negative) + zero,
        sum=10.0,
        scale=scale,
        zero_count=zero,
        positive={"offset": offset, "bucket_counts": counts},
        negative={"offset": 0, "bucket_counts": negative},
    )


def native(*points, temporality=CUMULATIVE):
    inner = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return metrics(Metric(name="latency", unit="s", exponential_histogram=inner))


@pytest.mark.parametrize("form", [json_file, protobuf_file])
def test_exponential_histograms_become_native_ones(form, tmp_path):
    frame = samples(held(tmp_path, native(exponential(negative=[4], zero=5)), form=form), "latency_seconds")
    assert frame["value"].to_list() == [None]
    found = frame["histogram"][0]
    assert (found["count"], found["sum"]) == (12.0, 10.0)
    assert [tuple(bucket.values()) for bucket in found["buckets"]] == [
        (1, -2.0, -1.0, 4.0),
        (3, -1e-128, 1e-128, 5.0),
        (0, 1.0, 2.0, 1.0),
        (0, 2.0, 4.0, 2.0),
    ]


def test_deltas_of_exponential_histograms_are_added_up_in_the_coarser_buckets(tmp_path):
    made = native(
        exponential(1, scale=0, counts=[1, 2]), exponential(2, scale=1, counts=[1, 1, 1]), temporality=DELTA
    )
    last = samples(held(tmp_path, made), "latency_seconds")["histogram"][1]
    assert [tuple(bucket.values()) for bucket in last["buckets"]] == [(0, 1.0, 2.0, 3.0), (0, 2.0, 4.0, 3.0)]


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(-20, 20), st.integers(-4, 8), st.integers(-10, 8))
def test_coarser_buckets_hold_as_many(counts, offset, scale, coarser):
    one = Exponential.of_point(exponential(scale=scale, offset=offset, counts=counts))
    assert sum(one.coarser(coarser).above.values()) == sum(counts)
    bounds = [(float(low), float(high)) for _, low, high, _ in one.to_wire()["buckets"]]
    assert all(low < high for low, high in bounds)
    assert all(before[1] <= after[0] for before, after in pairwise(bounds))


def test_exemplars_keep_their_trace(tmp_path):
    seen = Exemplar(
        time_unix_nano=BASE + SECOND,
        as_double=0.7,
        trace_id=(1).to_bytes(16, "big"),
        span_id=(2).to_bytes(8, "big"),
        filtered_attributes=attributes(user="u1"),
    )
    for form in (json_file, protobuf_file):
        source = held(tmp_path, metrics(histogram(bucketed(1, [1, 2, 3], 7.5, exemplars=[seen]))), form=form)
        found = source.exemplars('{__name__=~".*_bucket"}', HOUR).frame.row(0, named=True)
        assert (found["metric"], found["value"]) == ("latency_seconds_bucket", 0.7)
        assert (found["trace_id"], found["span_id"]) == ("1".zfill(32), "2".zfill(16))
        assert (found["exemplar.user"], found["service_name"]) == ("u1", "shop")


def test_a_sample_that_comes_again_counts_once_and_is_said(tmp_path):
    source = held(tmp_path, *[metrics(counter("n", point(1, 5), temporality=DELTA))] * 2)
    answer = source.samples("n_total", HOUR)
    assert answer.frame["value"].to_list() == [5.0]
    assert answer.record.warnings == ("1 rows of the files are left out: equal ones are there",)


@pytest.mark.parametrize("again", [6, math.nan])
def test_a_sample_that_comes_again_with_another_value_is_no_repetition(tmp_path, again):
    made = [metrics(gauge("n", point(1, value))) for value in (5.0, again, again)]
    answer = held(tmp_path, *made).samples("n", HOUR)
    assert answer.frame["value"].to_list() == pytest.approx([again], nan_ok=True)
    assert answer.record.warnings == ("1 rows of the files are left out: equal ones are there",)
    assert (answer.record.complete, answer.record.reason) == (
        "no",
        "not everything could be read: 1 samples: others have their series and time, and another value (of "
        "another scope?): these came last",
    )


# On the steps.


def test_a_point_is_the_newest_sample_of_five_minutes_before_it(tmp_path):
    source = held(tmp_path, metrics(gauge("x", point(10, 1.0), point(70, 2.0))))
    answer = source.series("x", TimeRange(BASE, BASE + 500 * SECOND), step_ns=60 * SECOND)
    assert rows(answer.frame) == [
        ("x", 60.0, 1.0),
        *(("x", float(at), 2.0) for at in (120, 180, 240, 300, 360)),
    ]


def test_a_series_that_was_said_to_end_has_no_points_after_it(tmp_path):
    ended = point(90, 0, flags=1)
    source = held(tmp_path, metrics(gauge("x", point(10, 1.0), ended, point(200, 3.0))))
    answer = source.series("x", TimeRange(BASE, BASE + 300 * SECOND), step_ns=60 * SECOND)
    assert rows(answer.frame) == [("x", 60.0, 1.0), ("x", 240.0, 3.0)]


points = st.lists(
    st.tuples(st.integers(0, 900_000), st.floats(-1e6, 1e6), st.sampled_from("ab")),
    min_size=1,
    max_size=20,
    unique_by=lambda one: (one[0], one[2]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points, st.sampled_from([7, 15, 60, 301]))
def test_any_samples_lie_on_the_steps_as_prometheus_looks_for_them(tmp_path, made, step_s):
    given_points = [point(ms / 1_000, value, which=which) for ms, value, which in made]
    source = held(tmp_path, metrics(gauge("x", *given_points)))
    window = TimeRange(BASE, BASE + 1_500 * SECOND)
    frame = source.series("x", window, step_ns=step_s * SECOND).frame
    expected = []
    for which in sorted({which for _, _, which in made}):
        for at in window.grid(step_s * SECOND):
            ms = (at - BASE) // 10**6
            near = [(seen, value) for seen, value, of in made if of == which and ms - 300_000 < seen <= ms]
            if near:
                expected.append(("x", (at - BASE) / SECOND, max(near)[1], which))
    assert rows(frame, "which") == expected


def test_either_encoding_gives_the_same_series(tmp_path):
    made = [
        metrics(histogram(bucketed(1, [1, 2, 3], 7.5))),
        native(exponential()),
        metrics(gauge("x", point(1, 2))),
    ]
    one, two = (
        held(tmp_path, *made, form=form).samples('{job="shop"}', HOUR).frame
        for form in (json_file, protobuf_file)
    )
    assert_frame_equal(one, two, categorical_as_str=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x", ["x"]),
        ('{__name__=~"x|y"}', ["x", "y"]),
        ('y{job="shop"}', ["y"]),
        ('{__name__=~".+", job!="shop"}', ["z"]),
        ('z{nothing=""}', ["z"]),
        ('{"x"}', None),
        ("rate(x[1m])", None),
        ("sum(x)", None),
        ("x[5m]", None),
        ("x + y", None),
    ],
)
def test_selectors_choose_series_and_more_is_refused(query, expected, tmp_path):
    mine, other = (
        metrics(gauge("x", point(1, 1)), gauge("y", point(1, 1))),
        metrics(gauge("z", point(1, 1)), of=resource("cart")),
    )
    source = held(tmp_path, mine, other)
    if expected is not None:
        assert samples(source, query)["metric"].cast(pl.String).to_list() == expected
        return
    with pytest.raises(QueryError) as caught:
        source.series(query, HOUR, step_ns=SECOND)
    assert str(caught.value).startswith("Files do not understand this query from ")
    assert str(caught.value).endswith(
        "Hint: Files are asked for series as they are, such as "
        'http_requests_total{job="api"}; rates and quantiles are computed from the frame.'
    )
