"""Which span each log line belongs to: by trace id, by correlation id, else by service and time."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns
from obsnb.analysis.border import like, to_polars
from obsnb.analysis.clocks import clock_skew
from obsnb.analysis.covering import MOST, innermost, nesting, running
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.service_names import service_names
from obsnb.analysis.tree import grow
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, SPANS, dtype

__all__ = ["correlate_logs"]

_HEX = 32  # digits of a trace id; 64-bit ids are written with 16 or padded with zeros
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "line": pl.String,
    "row_id": pl.String,
    "by": pl.String,
    "sure": pl.String,
    "candidates": pl.Int64,
    "trace_id": pl.String,
    "span_id": pl.String,
    "span_service": pl.String,
    "span_name": pl.String,
    "span_start": dtype("time"),
    "span_duration": dtype("duration"),
    "skew": dtype("duration"),
    "evidence": pl.String,
}
_BY_TRACE, _BY_CORRELATION, _BY_TIME = "trace_id", "correlation_id", "service_time"


def correlate_logs(logs: Any, spans: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The span that each log line belongs to, how that is known, and how surely.

    Parameters
    ----------
    logs
        LOGS, parsed or not; ``timestamp`` and ``line`` suffice. Ids are read from the lines.
    spans
        SPANS; the ids, ``service``, ``start`` and ``duration`` suffice.

    Returns
    -------
    frame
        A row a log line, in their order.

        - ``timestamp``, ``service``, ``line``, ``row_id``: the line's (null where the frame has none)
        - ``by``: ``trace_id``, ``correlation_id`` (an id of the line that also stands in a span's
          attributes) or ``service_time`` (a span of that service ran then); null where nothing fits
        - ``sure``: ``certain`` (the line names the span), ``likely`` (it names the trace, and one span of
          its service was the innermost then, or is the only one in it), ``possible`` (it names neither; of
          the traces that are here, only one had that service at work then. There may be others that were
          not kept), ``trace`` (the trace is known, no span of it fits), ``ambiguous`` (several fit as
          well: none is chosen), ``none``
        - ``candidates`` (Int64): how many spans fit as well as each other
        - ``trace_id``: the span's; else the one that the line names; null where candidates are of several
        - ``span_id``, ``span_service``, ``span_name``, ``span_start``, ``span_duration``: the span's; null
          where none was chosen
        - ``skew`` (Duration): by how much the span's times had to be moved for it to fit; null
          where the times were not needed
        - ``evidence``: ``span:TRACE/SPAN``

    Raises
    ------
    FrameError
        One of the two is no frame, or lacks a column.

    Notes
    -----
    - A line that names a trace which is not in `spans` is not given to another by its time; nor is one
      that has a correlation id given to a trace that has another.
    - Times are first taken as they are, a line's as good as it was written (milliseconds or whole seconds
      where no line of the service has more). Where nothing fits, the service's spans are widened
      by what `clock_skew` tells of its clock, on the side that the clock is wrong; a line that was stamped
      by another clock (an agent's, a server's) then fits.
    - Spans of the line's service only; of any service where the line has none but names its trace.
    """
    lines = to_polars(logs, LOGS, needs=("timestamp", "line"), what="correlate_logs")
    needs = ("trace_id", "span_id", "service", "start", "duration")
    tree = to_polars(spans, SPANS, needs=needs, what="correlate_logs")
    if "parsed.format" not in lines.columns:
        lines = to_polars(parse_logs(lines, conventions=conventions), LOGS, needs=(), what="correlate_logs")
    return like(_Matching(LOGS.conform(lines), tree, conventions).table(), logs, same_rows=True)


def _id(column: str, width: int) -> pl.Expr:
    plain = pl.col(column).str.strip_chars().str.to_lowercase().str.replace_all("-", "", literal=True)
    return pl.when(plain.str.strip_chars("0") != "").then(plain.str.zfill(width))


class _Matching:
    """Lines and spans side by side, and what of the lines has found its span so far."""

    def __init__(self, lines: pl.DataFrame, spans: pl.DataFrame, conventions: Conventions) -> None:
        self._names = tuple(dict.fromkeys((*conventions.correlation_fields, *conventions.request_fields)))
        tree = grow(spans)
        self._first, self._last = nesting(tree)
        known = service_names(spans["service"], conventions=conventions)
        chosen = spans[tree.rows]
        self._lines = lines.with_columns(service=lines["service"].cast(pl.String))
        self._rows = self._lines.select(
            pl.int_range(pl.len()).alias("row"),
            _id("trace_id", _HEX).alias("trace"),
            _id("span_id", 16).alias("span_id"),
            known.services(self._lines["service"].replace("", None)).alias("service"),
            pl.col("timestamp").to_physical().alias("time"),
        )
        self._spans = chosen.select(
            pl.int_range(pl.len()).alias("span"),
            _id("trace_id", _HEX).alias("trace"),
            _id("span_id", 16).alias("span_id"),
            known.services(chosen["service"].cast(pl.String)).alias("service"),
            pl.Series("start", tree.start),
            pl.Series("end", tree.end),
            (pl.col("start").is_not_null() & pl.col("duration").is_not_null()).alias("timed"),
        )
        self._chosen = chosen
        self._trace_ids = self._trace_numbers(lines, spans, tree.rows)
        self._skew = self._allowances(spans, known.services)

    def _trace_numbers(self, lines: pl.DataFrame, spans: pl.DataFrame, rows: Any) -> pl.DataFrame:
        """The traces in which a correlation id of each line stands: ``row``, ``trace``."""
        kept = attribute_columns(spans[rows], self._names).with_columns(trace=self._spans["trace"])
        own = kept.unpivot(index="trace", value_name="id").drop("variable")
        self._ids_of_traces = own.filter(pl.col("id") != "").drop_nulls().unique()
        forms = ("{}", "parsed.{}", "metadata.{}")
        wanted = ["correlation_id", *(form.format(name) for form in forms for name in self._names)]
        columns = [name for name in dict.fromkeys(wanted) if name in lines.columns]
        said = lines.select(pl.int_range(pl.len()).alias("row"), pl.col(columns).cast(pl.String))
        said = said.unpivot(index="row", value_name="id").drop("variable")
        self._ids_of_lines = said.filter(pl.col("id") != "").drop_nulls().unique()
        return self._ids_of_lines.join(self._ids_of_traces, on="id").select("row", "trace").unique()

    @staticmethod
    def _allowances(spans: pl.DataFrame, services: Any) -> pl.DataFrame:
        """How far each service's spans may lie after (``ahead``) and before (``behind``) the true time."""
        pairs: pl.DataFrame = clock_skew(SPANS.conform(spans)).filter("skewed")
        high, low = pl.col("offset_high").to_physical(), pl.col("offset_low").to_physical()
        both = pl.concat(
            [
                pairs.select(pl.col("callee").alias("service"), high.alias("ahead"), (-low).alias("behind")),
                pairs.select(pl.col("caller").alias("service"), (-low).alias("ahead"), high.alias("behind")),
            ]
        )
        both = both.with_columns(services(both["service"]).alias("service"))
        widest: pl.DataFrame = both.group_by("service").agg(pl.col("ahead", "behind").max().clip(0))
        return widest

    def table(self) -> pl.DataFrame:
        named = self._named()
        rest = self._rows.join(named, on="row", how="anti")
        traces = self._spans.select("trace").drop_nulls().unique()
        traced = rest.select("row", "trace").join(traces, on="trace").with_columns(by=pl.lit(_BY_TRACE))
        rest = rest.join(traced, on="row", how="anti")
        linked = self._trace_ids.join(rest.select("row"), on="row").with_columns(by=pl.lit(_BY_CORRELATION))
        rest = rest.join(linked, on="row", how="anti").filter(pl.col("trace").is_null())
        found = pl.concat(
            [named, self._within_traces(pl.concat([traced, linked])), self._by_time(rest)],
            how="diagonal_relaxed",
        )
        return self._told(found)

    def _named(self) -> pl.DataFrame:
        """The lines that name their span."""
        keys = ["trace", "span_id"]
        there = self._spans.unique(keys, keep="first", maintain_order=True)
        joined = self._rows.drop_nulls(keys).join(there, on=keys, suffix="_of_span")
        return joined.select(
            "row",
            "trace",
            "span",
            by=pl.lit(_BY_TRACE),
            sure=pl.lit("certain"),
            candidates=pl.lit(1, pl.Int64),
        )

    def _within_traces(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """The span of each line in the traces that it names: ``row``, ``trace``, ``by``."""
        rows = wanted.join(self._rows.drop("trace"), on="row")
        spans = self._spans.filter(pl.col("trace").is_not_null())
        anyone = spans.filter(rows["service"].is_null().any()).with_columns(
            service=pl.lit(None, pl.String)
        )  # for lines that nobody is said to have written
        spans = pl.concat([spans.filter(pl.col("service").is_not_null()), anyone])
        found = self._covering(spans, rows, ["trace", "service"])
        left = rows.join(found.select("row").unique(), on="row", how="anti")
        alone = spans.filter(pl.len().over("trace", "service") == 1)
        lone = left.join(alone.select("trace", "service", "span"), on=["trace", "service"], nulls_equal=True)
        fits = pl.concat([found, lone.select("row", "trace", "span", "by")], how="diagonal_relaxed")
        return self._counted(
            pl.concat(
                [fits, rows.join(fits.select("row"), on="row", how="anti").select("row", "trace", "by")],
                how="diagonal_relaxed",
            ),
            "likely",
        )

    def _by_time(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The span of each line that names no trace: whoever of its service was at work then."""
        rows = rows.filter(pl.col("service").is_not_null()).with_columns(by=pl.lit(_BY_TIME))
        spans = self._spans.filter(pl.col("service").is_not_null())
        found = self._covering(spans, rows.drop("trace"), ["service"])
        return self._counted(found, "possible")

    def _counted(self, fits: pl.DataFrame, word: str) -> pl.DataFrame:
        """A row a line: its span where one fits, else how many do."""
        fits = fits.with_columns(
            (pl.col(name) if name in fits.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in {"span": pl.Int64, "many": pl.Int64, "skew": pl.Int64}.items()
        )
        many = (pl.col("many").max().fill_null(0) + pl.col("span").n_unique()).alias("candidates")
        one = fits.group_by("row").agg(
            pl.when(pl.col("trace").n_unique() == 1).then(pl.col("trace").first()).alias("trace"),
            pl.col("by").first(),
            pl.col("skew").first(),
            many - pl.col("span").is_null().any().cast(pl.Int64),
            pl.col("span").first(),
        )
        single = pl.col("candidates") == 1
        traced = pl.when(pl.col("trace").is_not_null()).then(pl.lit("trace")).otherwise(pl.lit("ambiguous"))
        return one.with_columns(
            pl.when(single).then("span").alias("span"),
            pl.when(single)
            .then(pl.lit(word))
            .when(pl.col("candidates") == 0)
            .then(traced)
            .otherwise(pl.lit("ambiguous"))
            .alias("sure"),
        )

    def _covering(self, spans: pl.DataFrame, rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
        """The innermost spans at the time of each row, within its keys; widened where there is none."""
        spans, rows = spans.filter("timed"), rows.drop_nulls("time")
        key = pl.struct(keys).hash(5).reinterpret(signed=True).alias("key")
        spans, rows = spans.with_columns(key), rows.with_columns(key)
        rows = rows.join(self._skew, on="service", how="left", maintain_order="left")
        rows = rows.with_columns(until=pl.col("time") + _fineness() - 1)
        rows = rows.with_columns(low="time", high="until")
        exact = self._at(spans, rows, keys)
        left = rows.join(exact.select("row").unique(), on="row", how="anti")
        left = left.filter((pl.col("ahead") > 0) | (pl.col("behind") > 0))
        wide = left.with_columns(pl.col("low") - pl.col("behind"), pl.col("high") + pl.col("ahead"))
        return pl.concat([exact, self._at(spans, wide, keys)], how="diagonal_relaxed")

    def _at(self, spans: pl.DataFrame, moments: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
        pairs, count = running(spans, moments)
        of_span = spans[pairs["span"]].select("span", "trace", "start", "end")
        of_line = moments[pairs["moment"]].select("row", "by", "time", "until")
        both = pl.concat([pairs.select("moment"), of_span, of_line], how="horizontal")
        late, early = pl.col("start") - pl.col("until"), pl.col("end") - pl.col("time")
        fit = innermost(both, self._first, self._last).with_columns(
            pl.when(late > 0).then(late).when(early < 0).then(early).otherwise(0).alias("skew")
        )
        moments = moments.with_columns(many=count)
        crowd = moments.filter(pl.col("many") > MOST)
        known = ["trace"] if "trace" in keys else []
        return pl.concat(
            [self._agreeing(fit).drop("moment"), crowd.select("row", "by", "many", *known)],
            how="diagonal_relaxed",
        )

    def _agreeing(self, fit: pl.DataFrame) -> pl.DataFrame:
        """Without the traces that have another correlation id than the line has."""
        timed = fit.filter(pl.col("by") == _BY_TIME)
        labelled = timed.join(self._ids_of_lines.select("row").unique(), on="row", how="semi")
        other = labelled.join(self._ids_of_traces.select("trace").unique(), on="trace", how="semi")
        return fit.join(other.select("row", "trace"), on=["row", "trace"], how="anti")

    def _told(self, found: pl.DataFrame) -> pl.DataFrame:
        matched = self._rows.select("row", pl.col("trace").alias("named")).join(
            found, on="row", how="left", maintain_order="left"
        )
        span = self._chosen.select(
            pl.col("service").cast(pl.String).alias("span_service"),
            (pl.col("name") if "name" in self._chosen.columns else pl.lit(None, pl.String)).alias(
                "span_name"
            ),
            pl.col("start").alias("span_start"),
            pl.col("duration").alias("span_duration"),
            pl.col("trace_id").alias("own_trace"),
            "span_id",
        ).with_row_index("span")
        matched = matched.with_columns(pl.col("span").cast(span.schema["span"])).join(
            span, on="span", how="left", maintain_order="left"
        )
        full = pl.format("span:{}/{}", "own_trace", "span_id").alias("evidence")
        told = matched.with_columns(
            pl.coalesce("own_trace", "trace", "named").alias("trace_id"),
            pl.col("sure").fill_null("none"),
            pl.col("candidates").fill_null(0),
            pl.when(pl.col("span").is_not_null()).then(full).alias("evidence"),
            pl.when(pl.col("span").is_not_null()).then("skew").alias("skew"),
        )
        own = self._lines.select("timestamp", "service", "line", "row_id")
        both = pl.concat([own, told.drop("row", "named", "trace")], how="horizontal")
        return both.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())


def _fineness() -> pl.Expr:
    """How fine each row's time is, in ns: the coarsest unit that all times of its service are whole in."""
    fine = pl.lit(1, pl.Int64)
    for unit in (10**3, 10**6, 10**9):
        fine = pl.when((pl.col("time") % unit == 0).all().over("service")).then(unit).otherwise(fine)
    return fine
