"""A log browser: a million lines searched, filtered by level and service, folded into patterns."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.log_levels import spelt
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.patterns import mine_patterns
from obsnb.errors import FrameError, UsageError
from obsnb.schema import LOGS
from obsnb.timerange import TimeRange
from obsnb.views.formats import clock, counted, moment
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, script
from obsnb.views.widgets.line_search import FACETS, Query, all_of, coded, facet, holding, values_of
from obsnb.views.widgets.listing import ListWidget, Places, cut, whole_number, whole_text
from obsnb.views.widgets.turns import in_turn

__all__ = ["LogBrowser"]

_MOST_VALUES = 40  # of a facet, the most frequent ones
_STILL = 30  # lines of the static form


class LogBrowser(ListWidget):
    """Lines in the order of their time, drawn as one scrolls, searched and filtered in the kernel.

    Parameters
    ----------
    logs
        LOGS: polars (also lazy), pandas or pyarrow; ``timestamp`` and ``line`` suffice.
    height
        Pixels of the list.

    Attributes
    ----------
    selection
        The chosen lines as a frame; may be assigned.
    trace_id
        The trace that was last jumped to, or None.

    Notes
    -----
    Where the lines were parsed (`obsnb.parse_logs`), a row shows the message, and its fields the line.
    Levels that mean the same (``warn``, ``WARNING``) are one; a line's fields and `selection` have its own.
    A frame that cannot be shown leaves a sentence in the widget's place. Keys: arrows, page and home
    keys move; space chooses, shift extends, Escape clears; Enter shows a line's fields or opens a
    pattern; t opens the trace; / searches.
    """

    _esm = script("logs")
    told_by = (("row_id",), ("timestamp", "line"))

    def __init__(self, logs: Any, *, height: int = 420) -> None:
        super().__init__()
        self.trace_id: str | None = None
        self._height = height
        self._query = Query()
        self._jumps: list[Callable[[str], object]] = []
        self._patterns: pl.DataFrame | None = None
        self._folded: pl.DataFrame | None = None
        with self.putting_trouble_in_its_place():
            self._read(logs)
            self.renew()

    def _read(self, logs: Any) -> None:
        frame = self.take(logs)
        LOGS.check(frame.columns, needs=("timestamp", "line"), what="LogBrowser")
        if frame.is_empty():
            raise FrameError("There is no line to show: the frame is empty.")
        if not isinstance(frame.schema["timestamp"], pl.Datetime):
            raise FrameError(f"LogBrowser needs times in timestamp, not {frame.schema['timestamp']}.")
        times = frame["timestamp"].cast(pl.Datetime("ns")).to_physical()
        ordered = times.is_sorted() and not times.null_count()
        order = None if ordered else times.arg_sort(nulls_last=True).cast(pl.Int64).to_numpy()
        self.hold(frame, logs, order)
        self._times, self._all = times, self.order
        self._dated = times.is_not_null().any() and (
            times.min() // 86_400_000_000_000 != times.max() // 86_400_000_000_000  # type: ignore[operator]  # of integers
        )
        first = times.min()
        self._day = "" if self._dated or first is None else moment(int(first)).split()[0]  # type: ignore[arg-type]  # of integers
        facets = {name: facet(frame, name) for name in FACETS}
        self._codes = {name: coded(texts) for name, texts in facets.items()}
        self._nulls = {name: texts.null_count() > 0 for name, texts in facets.items()}
        self._facets = self._count_facets({}, None)

    # What is drawn.

    def says(self) -> str:
        """How many of how many lines, and how many chosen."""
        if self.source.is_empty():
            return super().says()
        chosen = int(self.chosen.sum())
        lines = counted(self.source.height, "line")
        if self._query.fold:
            said = f"{counted(len(self.order), 'pattern')} of {lines}"
        elif len(self.order) == self.source.height:
            said = lines
        else:
            said = f"{len(self.order):,} of {lines}"
        return said + (f", {chosen:,} selected" if chosen else "")

    def first_view(self) -> Answer:
        """The query, its facets and the first lines."""
        query = {name: value for name, value in asdict(self._query).items() if name != "window"}
        return {
            **super().first_view(),
            "query": query,
            "facets": self._facets,
            "height": self._height,
            "day": self._day,
            "jumps": bool(self._jumps),
        }

    def drawn(self, places: Places) -> list[Answer]:
        """Cells of lines, or of patterns while they are folded."""
        if self._query.fold and self._folded is not None:
            return [_pattern_cells(row) for row in self._folded[places].iter_rows(named=True)]
        return [self._line_cells(row) for row in self._texts(places).iter_rows(named=True)]

    def _texts(self, places: Places) -> pl.DataFrame:
        wanted = ("level", "service", "line", "trace_id", "parsed.message")
        rows = self.source.select(name for name in wanted if name in self.source.columns)[places]
        rows = rows.select(pl.all().cast(pl.String))
        if "level" in rows.columns:
            rows = rows.with_columns(spelt(rows["level"]))
        return rows.with_columns(self._times.gather(places).alias("ns"))

    def _line_cells(self, row: Mapping[str, Any]) -> Answer:
        return {
            "time": clock(row["ns"], digits=3, dated=self._dated),
            "level": cut(row.get("level"), 20),
            "service": cut(row.get("service"), 80),
            "line": _in_a_row(row.get("parsed.message") or row["line"]),
            "trace": bool(row.get("trace_id")),
        }

    def still_form(self) -> str:
        """The first lines in view, as a table."""
        rows = self.drawn(self.order[:_STILL])
        if self._query.fold:
            head: tuple[str, ...] = ("lines", "level", "service", "pattern", "seen (UTC)")
            keys: tuple[str, ...] = ("count", "level", "service", "line", "time")
        else:
            head, keys = (
                (f"{self._day or 'time'} (UTC)", "level", "service", "line"),
                ("time", "level", "service", "line"),
            )
        texts = tuple(tuple(f"{row[key]:,}" if key == "count" else row[key] for key in keys) for row in rows)
        looked = html.escape(self._looked_for())
        return f"<p>{looked}</p>{Table(head, texts, left_out=len(self.order) - len(rows)).to_html()}"

    def _looked_for(self) -> str:
        query = self._query
        parts = [f"lines with {query.text!r}"] * bool(query.text)
        parts += [
            f"{name} {', '.join(str(one) for one in values)}"
            for name in FACETS
            if (values := getattr(query, name))
        ]
        return f"Filtered: {'; '.join(parts)}." if parts else ""

    # What is asked.

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """Pages and choices, searches, the fields of a line, and its trace."""
        return {
            **super().questions(),
            "find": self._find,
            "details": self._details,
            "jump": self._jump,
        }

    def _find(self, given: Mapping[str, Any]) -> Answer:
        self._look_for(replace(Query.of(given), window=self._query.window))
        return {}

    @in_turn
    def find(
        self,
        text: str = "",
        *,
        regex: bool = False,
        level: tuple[str, ...] = (),
        service: tuple[str, ...] = (),
        fold: bool = False,
        window: TimeRange | None = None,
    ) -> None:
        """Show only lines with this text, of these levels and services, in this window.

        Raises
        ------
        UsageError
            The regular expression cannot be read.
        """
        if self.trouble:
            return
        span = None if window is None else (window.start_ns, window.end_ns)
        self._look_for(Query(text, regex, tuple(level), tuple(service), fold, window=span))
        self.say_changed()

    @in_turn
    def look_at(self, window: TimeRange | None) -> None:
        """Of what is looked for, show only what lies in this window; None shows all of it again."""
        if not self.trouble:
            span = None if window is None else (window.start_ns, window.end_ns)
            self._look_for(replace(self._query, window=span))
            self.say_changed()

    def _look_for(self, query: Query) -> None:
        masks = self._masks(query)
        inside = all_of(masks.values())
        order = self._all if inside is None else self._all[inside[self._all]]
        self._facets = self._count_facets(masks, inside)
        self._query = query
        if query.fold:
            self._folded = self._fold(order)
            order = np.arange(self._folded.height)
        self.order = order
        self.rows_moved()

    def _masks(self, query: Query) -> dict[str, npt.NDArray[np.bool_]]:
        """What each part of the query leaves, by its name."""
        masks = {}
        if query.text:
            masks["text"] = holding(self.source["line"], query.text, regex=query.regex)
        if query.window is not None:
            masks["window"] = self._times.is_between(*query.window, closed="left").fill_null(False).to_numpy()
        if query.only:
            masks["only"] = self.chosen
        if query.pattern is not None:
            masks["pattern"] = (self._mined()["pattern_id"] == query.pattern).fill_null(False).to_numpy()
        for name in FACETS:
            wanted = getattr(query, name)
            if wanted:
                codes, values = self._codes[name]
                sought = values_of(name, wanted)
                keep = np.array([value in sought for value in values], dtype=np.bool_)
                masks[name] = keep[codes]
        return masks

    def _count_facets(
        self, masks: Mapping[str, npt.NDArray[np.bool_]], inside: npt.NDArray[np.bool_] | None
    ) -> Answer:
        """For each value of a facet, the lines that all other parts of the query leave."""
        found = {}
        for name, (codes, values) in self._codes.items():
            kept = all_of(mask for part, mask in masks.items() if part != name) if name in masks else inside
            counts = np.bincount(codes if kept is None else codes[kept], minlength=len(values))
            known = len(values) - (not self._nulls[name])
            best = [place for place in np.argsort(-counts, kind="stable") if place < known]
            found[name] = [
                {"value": values[place], "count": int(counts[place])} for place in best[:_MOST_VALUES]
            ]
        return found

    # Patterns.

    def _mined(self) -> pl.DataFrame:
        if self._patterns is None:
            said = [name for name in ("parsed.message", "line") if name in self.source.columns]
            self._patterns = mine_patterns(self.source.select(pl.coalesce(said)).to_series())
        return self._patterns

    def _fold(self, order: Places) -> pl.DataFrame:
        rows = self._mined()[order].with_columns(self._times.gather(order).alias("ns"))
        for name in FACETS:
            codes, values = self._codes[name]
            texts = pl.Series(values, dtype=pl.String)
            rows = rows.with_columns(texts.gather(codes[order]).alias(name))
        return (
            rows.group_by("pattern_id", "pattern")
            .agg(
                pl.len().alias("count"),
                pl.col("ns").min().alias("first"),
                pl.col("ns").max().alias("last"),
                pl.col("level").mode().sort().first(),
                pl.col("service").drop_nulls().unique().sort(),
            )
            .sort("count", "pattern", descending=[True, False])
        )

    # One line.

    def _details(self, given: Mapping[str, Any]) -> Answer:
        row = self._row_at(given)
        read = row if any(name.startswith("parsed.") for name in row.columns) else parse_logs(row)
        exact = read.with_columns(_to_the_nanosecond(read))
        fields = [
            [name, whole_text(value)]
            for name, value in exact.row(0, named=True).items()
            if name != "line" and value is not None and value != []
        ]
        return {
            "line": whole_text(row["line"][0]),
            "fields": fields,
            "trace": bool("trace_id" in row.columns and row["trace_id"][0]),
        }

    def _row_at(self, given: Mapping[str, Any]) -> pl.DataFrame:
        if self._query.fold or not len(self.order):
            raise UsageError("There is no line there.")
        at = whole_number(given.get("at"), len(self.order) - 1)
        return self.source[int(self.order[at])]

    def _jump(self, given: Mapping[str, Any]) -> Answer:
        row = self._row_at(given)
        found = row["trace_id"][0] if "trace_id" in row.columns else None
        if not found:
            raise UsageError("This line names no trace.")
        self.trace_id = str(found)
        for listener in self._jumps:
            listener(self.trace_id)
        return {}

    @in_turn
    def on_jump(self, listener: Callable[[str], object]) -> None:
        """Call this with a trace id when somebody jumps to a line's trace; the buttons appear with it."""
        self._jumps.append(listener)
        if not self.trouble:
            self.renew()

    def is_chosen(self, place: int) -> bool:
        """Whether the line is selected; a pattern never is."""
        return not self._query.fold and super().is_chosen(place)

    def _choose(self, given: Mapping[str, Any]) -> Answer:
        if self._query.fold:
            raise UsageError("Open a pattern with Enter; its lines can be chosen.")
        return super()._choose(given)


def _to_the_nanosecond(frame: pl.DataFrame) -> list[pl.Series]:
    """Moments in words: Python's own have no nanoseconds."""
    return [
        pl.Series(
            column.name,
            [
                f"{moment(ns).split()[0]} {clock(ns, digits=9)} UTC" if ns is not None else None
                for ns in column.dt.epoch("ns")
            ],
            dtype=pl.String,
        )
        for column in frame.get_columns()
        if isinstance(column.dtype, pl.Datetime)
    ]


def _in_a_row(text: object) -> str:
    """A line's text within one row of the list: a sign where a new line begins."""
    return "↵ ".join(cut(text).splitlines())


def _pattern_cells(row: Mapping[str, Any]) -> Answer:
    services = row["service"]
    more = f" +{len(services) - 1}" if len(services) > 1 else ""
    return {
        "pattern": row["pattern_id"],
        "count": row["count"],
        "level": cut(row["level"], 20),
        "service": cut(services[0], 80) + more if services else "",
        "line": cut(row["pattern"]),
        "time": f"{clock(row['first'])} to {clock(row['last'])}",
    }
