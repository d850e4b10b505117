"""The bundled incidents as frames, with what was wrong in them; recorded OTLP logs as a frame."""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from obsnb.archive.bundled import incident_path
from obsnb.schema import LOGS
from obsnb.timerange import TimeRange

RECORDINGS = Path(__file__).parents[1] / "recordings"


@dataclass(frozen=True)
class Incident:
    logs: pl.DataFrame
    spans: pl.DataFrame
    during: TimeRange
    baseline: TimeRange


@cache
def incident(name: str) -> Incident:
    """What obsnb's loaders froze of a recorded incident, and its true windows."""
    folder = incident_path(name)
    assert folder is not None
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    ns = {key: int(truth[key] * 1e9) for key in ("start", "onset", "recovery")}
    spans = pl.concat(
        [pl.read_parquet(path) for path in sorted(folder.glob("queries/*-spans.parquet"))],
        how="diagonal_relaxed",
    )
    return Incident(
        logs=pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("queries/*-logs.parquet"))]),
        spans=spans.unique(["trace_id", "span_id"], maintain_order=True),
        during=TimeRange(ns["onset"], ns["recovery"]),
        baseline=TimeRange(ns["start"], ns["onset"]),
    )


@cache
def otlp_logs() -> pl.DataFrame:
    """Lines that came in by OTLP: plain words, everything else in structured metadata."""
    body = gzip.decompress((RECORDINGS / "otlp-and-tenants/loki/otlp-logs.body.gz").read_bytes())
    rows = [
        {"timestamp": int(ns), "line": line, "service": stream["stream"]["service_name"]}
        | {f"metadata.{key}": value for key, value in extra["structuredMetadata"].items()}
        for stream in json.loads(body)["data"]["result"]
        for ns, line, extra in stream["values"]
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return LOGS.conform(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))))


@cache
def incident_series(name: str) -> pl.DataFrame:
    """The metrics that were frozen with a recorded incident, each sample once."""
    folder = incident_path(name)
    assert folder is not None
    parts = [pl.read_parquet(path) for path in sorted(folder.glob("queries/*-series.parquet"))]
    return pl.concat(parts, how="diagonal_relaxed").unique(["series_id", "timestamp"], maintain_order=True)
