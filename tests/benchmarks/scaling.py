"""The analysis on frames as large as an hour of a busy system's.

    python -m tests.benchmarks scale

Forty services call one another in trees of ten spans; in the second half of the hour one of them is slow
and fails, and logs it. Everything is drawn from a seed. Seconds are those of the fastest of three runs;
memory is what a process that holds the frames has at its peak while it runs `suspects` once, beyond what
it had before, and the frames' own: the buffers of their columns, the views of texts among them.
"""
# ruff: noqa: T201 - a process of its own prints what it measured

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

import obsnb
from obsnb.timerange import TimeRange
from tests.analysis.incidents import incident
from tests.benchmarks.measuring import Row

__all__ = ["lines", "scale", "series", "spans"]

_START_S, _HOUR_S, _SECOND = 1_795_392_000, 3_600, 10**9
_SERVICES, _EACH, _BROKEN = 40, 10, "service-07"
_HALF = (_START_S + _HOUR_S // 2) * _SECOND
BASELINE = TimeRange(_START_S * _SECOND, _HALF)
DURING = TimeRange(_HALF, (_START_S + _HOUR_S) * _SECOND)
_SPANS, _LINES, _SERIES, _STEP_S = 500_000, 500_000, 5_000, 30
_ERROR = (
    '{"level":"ERROR","logger":"app.pool","message":"TimeoutError: no connection after ',
    ' ms","request_id":"r-',
    '"}',
)
_REQUEST = (
    '{"level":"INFO","logger":"app.api","message":"request finished GET /items status=200 duration_ms=',
    '","tenant_id":"acme","request_id":"r-',
    '"}',
)
_LINES_A_SECOND = 300_000
_TIMES = 3.0  # so many times the frames may be taken at the peak, the frames included


def spans(many: int) -> pl.DataFrame:
    """So many spans in traces of ten; each but the first is the child of one that began before it."""
    chance = np.random.default_rng(1)
    traces = many // _EACH
    place = np.tile(np.arange(_EACH), traces)
    trace = np.repeat(np.arange(traces), _EACH)
    parent = np.where(place > 0, (place - 1) // 2, -1)
    service = (trace * 7 + place * 3) % _SERVICES
    start = _START_S * _SECOND + trace * (_HOUR_S * _SECOND // traces) + place * 1_000_000
    broken = (service == 7) & (start >= _HALF)
    slower = 1.0 + 8.0 * broken
    # A span is as long as those below it take: halves from level to level.
    level = np.floor(np.log2(place + 1))
    duration = (chance.gamma(4.0, 10e6, many) * slower / 2**level).astype(np.int64) + 1_000_000
    failed = broken & (chance.random(many) < 0.4)
    names = np.array([f"service-{number:02d}" for number in range(_SERVICES)])
    return pl.DataFrame(
        {
            "trace_id": pl.Series(trace).cast(pl.String).str.zfill(32),
            "span_id": pl.Series(np.arange(many) + 1).cast(pl.String).str.zfill(16),
            "parent_span_id": pl.Series(trace * _EACH + parent + 1).cast(pl.String).str.zfill(16),
            "service": pl.Series(names[service], dtype=pl.Categorical),
            "name": np.array([f"GET /items/{number}" for number in range(12)])[place],
            "kind": np.where(place % 2 == 0, "server", "client"),
            "status": np.where(failed, "error", "unset"),
            "status_message": np.where(failed, "the pool is exhausted", ""),
            "start": pl.Series(start).cast(pl.Datetime("ns", "UTC")),
            "duration": pl.Series(duration).cast(pl.Duration("ns")),
            "whole_trace": np.ones(many, dtype=bool),
        }
    ).with_columns(
        pl.when(pl.Series(place) > 0).then("parent_span_id").alias("parent_span_id"),
        pl.col("status_message").replace("", None),
    )


def lines(many: int) -> pl.DataFrame:
    """So many JSON lines; in the second half a tenth of one service's tell of errors."""
    chance = np.random.default_rng(2)
    number = np.arange(many)
    service = number % _SERVICES
    ns = _START_S * _SECOND + number * (_HOUR_S * _SECOND // many)
    failed = (service == 7) & (ns >= _HALF) & (chance.random(many) < 0.1)
    took = pl.Series("took", chance.gamma(4.0, 10.0, many).round(1))
    rows = pl.DataFrame([took, pl.Series("n", number), pl.Series("failed", failed)])
    line = rows.select(pl.when("failed").then(_text(_ERROR)).otherwise(_text(_REQUEST))).to_series()
    names = np.array([f"service-{number:02d}" for number in range(_SERVICES)])
    return pl.DataFrame(
        {
            "timestamp": pl.Series(ns).cast(pl.Datetime("ns", "UTC")),
            "service": pl.Series(names[service], dtype=pl.Categorical),
            "line": line,
            "row_id": pl.Series(number).cast(pl.String).str.zfill(16),
        }
    )


def _text(parts: Sequence[str]) -> pl.Expr:
    """The parts with how long it took and the number between them."""
    first, second, third = parts
    return pl.concat_str(pl.lit(first), "took", pl.lit(second), "n", pl.lit(third))


def series(many: int) -> pl.DataFrame:
    """So many series of the processor time of pods, an hour long; those of one service rise."""
    chance = np.random.default_rng(3)
    points = _HOUR_S // _STEP_S
    number = np.repeat(np.arange(many), points)
    ns = np.tile((_START_S + _STEP_S * np.arange(points)) * _SECOND, many)
    value = chance.gamma(20.0, 0.01, many * points) * np.where(
        (number % _SERVICES == 7) & (ns >= _HALF), 4, 1
    )
    names = [f"service-{at % _SERVICES:02d}" for at in range(many)]
    labels = pl.DataFrame(
        {
            "metric": pl.Series(["container_cpu_usage_rate"] * many, dtype=pl.Categorical),
            "series_id": [f"{at:016x}" for at in range(many)],
            "service": pl.Series(names, dtype=pl.Categorical),
            "pod": pl.Series([f"{name}-{at}" for at, name in enumerate(names)], dtype=pl.Categorical),
        }
    )
    return labels[number].with_columns(
        timestamp=pl.Series(ns).cast(pl.Datetime("ns", "UTC")), value=pl.Series(value)
    )


def scale() -> list[Row]:
    """Self time and critical paths of a million spans, changes of many series, reading of lines, suspects."""
    million = spans(1_000_000)
    many = series(_SERIES)
    points = f"{many.height:,} points of {_SERIES:,} series"
    rows = [
        _timed("self time of 1,000,000 spans", lambda: obsnb.self_time(million), 1.0),
        _timed("critical paths of 1,000,000 spans", lambda: obsnb.critical_path(million), 3.0),
        _timed(f"change points of {points}", lambda: obsnb.change_points(many), None),
        _lines_read("recorded", pl.concat([incident("slow-query").logs] * 4)),
        _lines_read("short", lines(_LINES)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in (("logs", lines(_LINES)), ("spans", spans(_SPANS)), ("series", many)):
            frame.write_parquet(Path(folder) / f"{name}.parquet")
        ran = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.scaling", folder],
            check=True,
            capture_output=True,
            text=True,
        )
    told = json.loads(ran.stdout)
    what = f"suspects on {_LINES:,} lines, {_SPANS:,} spans, {points}"
    times = told["peak_mb"] / told["frames_mb"]
    return [
        *rows,
        _row(what, told["seconds"], told["processor"], 20.0),
        Row(
            "the memory that it takes, frames included",
            f"{told['peak_mb']:,.0f} MB",
            f"{told['frames_mb']:,.0f} MB of frames",
            f"{times:.1f} times",
            f"{_TIMES:g} times",
            times <= _TIMES,
        ),
    ]


def _lines_read(which: str, logs: pl.DataFrame) -> Row:
    what = f"parse_logs on {logs.height:,} {which} lines"
    return _timed(what, lambda: obsnb.parse_logs(logs), round(logs.height / _LINES_A_SECOND, 2))


def _timed(what: str, function: Callable[[], object], most: float | None) -> Row:
    best = processor = float("inf")
    for _ in range(3):
        began, used = time.perf_counter(), time.process_time()
        function()
        best = min(best, time.perf_counter() - began)
        processor = min(processor, time.process_time() - used)
    return _row(what, best, processor, most)


def _row(what: str, seconds: float, processor: float, most: float | None) -> Row:
    """Seconds, and beside them those of the processor, which a busy machine changes less."""
    goal = "" if most is None else f"under {most:g} s"
    reached = None if most is None else seconds < most
    return Row(what, f"{seconds:.2f} s", f"{processor:.2f} s of the processor", "", goal, reached)


def main(folder: Path) -> None:
    """Suspects, once, in a process that has nothing else to do."""
    names = ("logs", "spans", "series")
    # In one piece, as the loaders give them: what lies in pieces is put together first, and then held twice.
    given = {name: pl.read_parquet(folder / f"{name}.parquet").rechunk() for name in names}
    frames = sum(_buffers_mb(frame) for frame in given.values())
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _memory_mb("VmRSS")
    began, used = time.perf_counter(), time.process_time()
    found = obsnb.suspects(**given, during=DURING, baseline=BASELINE)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    assert found["service"][0] == _BROKEN, found
    peak = _memory_mb("VmHWM") - before + frames
    print(json.dumps({"seconds": seconds, "processor": processor, "frames_mb": frames, "peak_mb": peak}))


def _buffers_mb(frame: pl.DataFrame) -> float:
    """`DataFrame.estimated_size` leaves the views of texts out, sixteen bytes each."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    return float(table.get_total_buffer_size()) / 2**20


def _memory_mb(key: str) -> float:
    """Resident memory, or its peak, as Linux counts it (`getrusage` counts its parent's too)."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split(f"{key}:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
