"""Hits and misses of caches, as counters and as log lines count them."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from obsnb.analysis.counters import increases
from obsnb.analysis.line_records import evidence_of, records_of

__all__ = ["counts_of_lines", "counts_of_series"]

#: Labels whose values say how a look-up went, in the order in which they are believed.
_OUTCOMES = ("result", "outcome", "cache_result", "cache_status", "status", "type", "hit", "event", "state")
_HIT = ("hit", "hits", "true", "revalidated", "stale", "updating")
_MISS = ("miss", "misses", "false", "expired", "bypass")
#: Labels that name a cache.
_NAMES = ("cache", "cache_name", "name", "cache_manager", "keyspace", "db", "datname", "cluster", "zone")
#: Parts of names: a counter of hits, and what its counterpart has in that place.
_PAIRS = (
    ("hits", ("misses",)),
    ("hit", ("miss", "read")),
    ("blks_hit", ("blks_read",)),
)
_TOTALS = ("lookups", "requests", "gets", "queries", "accesses")
_IS_CACHE = r"(?i)cache|memcached|varnish|keyspace_(?:hits|misses)|blks_(?:hit|read)|buffer_pool"
_WORDS = re.compile(r"(?i)\bcache[ _-]?(?P<a>hit|miss)\b|\b(?P<b>hit|miss)(?:ed)?\b[^.\n]{0,30}\bcache\b")
_FIELDS = ("cache.result", "cache_result", "cache.hit", "cache_hit", "cacheHit", "cache_status",
           "cacheStatus", "x_cache", "upstream_cache_status", "cache.status", "X-Cache-Status")  # fmt: skip
_EVIDENCE = pl.concat_str(
    pl.lit("series:"), "series_id", pl.lit("@"), pl.col("timestamp").to_physical().cast(pl.String)
).alias("evidence")
_SCHEMA: dict[str, Any] = {
    "timestamp": pl.Datetime("ns", "UTC"),
    "service": pl.String,
    "cache": pl.String,
    "hits": pl.Float64,
    "misses": pl.Float64,
    "source": pl.String,
    "evidence": pl.List(pl.String),
}


def counts_of_series(series: pl.DataFrame) -> pl.DataFrame:
    """What counters of caches counted between samples: timestamp, service, cache, hits, misses, ...

    Three forms are known: one counter with a label whose values are hits and misses; a counter of hits
    beside one of misses (``redis_keyspace_hits_total``, ``pg_stat_database_blks_hit``); a counter of
    hits beside one of all look-ups.
    """
    frame = series.filter(pl.col("metric").str.contains(_IS_CACHE))
    if frame.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    if "service" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("service"))
    grown: pl.DataFrame = increases(
        frame.filter(~pl.col("metric").str.contains(r"(?:_created|_seconds(?:_sum|_bucket)?|_bytes)$"))
    )
    if "series_id" not in grown.columns:  # only now, for labels tell series apart where there are no ids
        grown = grown.with_columns(pl.col("metric").alias("series_id"))
    outcome = _outcome(grown)
    grown = grown.with_columns(outcome.alias("outcome"), _named(grown).alias("named"), _EVIDENCE)
    roles = _roles(grown.filter(pl.col("outcome").is_null())["metric"].unique().to_list())
    labelled = grown.filter(pl.col("outcome").is_not_null()).with_columns(
        pl.col("metric").str.replace(r"_total$", "").alias("counter"), pl.col("outcome").alias("role")
    )
    paired = grown.filter(pl.col("metric").is_in(list(roles))) if roles else grown.clear()
    paired = paired.with_columns(
        pl.col("metric")
        .replace_strict({k: v[0] for k, v in roles.items()} or {"": ""}, default=None)
        .alias("counter"),
        pl.col("metric")
        .replace_strict({k: v[1] for k, v in roles.items()} or {"": ""}, default=None)
        .alias("role"),
    )
    both = pl.concat([labelled, paired], how="diagonal_relaxed")
    summed = both.group_by("timestamp", "service", "counter", "named").agg(
        *(
            pl.col("increase").filter(pl.col("role") == role).sum().alias(role)
            for role in ("hit", "miss", "all")
        ),
        evidence=pl.col("evidence").first(),
    )
    # A gauge that goes down looks like a counter that was reset; it has no hits and is left out here.
    misses = (
        pl.when(pl.col("all") > 0).then((pl.col("all") - pl.col("hit")).clip(lower_bound=0)).otherwise("miss")
    )
    out = summed.select(
        "timestamp",
        "service",
        pl.coalesce("named", "counter").alias("cache"),
        pl.col("hit").alias("hits"),
        misses.alias("misses"),
        pl.lit("counters").alias("source"),
        pl.concat_list("evidence").alias("evidence"),
    )
    return out.filter(pl.col("hits") + pl.col("misses") > 0).select(
        pl.col(name).cast(kind) for name, kind in _SCHEMA.items()
    )


def _label(frame: pl.DataFrame, name: str) -> str | None:
    return next((each for each in (name, f"label.{name}") if each in frame.columns), None)


def _outcome(frame: pl.DataFrame) -> pl.Expr:
    """``hit`` or ``miss`` by the first label that says so; null otherwise."""
    said = []
    for name in _OUTCOMES:
        column = _label(frame, name)
        if column is not None:
            word = pl.col(column).cast(pl.String).str.to_lowercase()
            said.append(
                pl.when(word.is_in(_HIT)).then(pl.lit("hit")).when(word.is_in(_MISS)).then(pl.lit("miss"))
            )
    return pl.coalesce(said) if said else pl.lit(None, pl.String)


def _named(frame: pl.DataFrame) -> pl.Expr:
    columns = [column for name in _NAMES if (column := _label(frame, name)) is not None]
    return (
        pl.coalesce([pl.col(name).cast(pl.String) for name in columns])
        if columns
        else pl.lit(None, pl.String)
    )


def _roles(metrics: list[str]) -> dict[str, tuple[str, str]]:
    """Metric → (the pair's name, ``hit``, ``miss`` or ``all``), for those whose counterpart is there."""
    there, out = set(metrics), dict[str, tuple[str, str]]()
    for metric in sorted(metrics):
        for word, others in _PAIRS:
            found = re.search(rf"(?:^|_){word}(?=_|$)", metric)
            if found is None:
                continue
            begin, end = metric[: found.end() - len(word)], metric[found.end() :]
            pair = begin.rstrip("_") or metric
            for other in others:
                if begin + other + end in there:
                    out.setdefault(metric, (pair, "hit"))
                    out.setdefault(begin + other + end, (pair, "miss"))
            for other in _TOTALS:
                if metric not in out and begin + other + end in there:
                    out[metric] = (pair, "hit")
                    out[begin + other + end] = (pair, "all")
    return out


def counts_of_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """The look-ups that parsed log lines tell of, one a row: ``cache hit``, ``X-Cache: MISS``, a field."""
    fields = [
        pl.col(name).is_not_null()
        for name in lines.columns
        if re.search(r"(?i)(?:^|[._])(?:cache[._]?(?:result|hit|status)|x_cache\w*)$", name)
    ]
    chosen = lines.filter(
        pl.any_horizontal(pl.col("line").str.contains(r"(?i)cache"), *fields).fill_null(value=False)
    )
    rows = []
    core = chosen.select(pl.col("timestamp").to_physical(), "service", "line", "parsed.message")
    for (at, service, line, message), record, evidence in zip(
        core.iter_rows(), records_of(chosen), evidence_of(chosen), strict=True
    ):
        word = _word(record.get(*_FIELDS))
        if word is None:
            found = _WORDS.search(message or line or "")
            word = (found["a"] or found["b"]).lower() if found else None
        if word is not None and at is not None:
            name = record.text("cache.name", "cache_name", "cacheName", "cache")
            named = None if name is None or _word(name) is not None else name
            rows.append(
                (at, service, named, float(word == "hit"), float(word == "miss"), "log lines", evidence)
            )
    raw = {**_SCHEMA, "timestamp": pl.Int64}
    frame = pl.DataFrame(rows, schema=raw, orient="row")
    return frame.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())


def _word(value: Any) -> str | None:
    if isinstance(value, bool):
        return "hit" if value else "miss"
    said = str(value).strip().lower().split(" ")[0] if isinstance(value, str) else ""
    return "hit" if said in _HIT else "miss" if said in _MISS else None
