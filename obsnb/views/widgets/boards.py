"""Boards over what the analysis found: errors, slow queries, traces, health, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from obsnb.views.widgets.base import Answer
from obsnb.views.widgets.listing import as_polars
from obsnb.views.widgets.table import NAMES, Column, TableWidget
from obsnb.views.widgets.turns import in_turn

__all__ = ["ErrorBoard", "HealthPanel", "LedgerBoard", "SlowQueryBoard", "TraceTable"]

_SPANS = ("trace_id", "span_id", "service", "name", "start", "duration")


class ErrorBoard(TableWidget):
    """Error groups, new ones marked, each with its sample; `on_follow` gives its first trace id.

    Parameters
    ----------
    frame
        As `obsnb.error_groups` gives it.
    height
        Pixels of the list.
    """

    title, noun, act = "Errors", "group", "Open a trace of it"
    nothing = "There is no error to show: no line and no span says that it failed."
    needs = ("type", "count")
    told_by = (("group_id",),)
    columns = (
        Column("count", "count", "60px", "occurrences in the window"),
        Column("is_new", "new", "74px", "not seen in the baseline"),
        Column("type", "error", "minmax(0, 1fr)"),
        Column("message", "message", "minmax(0, 2.4fr)"),
        Column("service", "service", NAMES),
        Column("users", "users", "56px", "how many different users met it"),
        Column("before", "before", "56px", "occurrences in the baseline"),
        Column("within", "within", "56px", "occurrences in the incident"),
        Column("first_seen", "first seen", "168px", "UTC"),
    )

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """A new group carries a star and the word."""
        if column == "is_new":
            return ("★ new", "bad") if value else ("", "")
        return super().look(column, value)

    def whole(self, row: Mapping[str, Any]) -> str:
        """One occurrence as it was written."""
        return row.get("sample") or row.get("message") or ""

    def target(self, row: Mapping[str, Any]) -> str:
        """The first trace that it shows in."""
        return next(iter(row.get("trace_ids") or []), "")


class SlowQueryBoard(TableWidget):
    """Statements and calls by the time they took, formatted; `on_follow` gives the slowest trace.

    Parameters
    ----------
    frame
        As `obsnb.slow_queries` gives it.
    height
        Pixels of the list.
    """

    title, noun, act = "Slow queries", "statement", "Open its slowest trace"
    nothing = "There is no statement and no call to show."
    needs = ("fingerprint", "count")
    told_by = (("fingerprint", "service", "peer"), ("fingerprint",))
    columns = (
        Column("said", "statement or call", "minmax(220px, 3fr)"),
        Column("total", "total", "80px", "time of all calls together"),
        Column("count", "calls", "54px", "calls in the frame"),
        Column("p50", "p50", "62px", "half of the calls took less"),
        Column("p95", "p95", "62px", "95 % of the calls took less"),
        Column("change", "change", "70px", "p95 of the incident over that of the baseline"),
        Column("n_plus_one", "N+1", "48px", "traces that made the same call again and again"),
        Column("service", "service", NAMES, "who calls"),
        Column("peer", "on", NAMES, "who is called"),
    )

    def prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        """With the statement, or a call's operation, as what is read."""
        said = [name for name in ("statement", "operation") if name in frame.columns]
        return frame.with_columns(pl.coalesce(said).alias("said")) if said else frame

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """A change is a factor, with an arrow where it is one; calls made again and again carry a mark."""
        text, look = super().look(column, value)
        if column == "n_plus_one":
            return (f"↻ {text}", "warn") if value else ("", "")
        if column != "change" or value is None:
            return text, look
        return (f"▲ {text}×", "bad") if value >= 2 else (f"▼ {text}×" if value <= 0.5 else f"{text}×", look)

    def whole(self, row: Mapping[str, Any]) -> str:
        """The statement on as many lines as it has clauses."""
        statement = row.get("statement")
        return _formatted(statement, row.get("system")) if statement else row.get("operation") or ""

    def target(self, row: Mapping[str, Any]) -> str:
        """Its slowest trace."""
        return next(iter(row.get("trace_ids") or []), "")


def _formatted(statement: str, system: str | None) -> str:
    """SQL with a line a clause; as it is where it cannot be read, which a cut one cannot."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    dialect = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}.get(system or "")
    try:
        return sqlglot.transpile(statement, read=dialect, write=dialect, pretty=True)[0]
    except (SqlglotError, IndexError, RecursionError):
        return statement


class TraceTable(TableWidget):
    """A row a trace: when, how long, where it began, how many spans, and how many of them failed.

    Parameters
    ----------
    frame
        SPANS: polars (also lazy), pandas or pyarrow.
    height
        Pixels of the list.

    Attributes
    ----------
    selection
        The spans of the chosen traces; a frame with ``trace_id`` that is assigned chooses its traces.
    """

    title, noun, act = "Traces", "trace", "Open it"
    nothing = "There is no trace to show: the frame is empty."
    told_by = (("trace_id",),)
    columns = (
        Column("start", "start", "170px", "UTC"),
        Column("duration", "took", "82px", "from its first start to its last end"),
        Column("service", "service", NAMES, "of its first root"),
        Column("name", "root", "minmax(0, 2fr)"),
        Column("spans", "spans", "60px"),
        Column("services", "services", "74px", "how many different ones"),
        Column("failed", "failed", "84px", "spans with status error"),
        Column("trace_id", "trace", "minmax(0, 1fr)"),
    )

    def prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A row a trace, in the order of their starts."""
        self._spans = frame
        spans = SPANS.conform(to_polars(frame, SPANS, needs=_SPANS, what="TraceTable"))
        root = pl.col("parent_span_id").is_null()
        first = (root.not_(), "start")
        return (
            spans.drop_nulls(["trace_id", "start", "duration"])
            .group_by("trace_id")
            .agg(
                pl.col("start").min(),
                ((pl.col("start") + pl.col("duration")).max() - pl.col("start").min()).alias("duration"),
                pl.col("service", "name").sort_by(*first).first(),
                pl.len().cast(pl.Int64).alias("spans"),
                pl.col("service").n_unique().cast(pl.Int64).alias("services"),
                (pl.col("status") == "error").sum().cast(pl.Int64).alias("failed"),
            )
            .sort("start", "trace_id")
        )

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """Failures carry a cross."""
        if column == "failed":
            return (f"✖ {value:,}", "bad") if value else ("0", "quiet")
        return super().look(column, value)

    def target(self, row: Mapping[str, Any]) -> str:
        """The trace."""
        return str(row["trace_id"])

    @property
    @in_turn
    def selection(self) -> Any:
        """The spans of the chosen traces, as a frame of the kind that was passed in."""
        return self._spans_of(self.chosen)

    @selection.setter
    def selection(self, frame: Any) -> None:
        self.choose_named(as_polars(frame, what="TraceTable.selection"))

    @property
    @in_turn
    def rest(self) -> Any:
        """The spans of the other traces."""
        return self._spans_of(~self.chosen)

    def _spans_of(self, which: npt.NDArray[np.bool_]) -> Any:
        if self.trouble:
            return like(self.source, self.given)
        wanted = self.source.filter(which)["trace_id"]
        return like(
            self._spans.filter(pl.col("trace_id").cast(pl.String).is_in(wanted.implode())), self.given
        )


class LedgerBoard(TableWidget):
    """What was asked, and whether the answer is all there is.

    Parameters
    ----------
    frame
        A ledger's ``to_frame()``.
    height
        Pixels of the list.
    """

    title, noun = "Queries", "query"
    nothing = "Nothing has been asked yet."
    needs = ("number", "query")
    told_by = (("number",),)
    columns = (
        Column("number", "#", "46px"),
        Column("source", "source", "100px"),
        Column("query", "query", "minmax(0, 3fr)"),
        Column("rows", "rows", "80px", "rows of the answer"),
        Column("seconds", "took (s)", "78px", "seconds"),
        Column("complete", "complete", "110px", "whether it is all there is"),
        Column("reason", "how that is known", "minmax(0, 2fr)"),
    )

    def says(self) -> str:
        """How many queries, and how many are not known to be complete."""
        if self.source.is_empty():
            return super().says()
        known = self.source["complete"].to_list() if "complete" in self.source.columns else []
        partial, chosen = self.source.height - known.count("yes"), int(self.chosen.sum())
        many = f"{self.source.height:,} quer{'y' if self.source.height == 1 else 'ies'}"
        return f"{many}, {partial:,} not known to be complete" + f", {chosen:,} selected" * (chosen > 0)

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """The verdict as a mark and a word."""
        if column == "complete":
            return {"yes": ("✓ yes", ""), "no": ("✖ no", "bad")}.get(value, ("? unknown", "warn"))
        return super().look(column, value)

    def whole(self, row: Mapping[str, Any]) -> str:
        """The query's text."""
        return str(row["query"])


class HealthPanel(TableWidget):
    """How each source is doing, asked again at the push of a button.

    Parameters
    ----------
    health
        As ``obs.health()`` gives it, or ``obs.health`` itself, to be asked now and again.
    height
        Pixels of the list.
    """

    title, noun = "Health", "source"
    nothing = "No source is connected."
    needs = ("source", "status")
    told_by = (("source", "kind"),)
    columns = (
        Column("source", "source", "minmax(0, 1fr)"),
        Column("kind", "kind", "90px"),
        Column("status", "status", "130px"),
        Column("latency_s", "latency (s)", "90px", "seconds until it answered"),
        Column("version", "version", "minmax(0, 1fr)"),
        Column("clock_skew_s", "skew (s)", "80px", "seconds that its clock is ahead of this one"),
        Column("message", "message", "minmax(0, 3fr)"),
    )
    slow_questions = ("again",)

    def __init__(self, health: Any, *, height: int = 200) -> None:
        self._ask: Callable[[], Any] | None = health if callable(health) else None
        super().__init__(health() if callable(health) else health, height=height)

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """A status as a mark and a word."""
        if column == "status":
            mark, look = {"ok": ("✓", ""), "archive": ("✓", ""), "degraded": ("▲", "warn")}.get(
                value, ("✖", "bad")
            )
            return f"{mark} {value}", look
        return super().look(column, value)

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """The table's, and to ask the sources again."""
        return {**super().questions(), **({"again": self._again} if self._ask else {})}

    def _again(self, _: Mapping[str, Any]) -> Answer:
        if self._ask is None:
            raise FrameError("This panel was given an answer, and nobody to ask.")
        health = self._ask()
        self.read_anew(health)
        return {}
