r"""Lines that web servers and proxies write of a request: route, status, how long it took, its id.

The quoted request with the status behind it is what Apache's and nginx' common and combined formats, Envoy,
Traefik, gunicorn and uvicorn share. The others are the defaults of HAProxy's HTTP log, Application Load
Balancers, CloudFront, IIS (W3C extended), gin, Squid, and morgan (dev, tiny, short).
"""

from __future__ import annotations

import polars as pl

from obsnb.analysis.line_heads import nameless
from obsnb.conventions import METHODS

__all__ = ["access_fields"]

_METHODS = rf"(?:{METHODS}|CONNECT|TRACE|PROPFIND)"
_STATUS = r"(?P<http_status>[1-5]\d\d)"
_QUOTED = rf'"{_METHODS} (?P<route>[^\s"]+)(?: HTTP/\d(?:\.\d)?)?" {_STATUS}(?:\s|$)'
#: HAProxy: times in milliseconds, of which the last is the whole.
_HAPROXY = (
    rf"\] \S+ \S+/\S+ (?:-?\d+/){{4}}\+?(?P<ms>\d+) {_STATUS} \+?\d+ [^\"]*\"{_METHODS} (?P<route>[^\s\"]+)"
)
_OTHERS = (
    # Application Load Balancer: seconds to read the request, to wait for the target, to answer
    r"^(?:https?|h2|grpcs?|wss?) \d{4}-\d\d-\d\dT\S+ \S+ \S+ \S+ (?P<s>[\d.]+) (?P<more>[\d.]+) (?P<most>"
    r"[\d.]+) "
    rf"{_STATUS} \S+ \d+ \d+ \"{_METHODS} (?P<route>[^\s\"]+)",
    # CloudFront, with tabs
    rf"^\d{{4}}-\d\d-\d\d\t[\d:]+\t\S+\t\d+\t\S+\t{_METHODS}\t\S+\t(?P<route>/[^\t]*)\t{_STATUS}\t(?:"
    rf"[^\t]*\t){{9}}(?P<s>[\d.]+)",
    # IIS
    rf"^\d{{4}}-\d\d-\d\d [\d:]+ (?:\S+ ){{1,3}}?{_METHODS} (?P<route>/\S*) \S+ \d+ \S+ \S+ \S+ \S+"
    rf" {_STATUS} \d+ \d+"
    r"(?: \d+ \d+)? (?P<ms>\d+)$",
    # gin
    rf"^\[GIN\] \S+ - \S+ \|\s*{_STATUS} \|\s*(?P<spoken>[\d.]+[nµm]?s) \|\s*\S+ \|\s*{_METHODS}\s+\""
    rf"(?P<route>[^\"]*)\"",
    # Squid
    rf"^\d{{10}}\.\d{{3}}\s+(?P<ms>\d+) \S+ [A-Z_]+/{_STATUS} \d+ {_METHODS} (?P<route>\S+)",
    # morgan
    rf"^{_METHODS} (?P<route>/\S*) {_STATUS} (?P<ms>[\d.]+) ms - (?:\d+|-)$",
    rf"^(?:\S+ \S+ )?{_METHODS} (?P<route>/\S*) (?:HTTP/[\d.]+ )?{_STATUS} (?:\d+|-) - (?P<ms>[\d.]+) ms$",
)
_NAMED = r"\b(?:request_time|rt|duration|latency|took)[=:]\s*\"?(\d+(?:\.\d+)?)"
#: Envoy's default access log and Istio's: status, flags (why), bytes received and sent, milliseconds.
_ENVOY_MS = r'" [1-5]\d\d \S+ (?:\S+ \S+ "[^"]*" |"[^"]*" )?\d+ \d+ (\d+) (?:\d+|-) "'
#: Behind the agent: nginx' request time, which has three decimals (ingress-nginx writes the length before
#: it); Traefik's number, router, address and time.
_NGINX_S = r'" (?:\d+ )?(\d+\.\d{3})(?: |$)'
_TRAEFIK_MS = r'" \d+ "[^"]*" "[^"]*" (\d+)ms$'
#: Envoy's ``x-request-id``, behind the agent.
_ENVOY_ID = r'" "([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})" "'
_UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

#: One look tells the many lines that are none of these from the few that are.
_ANY_OTHER = "|".join(map(nameless, _OTHERS))


def access_fields(frame: pl.DataFrame) -> pl.DataFrame:
    """What access lines say; lines that are none are left out.

    Parameters
    ----------
    frame
        ``row`` and ``text``.

    Returns
    -------
    polars.DataFrame
        ``row``, ``text``, ``route`` (a path, without a query), ``http_status`` (text), ``duration_s``,
        ``request_id``.
    """
    quoted = frame["text"].str.contains(_QUOTED)
    text = pl.col("text")
    parts = [
        frame.filter(quoted).with_columns(
            text.str.extract_groups(_QUOTED).struct.unnest(),
            pl.coalesce(
                text.str.extract(_NAMED, 1).cast(pl.Float64),
                text.str.extract(_ENVOY_MS, 1).cast(pl.Float64) / 1e3,
                text.str.extract(_NGINX_S, 1).cast(pl.Float64),
                text.str.extract(_TRAEFIK_MS, 1).cast(pl.Float64) / 1e3,
            ).alias("duration_s"),
            text.str.extract(_ENVOY_ID, 1).alias("request_id"),
        )
    ]
    rest = frame.filter(~quoted)
    proxied = text.str.contains(" HTTP/", literal=True)
    rest = rest.filter(text.str.contains(_ANY_OTHER) | proxied)
    for pattern in (*_OTHERS, _HAPROXY) if rest.height else ():
        marks = rest["text"].str.contains(pattern)
        found = rest.filter(marks).with_columns(text.str.extract_groups(pattern).struct.unnest())
        parts.append(found.select("row", "text", "route", "http_status", _seconds(found.columns)))
        rest = rest.filter(~marks)
    path = pl.col("route").str.replace(r"\?.*$", "").str.replace(r"^[a-z]+://[^/]+", "")
    return pl.concat(parts, how="diagonal").with_columns(path)


def _seconds(columns: list[str]) -> pl.Expr:
    """Seconds of what a pattern's groups say, all of them together."""
    if "spoken" in columns:
        unit = pl.col("spoken").str.extract(r"([nµm]?s)$", 1).replace_strict(_UNITS, default=None)
        return (pl.col("spoken").str.extract(r"^([\d.]+)", 1).cast(pl.Float64, strict=False) * unit).alias(
            "duration_s"
        )
    scales = {"ms": 1e-3, "s": 1.0, "more": 1.0, "most": 1.0}
    took = [
        pl.col(name).cast(pl.Float64, strict=False) * scale
        for name, scale in scales.items()
        if name in columns
    ]
    return pl.sum_horizontal(took, ignore_nulls=False).alias("duration_s")
