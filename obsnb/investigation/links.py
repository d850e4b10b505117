"""How an investigation's rows hang together: what an id names, and which traces and lines that reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.correlated_exemplars import correlate_exemplars
from obsnb.analysis.correlated_lines import correlate_logs
from obsnb.analysis.service_names import Names, service_names
from obsnb.analysis.slow_queries import statement_calls
from obsnb.connection import Connection
from obsnb.errors import NotRecordedError, UsageError
from obsnb.investigation.evidence import NEAR_NS
from obsnb.investigation.found import Found
from obsnb.schema import EXEMPLARS, Schema
from obsnb.timerange import TimeRange

__all__ = ["Links", "Reached"]

_ANY = Schema("rows", ())
_TRACES = {"trace_id": pl.String, "by": pl.String}
_FORMS = (
    "Give an id as results carry it: a group_id of inv.error_groups(), a fingerprint of inv.slow_queries(), "
    "a trace_id, a series_id, log:ROW, span:TRACE/SPAN or series:ID@ns; or rows that have one."
)


@dataclass(frozen=True)
class Reached:
    """What some ids lead to.

    Attributes
    ----------
    traces
        ``trace_id`` and ``by`` (how it was reached), each trace once.
    lines
        ``row_id`` of the lines that the ids themselves name.
    series
        ``series_id`` of the series that they name.
    services
        Whom they are about; empty where that is whoever is in the traces.
    moments
        Times (ns) of what they name.
    """

    traces: pl.DataFrame
    lines: tuple[str, ...]
    series: tuple[str, ...]
    services: tuple[str, ...]
    moments: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Reached({self.traces.height} traces, {len(self.lines)} lines, {len(self.series)} series)"


class Links:
    """The joins between an investigation's rows, each made when it is first wanted.

    Parameters
    ----------
    found
        What the analysis found.
    obs, window, scope
        What is asked for exemplars, once, when a series is first followed.
    """

    def __init__(self, found: Found, obs: Connection, window: TimeRange, scope: Mapping[str, str]) -> None:
        self.found, self.rows = found, found.rows
        self._obs, self._window, self._scope = obs, window, scope

    def __repr__(self) -> str:
        return f"Links({self.rows!r})"

    def out(self, frame: pl.DataFrame) -> Any:
        """The frame as the connection gives frames."""
        return self._obs.out(frame)

    @cached_property
    def lines(self) -> pl.DataFrame:
        """`obsnb.correlate_logs` of all lines and spans."""
        frame: pl.DataFrame = correlate_logs(
            self.rows.logs, self.rows.spans, conventions=self._obs.conventions
        )
        return frame

    @cached_property
    def exemplars(self) -> pl.DataFrame:
        """`obsnb.correlate_exemplars` of the window's exemplars; none where they were not recorded."""
        try:
            asked = self._obs.role("requests.exemplars", self._window, scope=self._scope)
        except NotRecordedError:
            asked = None
        frame: pl.DataFrame = correlate_exemplars(
            EXEMPLARS.empty() if asked is None else asked,
            self.rows.spans,
            self.rows.series,
            conventions=self._obs.conventions,
        )
        return frame

    @cached_property
    def calls(self) -> pl.DataFrame:
        """Each call of a statement, with its ``trace``: the span's, or the one that its line belongs to."""
        calls = statement_calls(self.rows.spans, self.rows.logs, conventions=self._obs.conventions)
        return calls.join(self._trace_of_line, on="row_id", how="left", maintain_order="left").with_columns(
            pl.coalesce(pl.col("trace_id").replace("", None), "trace_of_line").alias("trace")
        )

    @cached_property
    def errors(self) -> pl.DataFrame:
        """Where each error group shows: ``group_id``, ``service``, ``time``, ``trace``, ``row_id``."""
        events = self.found.occurrences
        cited = events.explode("evidence").with_columns(
            pl.col("evidence").str.strip_prefix("log:").alias("row_id"),
            pl.col("evidence").str.starts_with("log:").fill_null(value=False).alias("is_line"),
        )
        cited = cited.with_columns(pl.when("is_line").then("row_id").alias("row_id"))
        joined = cited.join(self._trace_of_line, on="row_id", how="left", maintain_order="left")
        return joined.select(
            "group_id",
            "service",
            pl.col("timestamp").to_physical().alias("time"),
            pl.coalesce(pl.col("trace_id").replace("", None), "trace_of_line").alias("trace"),
            "row_id",
        )

    @cached_property
    def _trace_of_line(self) -> pl.DataFrame:
        known = self.lines.select("row_id", pl.col("trace_id").alias("trace_of_line")).drop_nulls()
        return known.unique("row_id", keep="first")

    @cached_property
    def names(self) -> Names:
        """Which names mean the same service."""
        columns = (self.rows.spans, self.rows.series, self.rows.logs)
        return service_names(
            *(frame["service"].cast(pl.String) for frame in columns), conventions=self._obs.conventions
        )

    def reached(self, what: Any) -> Reached:
        """What an id, a row or a frame of rows leads to.

        Raises
        ------
        UsageError
            It is no id of this investigation, and has none.
        """
        ids = list(dict.fromkeys(_ids_of(what)))
        named = [one for one in map(self._named, ids) if one]
        if not named and (ids or isinstance(what, str)):
            raise UsageError(f"There is nothing called {ids[0]!r} in this investigation.", hint=_FORMS)
        sorted_out = {kind: [rest for one, rest in named if one == kind] for kind in _KINDS}
        lines, series = sorted_out["log"], [one.partition("@") for one in sorted_out["series"]]
        events = self.errors.filter(pl.col("group_id").is_in(sorted_out["group"]))
        calls = self.calls.filter(pl.col("fingerprint").is_in(sorted_out["statement"]))
        told = self.lines.filter(pl.col("row_id").is_in(lines))
        parts = [
            pl.DataFrame({"trace_id": sorted_out["trace"]}, schema={"trace_id": pl.String}).with_columns(
                by=pl.lit("trace_id")
            ),
            told.select("trace_id", pl.col("by").fill_null("trace_id")),
            events.select(pl.col("trace").alias("trace_id"), by=pl.lit("trace_id")),
            calls.select(pl.col("trace").alias("trace_id"), by=pl.lit("trace_id")),
            *(self._traces_of_series(one, moment) for one, _, moment in series),
        ]
        about = pl.concat([events["service"], calls["service"], calls["peer"], told["service"]])
        moments = pl.concat([events["time"], calls["start"], told["timestamp"].to_physical()]).drop_nulls()
        cited = pl.concat([events["row_id"], calls["row_id"], told["row_id"]]).drop_nulls().unique()
        return Reached(
            traces=pl.concat(parts)
            .drop_nulls("trace_id")
            .unique("trace_id", keep="first", maintain_order=True),
            lines=tuple(cited.to_list()),
            series=tuple(one for one, _, _ in series),
            services=tuple(self.names.services(about.drop_nulls().unique()).drop_nulls().to_list()),
            moments=(*moments.to_list(), *(int(moment) for _, _, moment in series if moment)),
        )

    @cached_property
    def _known(self) -> dict[str, set[str]]:
        """The names that there are, by what they name."""
        rows, found = self.rows, self.found
        return {
            "log": set(rows.logs["row_id"]),
            "trace": {*rows.spans["trace_id"].unique(), *rows.logs["trace_id"].unique()},
            "series": {*self._whose},
            "group": set(found.errors["group_id"]),
            "statement": set(found.statements["fingerprint"]),
        }

    @cached_property
    def _whose(self) -> dict[str, str | None]:
        """The service of every series, alerts among them."""
        frames = [
            frame.select("series_id", pl.col("service").cast(pl.String)).unique("series_id")
            for frame in (self.rows.alerts, self.rows.series)
        ]
        return dict(pl.concat(frames).drop_nulls("series_id").iter_rows())

    def _named(self, id: str) -> tuple[str, str] | None:
        """What an id names: its kind and what it is called there."""
        kind, colon, rest = id.partition(":")
        if not colon:
            kinds = [one for one in _KINDS if one != "log" and id in self._known[one]]
            return (kinds[0], id) if kinds else None
        kind, name = {"span": ("trace", rest.partition("/")[0])}.get(kind, (kind, rest))
        if kind == "series":
            series, at, moment = rest.partition("@")
            return (kind, rest) if series in self._known[kind] and (not at or moment.isdigit()) else None
        return (kind, name) if kind in ("log", "trace") and name in self._known[kind] else None

    def _traces_of_series(self, series: str, moment: str) -> pl.DataFrame:
        """The traces of a series' exemplars near a moment; else those of its service at that time."""
        near = pl.lit(value=True)
        if moment:
            near = (pl.col("timestamp").to_physical() - int(moment)).abs() <= NEAR_NS
        seen = self.exemplars.filter(pl.col("series_ids").list.contains(series) & near)
        seen = seen.filter(pl.col("by").is_not_null())  # of traces that are here
        if seen.height:
            return seen.select("trace_id", by=pl.lit("exemplar"))
        if not moment:
            return pl.DataFrame(schema=_TRACES)
        service = self.names.service(self._whose.get(series))
        spans = self.rows.spans.filter((pl.col("start").to_physical() - int(moment)).abs() <= NEAR_NS)
        of_service = self.names.services(spans["service"].cast(pl.String)) == (service or "")
        return spans.filter(of_service.fill_null(value=False)).select("trace_id", by=pl.lit("service_time"))


_KINDS = ("log", "trace", "series", "group", "statement")


def _ids_of(what: Any) -> Iterable[str]:
    """The ids that rows carry: what they are, else what they cite."""
    if isinstance(what, str):
        return [what.strip()]
    if isinstance(what, Mapping):
        frame = pl.DataFrame([what], infer_schema_length=None, strict=False)
    else:
        frame = to_polars(what, _ANY, needs=(), what="An investigation's links")
    for column, form in (
        ("group_id", "{}"),
        ("fingerprint", "{}"),
        ("row_id", "log:{}"),
        ("trace_id", "{}"),
    ):
        if column in frame.columns and frame[column].drop_nulls().len():
            return (
                frame.select(pl.format(form, pl.col(column).cast(pl.String)))
                .to_series()
                .drop_nulls()
                .unique(maintain_order=True)
                .to_list()
            )
    if "series_id" in frame.columns:
        return _of_series(frame)
    for column in ("evidence", "trace_ids"):
        if column in frame.columns:
            cited = frame[column].explode() if isinstance(frame.schema[column], pl.List) else frame[column]
            return [
                one for one in cited.drop_nulls().unique(maintain_order=True) if not one.startswith("query:")
            ]
    raise UsageError(
        f"These rows have no id: their columns are {', '.join(frame.columns) or 'none'}.", hint=_FORMS
    )


def _of_series(frame: pl.DataFrame) -> list[str]:
    if "timestamp" not in frame.columns:
        return frame.select(pl.format("series:{}", "series_id")).to_series().drop_nulls().unique().to_list()
    moment = pl.col("timestamp").cast(pl.Datetime("ns", "UTC")).to_physical()
    ids: list[str] = (
        frame.select(pl.format("series:{}@{}", "series_id", moment)).to_series().drop_nulls().to_list()
    )
    return ids
