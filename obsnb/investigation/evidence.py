"""Evidence ids: the rows they stand for, and those rows as text."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from obsnb.investigation.asking import Rows
from obsnb.ledger import Ledger
from obsnb.views.formats import duration, number

__all__ = ["NEAR_NS", "evidence_texts", "rows_of"]

#: How far around its moment a series' evidence shows its samples.
NEAR_NS = 300 * 10**9


def rows_of(id: str, rows: Rows, ledger: Ledger) -> pl.DataFrame | None:
    """The rows behind an id; None where the id has no known form."""
    kind, _, rest = id.partition(":")
    if kind == "log":
        return rows.logs.filter(pl.col("row_id") == rest)
    if kind == "span":
        trace, _, span = rest.partition("/")
        return rows.spans.filter((pl.col("trace_id") == trace) & (pl.col("span_id") == span))
    series, _, moment = rest.partition("@")
    if kind == "series" and moment.isdigit():
        near = (pl.col("timestamp").to_physical() - int(moment)).abs() <= NEAR_NS
        both = pl.concat([rows.series, rows.alerts], how="diagonal_relaxed")
        return both.filter((pl.col("series_id") == series) & near)
    if kind == "query":
        asked: pl.DataFrame = ledger.to_frame()
        return asked.filter(pl.col("number").cast(pl.String) == rest)
    return None


def evidence_texts(ids: Iterable[str], rows: Rows) -> dict[str, str]:
    """Each evidence id's row, as text."""
    wanted = {one for one in ids if one}
    logs = rows.logs.filter(pl.concat_str([pl.lit("log:"), pl.col("row_id")]).is_in(list(wanted)))
    texts = {
        f"log:{row['row_id']}": f"{row['timestamp']:%H:%M:%S} {row['service'] or ''}: {row['line']}"
        for row in logs.select("row_id", "timestamp", "service", "line").iter_rows(named=True)
    }
    full = pl.concat_str([pl.lit("span:"), pl.col("trace_id"), pl.lit("/"), pl.col("span_id")])
    spans = rows.spans.with_columns(id=full).filter(pl.col("id").is_in(list(wanted)))
    length = pl.col("duration").to_physical().alias("ns")
    said_of = spans.select("id", "start", "service", "name", "status_message", length)
    for row in said_of.iter_rows(named=True):
        took = duration(row["ns"])
        said = f": {row['status_message']}" if row["status_message"] else ""
        texts[row["id"]] = f"{row['start']:%H:%M:%S} {row['service'] or ''}: {row['name']}, {took}{said}"
    for one in wanted - texts.keys():
        kind, _, rest = one.partition(":")
        series, _, moment = rest.partition("@")
        if kind == "series" and moment.isdigit():
            here = (pl.col("series_id") == series) & (pl.col("timestamp").to_physical() == int(moment))
            both = pl.concat([rows.series.filter(here), rows.alerts.filter(here)], how="diagonal_relaxed")
            for row in both.head(1).iter_rows(named=True):
                alert = " ".join(row[key] for key in ("alertname", "alertstate") if row.get(key))
                said = alert or f"{row['metric']} = {number(row['value'])}"
                texts[one] = f"{row['timestamp']:%H:%M:%S} {row['service'] or ''}: {said}"
    return texts
