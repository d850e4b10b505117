"""One timeline, in order, each row with what it is known from."""

import polars as pl

from obsnb.analysis.timeline import timeline
from obsnb.timerange import TimeRange

_S = 10**9
_TIME = pl.Datetime("ns", "UTC")


def _events():
    return pl.DataFrame(
        {
            "timestamp": [50 * _S, 10 * _S, 500 * _S],
            "kind": ["alert", "deploy", "note"],
            "title": ["HighErrors", "api 1.2", "later"],
            "service": ["api", "api", None],
            "source": ["prometheus", "loki", "notes"],
        }
    ).with_columns(pl.col("timestamp").cast(_TIME))


def _groups():
    return pl.DataFrame(
        {
            "type": ["KeyError", "HttpError", "Old"],
            "message": ["<*>", "500", "x"],
            "service": ["api", "web", "api"],
            "first_seen": [30 * _S, 31 * _S, 5 * _S],
            "is_new": [True, True, False],
            "passed_on": [False, True, False],
            "evidence": [["log:a", "log:b"], ["log:c"], ["log:d"]],
        }
    ).with_columns(pl.col("first_seen").cast(_TIME))


def test_rows_are_in_order_with_onset_new_errors_and_recovery_among_them():
    out = timeline(
        _events(),
        error_groups=_groups(),
        during=TimeRange(20 * _S, 100 * _S),
        window=TimeRange(0, 200 * _S),
        why="found",
    )
    assert out["kind"].to_list() == ["deploy", "onset", "error", "alert", "recovery"]
    assert out["title"][2] == "first KeyError: <*>"
    assert out["evidence"][2].to_list() == ["log:a"]
    assert out["source"].to_list() == ["loki", "found", "error groups", "prometheus", "found"]


def test_an_incident_that_lasts_to_the_end_of_what_was_looked_at_has_no_recovery():
    out = timeline(during=TimeRange(20 * _S, 200 * _S), window=TimeRange(0, 200 * _S))
    assert out["kind"].to_list() == ["onset"]


def test_nothing_gives_an_empty_timeline_with_every_column():
    assert timeline().columns == ["timestamp", "end", "kind", "title", "service", "source", "evidence"]


def test_pandas_in_is_pandas_out():
    out = timeline(_events().to_pandas(use_pyarrow_extension_array=True))
    assert list(out["kind"]) == ["deploy", "alert", "note"]


def test_an_error_without_a_type_is_told_by_its_message_alone():
    groups = _groups().with_columns(type=pl.lit(None, pl.String))
    out = timeline(error_groups=groups, during=TimeRange(20 * _S, 100 * _S))
    assert out.filter(pl.col("kind") == "error")["title"].to_list() == ["first <*>"]


def test_what_has_no_time_is_on_no_timeline():
    events = pl.DataFrame(
        {"timestamp": [None, 5], "kind": ["deploy", "deploy"], "title": ["a", "b"]},
        schema_overrides={"timestamp": pl.Int64},
    )
    assert timeline(events)["title"].to_list() == ["b"]
