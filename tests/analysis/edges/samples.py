"""Small parts of recorded incidents, for asking every analysis function in little time."""

import json
from functools import cache

import polars as pl

import obsnb
from obsnb.archive.bundled import incident_path
from obsnb.conventions import DEFAULT
from obsnb.sources.wire.prometheus import decode_matrix
from obsnb.timerange import TimeRange
from tests.analysis.incidents import RECORDINGS, incident, incident_series
from tests.analysis.lines import lines_of

S = 10**9
_ONSET = incident("lab-slow-query").during.start_ns
DURING = TimeRange(_ONSET, _ONSET + 25 * S)
BASELINE = TimeRange(_ONSET - 25 * S, _ONSET)
WHOLE = TimeRange(_ONSET - 25 * S, _ONSET + 25 * S)
SERIES_DURING = incident("lab-slow-query").during
SERIES_BASELINE = incident("lab-slow-query").baseline
"""The metrics have a sample in six seconds: they need the whole recording."""


def _within(frame, window, column="timestamp"):
    at = pl.col(column).to_physical()
    return frame.filter(at.is_between(window.start_ns, window.end_ns, closed="left"))


@cache
def logs():
    return _within(incident("lab-slow-query").logs, WHOLE)


@cache
def spans():
    return _within(incident("lab-slow-query").spans, WHOLE, "start")


@cache
def spans_during():
    return _within(spans(), DURING, "start")


@cache
def spans_before():
    return _within(spans(), BASELINE, "start")


@cache
def series():
    """Requests, caches, pools and processes, without the histograms."""
    whole = incident_series("lab-slow-query")
    return whole.filter(pl.col("le").is_null())


@cache
def requests():
    return incident_series("lab-slow-query").filter(
        pl.col("metric").cast(pl.String).is_in(["http_requests_total", "process_cpu_seconds_total"])
    )


@cache
def one_series():
    whole = requests()
    busiest = whole.group_by("series_id").agg(pl.col("value").max()).sort("value", "series_id").row(-1)[0]
    return whole.filter(pl.col("series_id") == busiest)


@cache
def histograms():
    whole = incident_series("lab-slow-query")
    return whole.filter(pl.col("metric").cast(pl.String) == "database_query_duration_seconds_bucket")


@cache
def exemplars():
    (path,) = (incident_path("lab-slow-query") / "queries").glob("*-exemplars.parquet")
    return _within(pl.read_parquet(path), WHOLE).head(300)


@cache
def browser_logs():
    found = incident("lab-frontend")
    middle = found.during.start_ns
    return _within(found.logs, TimeRange(middle - 20 * S, middle + 40 * S))


@cache
def browser_events():
    """The entries of a longer time, so that measurements are among them."""
    return obsnb.frontend_events(incident("lab-frontend").logs)


@cache
def waiting_spans():
    waiting = waiting_logs()["timestamp"].to_physical()
    around = TimeRange(waiting.min(), waiting.max())
    return _within(incident("slow-query").spans, around, "start")


@cache
def waiting_logs():
    """Lines of a time in which a pool ran dry, in the simulated incident."""
    waits = obsnb.database_waits(incident("slow-query").logs)
    at = waits["timestamp"].to_physical()[0]
    return _within(incident("slow-query").logs, TimeRange(at - 5 * S, at + 30 * S))


@cache
def health_logs():
    def answer(redis):
        checks = {"database": {"status": "healthy", "latency": "< 1ms"}, "redis": {"status": redis}}
        return json.dumps({"overall_status": redis, "checks": checks})

    said = [answer("healthy"), answer("unhealthy"), "served", "health check redis: healthy"]
    return lines_of(said, service=["api"] * 4)


@cache
def debug_logs():
    told = '{"message":"breakpoint hit","debug_session":"abc-1234","command":"p basket","user_id":"u1"}'
    return lines_of(
        ["Started debug session: abc-1234", told, "GET /cart 200", "Ended debug session: abc-1234"],
        service=["kiosk"] * 4,
    )


@cache
def memory_logs():
    said = [
        f"/app/x.py:12: size={size}.0 MiB (+1.0 MiB), count=1234 (+12), average=3.5 KiB" for size in (4, 5, 7)
    ]
    return lines_of([*said, '{"msg":"memory","rss":5,"heapTotal":9,"heapUsed":7}'], service=["api"] * 4)


@cache
def memory():
    return obsnb.memory_snapshots(memory_logs())


@cache
def events():
    """What happened, as `obs.events` gives it: an alert and a deployment."""
    at = pl.Series([_ONSET - 2 * S, _ONSET + 20 * S, _ONSET - 400 * S]).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        {
            "timestamp": at,
            "end": pl.Series([None] * 3, dtype=pl.Datetime("ns", "UTC")),
            "kind": ["deploy", "alert", "note"],
            "title": ["backend 1.8.0", "SlowSearch", "before it all"],
            "service": ["backend", "backend", None],
            "source": ["lab", "lab", "a person"],
        }
    )


@cache
def native_histograms():
    """A native histogram as a real server answered it."""
    body = (RECORDINGS / "datasource/prometheus/native-histogram-raw.body").read_bytes()
    return decode_matrix(body, query="native_latency_seconds", conventions=DEFAULT)


@cache
def parsed_logs():
    return obsnb.parse_logs(logs())


@cache
def lines():
    return logs()["line"]
