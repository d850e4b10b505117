"""The five kinds of frame: their columns, types, units and meaning.

Which name a further column has never depends on the data: a stream or metric label is bare
(``namespace``), or ``label.x`` where ``x`` is a core name; structured metadata is
``metadata.x``; a parsed field is ``parsed.x``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from obsnb.digest import digest
from obsnb.errors import FrameError

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "BY_KIND",
    "EVENTS",
    "EXEMPLARS",
    "LOGS",
    "SERIES",
    "SPANS",
    "Column",
    "Schema",
    "digest",
    "dtype",
    "label_column",
    "type_name",
]


@dataclass(frozen=True)
class Column:
    """A core column: its name, type (a key of `dtype`), unit and meaning."""

    name: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Schema:
    """The core columns of one kind of frame, in order.

    `further` names the columns that are there only when there is something to put into them; no
    label may take their names.
    """

    name: str
    columns: tuple[Column, ...]
    further: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Schema({self.name}: {', '.join(column.name for column in self.columns)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The core columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def dtypes(self) -> dict[str, Any]:
        """The core columns' polars types, by name, in order."""
        return {column.name: dtype(column.type) for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame without rows that has every core column."""
        import polars as pl

        return pl.DataFrame(schema=self.dtypes())

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The core columns first, in order and of their types, missing ones null; the rest after."""
        import polars as pl

        kinds = self.dtypes()
        if list(frame.schema.items())[: len(kinds)] == list(kinds.items()):
            return frame
        core = [
            (pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, dtype=kind)).alias(name)
            for name, kind in kinds.items()
        ]
        rest = [name for name in frame.columns if name not in self.names]
        return frame.select(*core, *rest)

    def check(self, columns: Iterable[str], *, needs: Iterable[str], what: str) -> None:
        """Raise `FrameError` unless all the needed columns are there."""
        have = list(columns)
        missing = [name for name in needs if name not in have]
        if missing:
            raise FrameError(
                f"{what} needs the column{'s' if len(missing) > 1 else ''} "
                f"{', '.join(missing)} of {self.name}; the frame has {', '.join(have) or 'none'}.",
                hint=f"obsnb.schema.{self.name} lists what each column means; rename yours to match.",
            )


def dtype(name: str) -> Any:
    """The polars type of a column's type name.

    ``time`` is Datetime(ns, UTC), ``duration`` is Duration(ns), ``label`` is Categorical,
    ``text`` String, ``number`` Float64, ``integer`` Int64, ``bool`` Boolean, ``attributes`` a list of
    {key, type, value}, ``span_events`` a list of {time, name, attributes}, ``span_links`` a list
    of {trace_id, span_id, attributes}, ``histogram`` a struct {count, sum, buckets}, whose
    buckets are a list of {boundaries, lower, upper, count}.
    """
    return _types()[name]


def type_name(kind: Any) -> str:
    """The name of a polars type, as `dtype` knows it. Raises `FrameError` where no frame has it."""
    for name, known in _types().items():
        if known == kind:
            return name
    raise FrameError(f"No column of obsnb's frames has the type {kind}.")


@cache
def _types() -> dict[str, Any]:
    import polars as pl

    attribute = pl.Struct({"key": pl.String, "type": pl.String, "value": pl.String})
    time = pl.Datetime("ns", "UTC")
    bucket = pl.Struct(
        {"boundaries": pl.Int64, "lower": pl.Float64, "upper": pl.Float64, "count": pl.Float64}
    )
    return {
        "time": time,
        "duration": pl.Duration("ns"),
        "label": pl.Categorical,
        "text": pl.String,
        "number": pl.Float64,
        "integer": pl.Int64,
        "bool": pl.Boolean,
        "attributes": pl.List(attribute),
        "span_events": pl.List(
            pl.Struct({"time": time, "name": pl.String, "attributes": pl.List(attribute)})
        ),
        "span_links": pl.List(
            pl.Struct({"trace_id": pl.String, "span_id": pl.String, "attributes": pl.List(attribute)})
        ),
        "histogram": pl.Struct({"count": pl.Float64, "sum": pl.Float64, "buckets": pl.List(bucket)}),
    }


def _schema(name: str, *columns: tuple[str, str, str, str], further: tuple[str, ...] = ()) -> Schema:
    return Schema(name, tuple(Column(*column) for column in columns), further)


LOGS = _schema(
    "LOGS",
    ("timestamp", "time", "ns", "when the line was written, as the server has it"),
    ("service", "label", "", "the service that wrote it, by the stack's conventions"),
    ("level", "label", "", "severity, lower case"),
    ("line", "text", "", "the line as it was written"),
    ("trace_id", "text", "", "trace id, 32 hex digits, from metadata, label or a parsed field"),
    ("span_id", "text", "", "span id, 16 hex digits"),
    ("correlation_id", "text", "", "correlation or request id"),
    ("row_id", "text", "", "16 hex digits: hash of stream, nanosecond, line and metadata"),
)
SERIES = _schema(
    "SERIES",
    ("timestamp", "time", "ns", "when the sample was taken or evaluated"),
    ("metric", "label", "", "`__name__`, else `name=`, else the query"),
    ("series_id", "text", "", "16 hex digits: hash of the metric and all labels"),
    ("service", "label", "", "the service it is about, by the stack's conventions"),
    ("value", "number", "the metric's", "the sample; null where there is only a histogram"),
    further=("histogram",),
)
EXEMPLARS = _schema(
    "EXEMPLARS",
    ("timestamp", "time", "ns", "when the exemplar was observed"),
    ("metric", "label", "", "the metric's name"),
    ("value", "number", "the metric's", "what was observed"),
    ("trace_id", "text", "", "trace id, 32 hex digits"),
    ("span_id", "text", "", "span id, 16 hex digits"),
)
SPANS = _schema(
    "SPANS",
    ("trace_id", "text", "", "32 lower-case hex digits"),
    ("span_id", "text", "", "16 lower-case hex digits"),
    ("parent_span_id", "text", "", "16 lower-case hex digits; null for a root"),
    ("service", "label", "", "resource attribute service.name"),
    ("name", "text", "", "the span's name"),
    ("kind", "label", "", "server, client, internal, producer or consumer"),
    ("status", "label", "", "ok, error or unset"),
    ("status_message", "text", "", "what the status says"),
    ("start", "time", "ns", "start"),
    ("duration", "duration", "ns", "end minus start"),
    ("whole_trace", "bool", "", "true where every span of the trace was fetched"),
    ("events", "span_events", "", "span events, exceptions among them"),
    ("links", "span_links", "", "links to other spans"),
    ("attributes", "attributes", "", "every span attribute"),
    ("resource", "attributes", "", "every resource attribute"),
)
EVENTS = _schema(
    "EVENTS",
    ("timestamp", "time", "ns", "when it happened, or began"),
    ("end", "time", "ns", "when it ended; null where it has no length or has not ended"),
    ("kind", "label", "", "alert, deploy, restart, annotation or note"),
    ("title", "text", "", "what happened, in a line"),
    ("service", "label", "", "whom it is about"),
    ("source", "label", "", "where this is known from"),
)
BY_KIND = {
    "logs": LOGS,
    "series": SERIES,
    "exemplars": EXEMPLARS,
    "spans": SPANS,
    "events": EVENTS,
}


def label_column(schema: Schema, label: str) -> str:
    """The column of a stream or metric label: its own name, or ``label.x`` for a core name."""
    taken = label in schema.names or label in schema.further or label.startswith("label.")
    return f"label.{label}" if taken else label
