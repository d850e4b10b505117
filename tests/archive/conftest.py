"""Answers to freeze: one of each kind, with what is hard to keep in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from obsnb.archive import write
from obsnb.ledger import QueryRecord
from obsnb.schema import BY_KIND, digest, dtype
from obsnb.sources.base import Answer
from obsnb.timerange import TimeRange

S = 10**9
START = 1_795_457_600 * S
WINDOW = TimeRange(START, START + 600 * S)
STEP = 15 * S
CREATED = START + 86_400 * S


def record(kind: Any, asked: str, frame: pl.DataFrame, **more: Any) -> QueryRecord:
    """A record such as a source makes."""
    given = {"window": WINDOW, "complete": "yes", "reason": "all of it came", "rows": frame.height}
    given |= {
        "digest": digest(frame),
        "asked_at_ns": CREATED,
        "bytes": 9,
        "pages": 1,
        "requests": 1,
        "seconds": 0.5,
    }
    return QueryRecord(**{"kind": kind, "source": "server", "query": asked, "asked": asked, **given, **more})


def answer(kind: Any, asked: str, frame: pl.DataFrame, **more: Any) -> Answer:
    """A frame and its record."""
    shaped = BY_KIND[kind].conform(frame)
    return Answer(shaped, record(kind, asked, shaped, **more))


def times(*seconds: float) -> pl.Series:
    """Moments so many seconds into the window."""
    return pl.Series([START + round(s * S) for s in seconds], dtype=dtype("time"))


def logs(*lines: str) -> pl.DataFrame:
    """A line a second, in two services, with a stream label and metadata."""
    places = range(len(lines))
    return pl.DataFrame(
        {
            "timestamp": times(*places),
            "service": pl.Series([f"s{i % 2}" for i in places], dtype=pl.Categorical),
            "line": list(lines),
            "row_id": [f"{i:016x}" for i in places],
            "namespace": pl.Series(["shop"] * len(lines), dtype=pl.Categorical),
            "metadata.pod": [None if i % 3 else f"pod-{i}" for i in places],
        },
        schema_overrides={"line": pl.String, "row_id": pl.String, "metadata.pod": pl.String},
    )


def series(*values: float) -> pl.DataFrame:
    """One series, a value a step."""
    return pl.DataFrame(
        {
            "timestamp": times(*(15 * i for i in range(len(values)))),
            "metric": pl.Series(["up"] * len(values), dtype=pl.Categorical),
            "series_id": ["00" * 8] * len(values),
            "value": list(values),
        },
        schema_overrides={"value": pl.Float64, "series_id": pl.String},
    )


def spans(*places: tuple[int, float]) -> pl.DataFrame:
    """Spans of numbered traces that start so many seconds into the window."""
    return pl.DataFrame(
        {
            "trace_id": [f"{trace:032x}" for trace, _ in places],
            "span_id": [f"{i:016x}" for i in range(len(places))],
            "service": pl.Series(["api"] * len(places), dtype=pl.Categorical),
            "name": ["GET /"] * len(places),
            "start": times(*(s for _, s in places)),
            "duration": pl.Series([1_000_000] * len(places), dtype=pl.Duration("ns")),
            "whole_trace": [True] * len(places),
            "attributes": pl.Series(
                [[{"key": "http.route", "type": "string", "value": "/"}], None, []][: len(places)]
                + [None] * (len(places) - 3),
                dtype=dtype("attributes"),
            ),
        }
    )


def exemplars(*seconds: float) -> pl.DataFrame:
    """Exemplars so many seconds into the window."""
    return pl.DataFrame({"timestamp": times(*seconds), "value": [0.5] * len(seconds)})


def some_answers() -> list[Answer]:
    """One of each kind."""
    return [
        answer("logs", '{namespace="shop"}', logs(*(f"line {i}" for i in range(20))), role="scope.logs"),
        answer(
            "series",
            "rate(x[1m])",
            series(1.0, float("nan"), float("inf"), -0.0, 2.0),
            params={"step_ns": STEP},
            role="requests.total",
        ),
        answer("exemplars", "x_bucket", exemplars(1, 2, 599)),
        answer(
            "spans",
            "{ status = error }",
            spans((1, 0), (1, 1), (2, 30), (3, 599)),
            params={"whole": True},
            role="errors.spans",
        ),
    ]


@pytest.fixture(params=["incident", "incident.obsnb"])
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An archive of one answer of each kind, as a folder and as a zip."""
    return write(
        tmp_path / request.param,
        some_answers(),
        window=WINDOW,
        scope={"namespace": "shop"},
        tenant="acme",
        created_ns=CREATED,
    )
