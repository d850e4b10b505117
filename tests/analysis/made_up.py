"""Spans and lines that are made up for one test, a few words each."""

import json

import polars as pl

from obsnb.schema import LOGS, SPANS

S = 10**9
MS = 10**6


def spans(*rows, t0=0):
    """SPANS: rows of ``trace, id, parent, service, name, start_ms, length_ms`` and further columns."""
    made = []
    for row in rows:
        first = dict(
            zip(("trace_id", "span_id", "parent_span_id", "service", "name"), row["is"].split(), strict=False)
        )
        parent = first.get("parent_span_id")
        first["parent_span_id"] = None if parent == "-" else parent
        start, length = row["at"]
        further = {name: value for name, value in row.items() if name not in ("is", "at", "exception")}
        events = [_exception(row["exception"], t0 + (start + length) * MS)] if "exception" in row else []
        times = {"start": t0 + start * MS, "duration": length * MS}
        made.append(first | times | {"events": events} | further)
    frame = pl.DataFrame(made, infer_schema_length=None) if made else SPANS.empty()
    kinds = {name: kind for name, kind in SPANS.dtypes().items() if name in frame.columns}
    return frame.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())


def _exception(told, time):
    names = ("exception.type", "exception.message", "exception.stacktrace")
    values = zip(names, told, strict=False)
    attributes = [
        {"key": key, "type": "string", "value": value} for key, value in values if value is not None
    ]
    return {"time": time, "name": "exception", "attributes": attributes}


def lines(*rows, t0=0):
    """LOGS: rows of ``(second, service, fields)``; fields are text, or become JSON."""
    frame = pl.DataFrame(
        {
            "timestamp": [t0 + int(at * S) for at, _, _ in rows],
            "service": [service for _, service, _ in rows],
            "line": [said if isinstance(said, str) else json.dumps(said) for _, _, said in rows],
            "row_id": [f"row{number}" for number in range(len(rows))],
        },
        schema_overrides={
            "timestamp": pl.Int64,
            "service": pl.String,
            "line": pl.String,
            "row_id": pl.String,
        },
    )
    return LOGS.conform(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))))


def python_stack(kind, message, *places):
    """A traceback of Python through places such as ``app/a.py:f``, the innermost last."""
    frames = "".join(
        f'  File "{path}", line 3, in {function}\n    go()\n'
        for path, function in (place.split(":") for place in places)
    )
    return f"Traceback (most recent call last):\n{frames}{kind}: {message}"
