"""Whom it hurt, from made-up counters whose truth is known."""

import polars as pl
import pytest

from obsnb.analysis.impact import impact, proportion_p_value
from obsnb.analysis.requests import request_counts
from obsnb.timerange import TimeRange

_S = 10**9
BASELINE, DURING = TimeRange(0, 600 * _S), TimeRange(600 * _S, 1_200 * _S)


def _requests(tenant, status, before, during, *, metric="http_requests_total"):
    """A counter that grows by `before` in the baseline and by `during` afterwards, sampled each minute."""
    values = [before * n / 10 for n in range(11)] + [before + during * n / 10 for n in range(1, 11)]
    return pl.DataFrame(
        {
            "timestamp": [60 * _S * n for n in range(21)],
            "metric": metric,
            "series_id": f"{metric}{tenant}{status}",
            "service": "api",
            "value": values,
            "tenant_id": tenant,
            "status_code": status,
            "endpoint": "/x",
        }
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


@pytest.fixture
def series():
    return pl.concat(
        [
            _requests("red", "200", 1_000, 800),
            _requests("red", "500", 10, 200),
            _requests("blue", "200", 500, 500),
            _requests("blue", "503", 5, 6),
        ]
    )


def _row(frame, measure):
    return frame.filter(pl.col("measure") == measure).row(0, named=True)


def test_requests_and_failures_are_the_counters_own_numbers(series):
    out = impact(series, during=DURING, baseline=BASELINE)
    assert _row(out, "requests")["during"] == pytest.approx(1_506)
    assert _row(out, "requests")["before"] == pytest.approx(1_515)
    assert _row(out, "failed requests")["during"] == pytest.approx(206)
    assert _row(out, "failed requests")["before"] == pytest.approx(15)
    assert _row(out, "duration")["during"] == 10


def test_only_a_tenant_whose_share_of_failures_grew_is_affected(series):
    row = _row(impact(series, during=DURING, baseline=BASELINE), "tenants affected")
    assert row["names"] == ["red"]
    assert row["during"] == 1
    assert row["how"] == "larger share of failed or slow requests than in the baseline (z test), of 2"


def test_requests_that_failed_before_their_tenant_was_known_make_no_tenant_of_that_name(series):
    nobody = pl.concat([series, _requests("unknown", "200", 100, 100), _requests("unknown", "500", 0, 300)])
    row = _row(impact(nobody, during=DURING, baseline=BASELINE), "tenants affected")
    assert (row["names"], row["during"]) == (["red"], 1)
    assert row["how"] == (
        "larger share of failed or slow requests than in the baseline (z test), of 2; "
        "more requests of no known tenant failed or were slow, too"
    )


def test_whom_it_hurt_is_not_known_where_all_that_failed_is_of_no_known_tenant(series):
    nobody = pl.concat(
        [
            *[_requests(name, "200", 100, 100) for name in ("red", "blue")],
            _requests("unknown", "200", 100, 100),
            _requests("unknown", "500", 0, 300),
        ]
    )
    row = _row(impact(nobody, during=DURING, baseline=BASELINE), "tenants affected")
    assert (row["names"], row["during"]) == ([], None)
    assert row["how"] == "not known: the requests that failed or were slow are of no known tenant"


def test_without_a_baseline_no_tenant_is_called_affected(series):
    out = impact(series, during=DURING)
    assert "tenants affected" not in out["measure"].to_list()
    assert _row(out, "requests")["before"] is None


def test_a_service_with_two_counters_of_the_same_requests_is_counted_once(series):
    twice = pl.concat([series, _requests("red", "200", 9e6, 9e6, metric="traces_spanmetrics_calls_total")])
    assert request_counts(twice)["count"].sum() == request_counts(series)["count"].sum()


def test_users_are_counted_once_each_from_error_lines_of_the_incident():
    logs = pl.DataFrame(
        {
            "timestamp": [100 * _S, 700 * _S, 800 * _S, 900 * _S, 950 * _S],
            "line": ["a"] * 5,
            "level": ["error", "error", "error", "info", "error"],
            "parsed.user": ["u0", "u1", "u1", "u2", None],
        }
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    row = _row(impact(logs=logs, during=DURING, baseline=BASELINE), "users who met an error")
    assert (row["during"], row["before"]) == (1, 1)


def test_series_that_count_no_requests_give_the_duration_and_say_that_the_budget_is_unknown():
    other = _requests("red", "200", 1, 1, metric="cpu")
    out = impact(other, during=DURING, baseline=BASELINE)
    assert out["measure"].to_list() == ["duration", "error budget used"]
    assert out["during"].to_list() == [10, None]


def test_the_share_test_is_the_corrected_z_test():
    # By hand: (0.4 - 0.2 - 0.01) / sqrt(0.3 * 0.7 * 2 / 100) = 2.9317, whose upper tail is 0.001685.
    assert proportion_p_value(40, 100, 20, 100) == pytest.approx(0.001685, abs=1e-6)
    assert proportion_p_value(1, 100, 20, 100) == 1.0
    assert proportion_p_value(0, 0, 0, 100) == 1.0


def _counter(metric, before, during, **labels):
    told = dict.fromkeys(("tenant_id", "status_code"))
    series = _requests("", "", before, during, metric=metric).drop(*told)
    series_id = metric + "".join(labels.values())
    return series.with_columns(
        pl.lit(series_id).alias("series_id"), **{k: pl.lit(v) for k, v in labels.items()}
    )


def test_grpcs_codes_that_are_the_servers_fault_count_as_failed():
    numbers = [_counter("rpc_server_duration_milliseconds_count", 100, 100, rpc_grpc_status_code="0")]
    numbers += [_counter("rpc_server_duration_milliseconds_count", 0, 30, rpc_grpc_status_code="14")]
    numbers += [_counter("rpc_server_duration_milliseconds_count", 0, 7, rpc_grpc_status_code="5")]
    counted = request_counts(pl.concat(numbers))
    assert counted.filter("failed")["count"].sum() == 30
    assert counted["count"].sum() == pytest.approx(237)
    names = [
        _counter("grpc_server_handled_total", 0, 9, grpc_code=code) for code in ("OK", "DeadlineExceeded")
    ]
    assert request_counts(pl.concat(names)).filter("failed")["count"].sum() == 9


def test_a_request_that_a_mesh_counts_where_it_leaves_and_where_it_arrives_is_counted_once():
    both = [
        _counter("istio_requests_total", 100, 100, response_code="200", reporter=reporter)
        for reporter in ("source", "destination")
    ]
    assert request_counts(pl.concat(both))["count"].sum() == 200
    assert request_counts(both[0])["count"].sum() == 200


@pytest.mark.parametrize(
    "metric", ["http_request_duration_seconds_count", "shop_api_requests_total", "shop_request_latency_count"]
)
def test_requests_are_counted_by_whatever_counts_them_by_status(metric):
    both = [_counter(metric, 0, 60, code="200"), _counter(metric, 0, 40, code="500")]
    both += [_counter(f"a_client_{metric}", 0, 9, code="200"), _counter("a_requests_total", 0, 9, queue="in")]
    counted = request_counts(pl.concat(both, how="diagonal"))
    assert counted["count"].sum() == pytest.approx(100)
    assert counted.filter("failed")["count"].sum() == pytest.approx(40)


def test_calls_that_span_metrics_count_of_a_service_are_no_requests_of_it():
    kinds = [
        _counter("traces_spanmetrics_calls_total", 100, 100, status_code="STATUS_CODE_UNSET", span_kind=kind)
        for kind in ("SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_INTERNAL")
    ]
    assert request_counts(pl.concat(kinds))["count"].sum() == 200
