"""Two stretches side by side: the same is known as the same, the rest as new or gone."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from obsnb.analysis.comparison import COMPARED, Stretch, compared
from obsnb.analysis.errors import error_groups
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.slow_queries import slow_queries
from obsnb.analysis.suspects import suspects
from obsnb.schema import LOGS, SERIES, SPANS
from obsnb.timerange import TimeRange

_S = 10**9
_START = 1_795_457_600 * _S


def _stretch(
    *lines: str, at_s: int = 0, minutes: int = 10, scores: dict[str, float] | None = None
) -> Stretch:
    """Lines a second apart, from somewhere in the day; what the verbs find in them."""
    start = _START + at_s * _S
    during = TimeRange(start, start + minutes * 60 * _S)
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(
                [start + n * _S for n in range(len(lines))], dtype=LOGS.dtypes()["timestamp"]
            ),
            "service": ["shop"] * len(lines),
            "level": ["error" if "Error" in line else "info" for line in lines],
            "line": list(lines),
        },
        schema_overrides={"service": pl.String, "level": pl.String, "line": pl.String},
    )
    logs = parse_logs(LOGS.conform(frame))
    suspected = suspects(None, SPANS.empty(), SERIES.empty(), during=during, baseline=None)
    if scores:
        rows = {"service": list(scores), "score": list(scores.values()), "cause_kind": ["x"] * len(scores)}
        suspected = pl.concat([suspected, pl.DataFrame(rows)], how="diagonal_relaxed")
    return Stretch(
        during=during,
        errors=error_groups(logs, during=during, baseline=None),
        statements=slow_queries(SPANS.empty(), logs, during=during, baseline=None),
        suspects=suspected,
        logs=logs,
    )


_CALM = [f"order {n} shipped to gate {n % 7}" for n in range(40)]
_TIMEOUT = ["TimeoutError: pool of size 5 is empty"] * 12
_KEY = ["KeyError: 'panel_7'"] * 3


def _rows(frame: pl.DataFrame, what: str) -> list[tuple[str, str]]:
    return frame.filter(pl.col("what") == what).select("change", "name").rows()


def test_a_stretch_compared_with_itself_is_the_same_in_everything_at_the_same_rate() -> None:
    one = _stretch(*_CALM, *_TIMEOUT, scores={"shop": 0.9})
    frame = compared(one, one)
    assert dict(frame.schema) == COMPARED
    assert frame["change"].unique().to_list() == ["same"]
    assert set(frame["what"]) == {"error", "pattern", "suspect"}
    assert frame["times"].drop_nulls().unique().to_list() == [1.0]


def test_what_only_one_of_the_two_has_is_new_or_gone_and_stands_before_the_rest() -> None:
    a, b = _stretch(*_CALM, *_KEY), _stretch(*_CALM, *_TIMEOUT, at_s=86_400)
    frame = compared(a, b)
    errors = _rows(frame, "error")
    assert [change for change, _ in errors] == ["new", "gone"]
    assert errors[0][1].startswith("TimeoutError")
    assert errors[1][1].startswith("KeyError")
    changes = [change for change, _ in _rows(frame, "pattern")]
    assert changes == ["new", "gone", "same"]


def test_compared_the_other_way_round_new_and_gone_change_places() -> None:
    a, b = _stretch(*_CALM, *_KEY), _stretch(*_CALM, *_TIMEOUT, at_s=86_400)
    one, other = compared(a, b), compared(b, a)
    turned = {"new": "gone", "gone": "new", "same": "same"}
    keys = [sorted(zip(f["what"], f["id"], f["change"], strict=True)) for f in (one, other)]
    assert sorted((what, key, turned[change]) for what, key, change in keys[0]) == keys[1]


def test_rates_are_held_against_each_other_not_counts() -> None:
    a, b = _stretch(*_TIMEOUT, minutes=12), _stretch(*_TIMEOUT, at_s=86_400, minutes=4)
    (row,) = compared(a, b).filter(pl.col("what") == "error").to_dicts()
    assert (row["a_count"], row["b_count"]) == (12, 12)
    assert (row["a_per_minute"], row["b_per_minute"], row["times"]) == (1.0, 3.0, pytest.approx(3.0))


def test_stretches_of_the_same_time_are_told_apart() -> None:
    frame = compared(_stretch(*_CALM), _stretch(*_CALM, *_KEY))
    assert [change for change, _ in _rows(frame, "pattern")] == ["new", "same"]


def test_a_suspect_counts_from_the_score_that_quiet_hours_do_not_reach() -> None:
    a = _stretch(*_CALM, scores={"db": 0.9, "shop": 0.29})
    b = _stretch(*_CALM, at_s=86_400, scores={"cache": 0.5, "db": 0.3})
    found = compared(a, b).filter(pl.col("what") == "suspect")
    assert found.select("change", "service").rows() == [("new", "cache"), ("same", "db")]


def test_new_suspects_stand_by_their_score_and_a_kind_that_the_cause_says_is_not_said_twice() -> None:
    b = _stretch(*_CALM)
    suspected = pl.DataFrame(
        {
            "service": ["a", "b", "c"],
            "score": [0.5, 0.9, 0.4],
            "cause_kind": ["deployment", "statement", "unknown"],
            "cause": ["deployment (a 2)", "SELECT x", "2 of 3 traces failed"],
        }
    )
    b = replace(b, suspects=pl.concat([b.suspects, suspected], how="diagonal_relaxed"))
    assert _rows(compared(_stretch(*_CALM), b), "suspect") == [
        ("new", "statement: SELECT x"),
        ("new", "deployment (a 2)"),
        ("new", "2 of 3 traces failed"),
    ]


def test_calls_of_one_name_are_told_apart_by_whom_they_call() -> None:
    calls = [("GET", "loki"), ("GET", "redis"), ("GET tempo", "tempo"), ("publish", None)]
    statements = pl.DataFrame(
        [
            {
                **dict.fromkeys(("statement", "within_count", "within_p95")),
                "fingerprint": f"{name}{peer}",
                "service": "shop",
                "kind": "http",
                "operation": name,
                "peer": peer,
                "count": 12,
                "p95": 1,
            }
            for name, peer in calls
        ],
        schema_overrides={"statement": pl.String, "within_count": pl.Int64, "within_p95": pl.Int64},
    )
    found = compared(_stretch(), replace(_stretch(), statements=statements))
    names = [name for _, name in _rows(found, "statement")]
    assert sorted(names) == ["GET tempo", "GET → loki", "GET → redis", "publish"]


def test_nothing_compared_with_nothing_is_no_row() -> None:
    assert compared(_stretch(), _stretch()).to_dict(as_series=False) == {name: [] for name in COMPARED}
