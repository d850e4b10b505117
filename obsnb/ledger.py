"""What was asked, what came back, whether it is complete, and how that is known."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from obsnb.instants import format_ns, now_ns
from obsnb.timerange import TimeRange

__all__ = ["Complete", "Kind", "Ledger", "QueryRecord"]

Complete = Literal["yes", "no", "unknown"]
Kind = Literal["logs", "series", "exemplars", "spans", "events", "index"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class QueryRecord:
    """One query and what came of it.

    Attributes
    ----------
    kind
        Which schema the rows follow: logs, series, exemplars, spans or events; index where they tell
        about lines (labels, streams, volumes), which have no schema and are not frozen.
    source
        The source's name, such as ``"loki"``; never its credentials.
    query
        The text as it was sent, selections added by the loader included.
    asked
        The text as the caller wrote it; an archive is asked by it.
    window
        What it was asked for.
    params
        What else shaped the answer: ``step_ns``, ``limit``, ``direction``, ``whole``, ``instant``.
    role
        What the query is for (``"errors.spans"``), where obsnb wrote it; else None.
    pages, requests, retries
        How many answers made up the whole, how many requests were sent, and how many were repeats.
    rows
        Rows in the frame.
    bytes
        Bytes of the answers' bodies, uncompressed.
    seconds
        Wall time from the first request to the finished frame.
    warnings
        What the servers warned of, in their words.
    complete
        ``"yes"``, ``"no"`` or ``"unknown"``.
    reason
        How that is known, or what is missing.
    selection
        None where the query's own text says what was chosen; else how the rows were chosen
        beyond it (only slow or failed traces, a limit). No rate or share is computed from a
        selection.
    digest
        SHA-256 of the rows (`obsnb.schema.digest`).
    asked_at_ns
        When it was asked, by this machine's clock.
    number
        Its place in the ledger, from 1; 0 before it is entered.
    explore
        Where it was asked through Grafana, the ``grafana`` (its address, no credentials) and the
        ``datasource`` (its uid); else empty.
    """

    kind: Kind
    source: str
    query: str
    asked: str
    window: TimeRange
    params: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    role: str | None = None
    pages: int = 0
    requests: int = 0
    retries: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    complete: Complete = "unknown"
    reason: str = ""
    selection: str | None = None
    digest: str = ""
    asked_at_ns: int = field(default_factory=now_ns)
    number: int = 0
    explore: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def __repr__(self) -> str:
        return (
            f"QueryRecord(query:{self.number} {self.source} {self.kind}, {self.rows} rows, "
            f"complete: {self.complete})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: the window as two ISO texts."""
        out: dict[str, Any] = {"number": self.number, "kind": self.kind, "role": self.role}
        out |= {"source": self.source, "query": self.query, "asked": self.asked}
        out |= {"start": format_ns(self.window.start_ns), "end": format_ns(self.window.end_ns)}
        out |= {"params": dict(self.params), "pages": self.pages, "requests": self.requests}
        out |= {"retries": self.retries, "rows": self.rows, "bytes": self.bytes}
        out |= {"seconds": round(self.seconds, 3), "warnings": list(self.warnings)}
        out |= {"complete": self.complete, "reason": self.reason, "selection": self.selection}
        out |= {"digest": self.digest, "asked_at": format_ns(self.asked_at_ns)}
        # Left out where there is none: what older versions wrote and read stays as it is.
        return out | ({"explore": dict(self.explore)} if self.explore else {})


class Ledger:
    """Every query of a connection, in the order they were answered.

    Iterable and indexable from 0; ``ledger.last`` is the newest. `to_frame` gives a row a query,
    and a notebook shows it as a table.
    """

    def __init__(self) -> None:
        self._records: list[QueryRecord] = []
        self._lock = threading.Lock()

    def add(self, record: QueryRecord) -> QueryRecord:
        """Enter a record; it comes back with its number."""
        with self._lock:
            numbered = replace(record, number=len(self._records) + 1)
            self._records.append(numbered)
        return numbered

    @property
    def records(self) -> tuple[QueryRecord, ...]:
        """All records, oldest first."""
        return tuple(self._records)

    @property
    def last(self) -> QueryRecord | None:
        """The newest record, or None."""
        return self._records[-1] if self._records else None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[QueryRecord]:
        return iter(self.records)

    def __getitem__(self, index: int) -> QueryRecord:
        return self._records[index]

    def __repr__(self) -> str:
        partial = sum(record.complete != "yes" for record in self._records)
        return f"Ledger({len(self._records)} queries, {partial} not known to be complete)"

    def to_frame(self) -> Any:
        """A polars frame, a row a query.

        Columns: number, source, kind, role, query, start, end (ns, UTC), rows, bytes, seconds,
        requests, retries, complete, reason, selection, warnings (list of text), digest.
        """
        import polars as pl

        utc_ns = pl.Datetime("ns", "UTC")
        columns: dict[str, Any] = {
            "number": pl.Int64,
            "source": pl.String,
            "kind": pl.String,
            "role": pl.String,
            "query": pl.String,
            "start": utc_ns,
            "end": utc_ns,
            "rows": pl.Int64,
            "bytes": pl.Int64,
            "seconds": pl.Float64,
            "requests": pl.Int64,
            "retries": pl.Int64,
            "complete": pl.String,
            "reason": pl.String,
            "selection": pl.String,
            "warnings": pl.List(pl.String),
            "digest": pl.String,
        }
        rows = [
            {name: getattr(record, name, None) for name in columns}
            | {
                "start": record.window.start_ns,
                "end": record.window.end_ns,
                "warnings": list(record.warnings),
            }
            for record in self._records
        ]
        return pl.DataFrame(rows, schema=columns)

    def to_html(self) -> str:
        """A table for a notebook, all server text escaped."""
        cell = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
        query = "font-family:monospace;font-size:90%;max-width:36em;white-space:normal;word-break:break-all"
        rows = [
            (record.number, record.source, _cut(record.query), record.rows, record.complete, record.reason)
            for record in self._records
        ]
        told = f"{cell};max-width:24em"
        body = "".join(
            f"<tr><td style='{cell}'>{number}</td><td style='{cell}'>{html.escape(source)}</td>"
            f"<td style='{cell}'><div style='{query}'>{html.escape(text)}</div></td>"
            f"<td style='{cell}'>{count:,}</td>"
            f"<td style='{cell}'>{complete}</td><td style='{told}'>{html.escape(reason)}</td></tr>"
            for number, source, text, count, complete, reason in rows
        )
        names = ("#", "source", "query", "rows", "complete", "how that is known")
        head = "".join(f"<th style='{cell}'>{name}</th>" for name in names)
        return (
            f"<table style='table-layout:auto;white-space:normal'><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()


def _cut(text: str, longest: int = 160) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
