"""A query box: what was asked before, what a query would cost, and whether its answer is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import polars as pl

from obsnb.connection import Connection
from obsnb.errors import ObsnbError, UsageError
from obsnb.ledger import QueryRecord
from obsnb.timerange import TimeRange
from obsnb.views.formats import NOTHING, counted
from obsnb.views.tables import table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, whole_text
from obsnb.views.widgets.turns import in_turn

__all__ = ["QueryBox"]

Verb = Literal["logs", "metrics", "spans"]
_VERBS: tuple[Verb, ...] = ("logs", "metrics", "spans")
_KINDS: Mapping[str, Verb] = {"logs": "logs", "series": "metrics", "spans": "spans"}  # the ledger's words
_HISTORY, _ROWS = 30, 10
_ESTIMATES = ("requests", "bytes", "lines", "streams", "series", "samples", "seconds")


class QueryBox(Widget):
    """LogQL, PromQL and TraceQL asked of a connection, from a box with a history.

    Parameters
    ----------
    obs
        A connection, or an opened archive.
    window
        What is asked for; the archive's own unless told.

    Attributes
    ----------
    result
        The last answer, as ``obs.logs``, ``obs.metrics`` or ``obs.spans`` gave it; None before the first.
    selection
        The same; a frame that is assigned is shown as the answer.
    """

    _esm = script("querybox")
    quiet_questions = ("estimate",)
    slow_questions = ("estimate", "run")

    def __init__(self, obs: Connection, window: TimeRange | None = None) -> None:
        super().__init__()
        self._obs = obs
        self._window = window or obs.window
        self.result: Any = None
        self._said: Answer = {}
        self.renew()

    @property
    def selection(self) -> Any:
        """The last answer, as the connection's kind of frame.

        A frame that is assigned is shown as if it had been the answer; nothing is asked.
        """
        return self.result

    @selection.setter
    @in_turn
    def selection(self, frame: Any) -> None:
        rows = as_polars(frame, what="QueryBox.selection")
        said = {
            "verdict": counted(rows.height, "row"),
            "why": "given from Python; nothing was asked",
            "asked": "",
        }
        self._take(frame, said | _preview(rows))
        self.say_changed()

    @in_turn
    def _take(self, result: Any, said: Answer) -> None:
        """Take an answer and what is said of it together."""
        self.result, self._said = result, said

    def says(self) -> str:
        """The window, and how many queries were asked."""
        where = str(self._window) if self._window is not None else "no window"
        return f"{where}, {counted(len(self._obs.ledger), 'query', 'queries')} in the ledger"

    def first_view(self) -> Answer:
        """The history, and the last answer with what is said of it."""
        return {
            "verbs": list(_VERBS),
            "history": self._history(),
            "says": self.says(),
            **self._said,
        }

    def _history(self) -> list[Answer]:
        """The newest different queries, with the ledger's verdicts."""
        found: dict[tuple[str, str], Answer] = {}
        for record in reversed(self._obs.ledger.records):
            if record.kind in _KINDS:
                text = whole_text(record.asked)
                verdict = f"{counted(record.rows, 'row')}, {_verdict(record.complete)}"
                found.setdefault(
                    (record.kind, text), {"verb": _KINDS[record.kind], "text": text, "says": verdict}
                )
        return list(found.values())[:_HISTORY]

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """What a query would cost, and the query itself."""
        return {"estimate": self._estimate, "run": self._run}

    def _asked(self, given: Mapping[str, Any]) -> tuple[Verb, str, TimeRange]:
        wanted, text = str(given.get("verb")), str(given.get("text", "")).strip()
        verb = next((one for one in _VERBS if one == wanted), None)
        if verb is None:
            raise UsageError(f"There is no verb {wanted!r}; there are {', '.join(_VERBS)}.")
        if not text:
            raise UsageError("There is no query yet.", hint="Write one, or choose one of the history.")
        if self._window is None:
            raise UsageError("There is no window to ask for.", hint="QueryBox(obs, obsnb.window(...)).")
        return verb, text, self._window

    def _estimate(self, given: Mapping[str, Any]) -> Answer:
        verb, text, window = self._asked(given)
        try:
            rows = as_polars(self._obs.plan(verb, text, window), what="QueryBox").to_dicts()
        except ObsnbError as error:  # an archive costs nothing; a limit says how far it is passed
            return {"estimate": [], "why": whole_text(str(error))}
        told = []
        for row in rows:
            parts = [f"{name} {row[name]:,}" for name in _ESTIMATES if row.get(name) is not None]
            over = [f"over: {row['over']}"] * bool(row.get("over"))
            told.append(
                [str(row.get("source")), whole_text("; ".join([*parts, *over]) or row.get("note") or NOTHING)]
            )
        return {"estimate": told}

    def _run(self, given: Mapping[str, Any]) -> Answer:
        verb, text, window = self._asked(given)
        asked: dict[str, Any] = {
            "logs": self._obs.logs,
            "metrics": self._obs.metrics,
            "spans": self._obs.spans,
        }
        told = f"{verb}: {whole_text(text)}"
        try:
            result = asked[verb](text, window)
        except ObsnbError as error:
            self._said = {"verdict": "✖ no answer", "why": whole_text(str(error)), "rows": [], "asked": told}
            return {}
        record, frame = self._record(verb, text), as_polars(result, what="QueryBox")
        verdict = _verdict(record.complete if record else "unknown")
        why = whole_text(record.reason) if record else ""
        said = {"verdict": f"{counted(frame.height, 'row')}, {verdict}", "why": why, "asked": told}
        self._take(result, said | _preview(frame))
        return {}

    def _record(self, verb: Verb, text: str) -> QueryRecord | None:
        """What the ledger has of a query; a cell may have asked another one since."""
        found = (one for one in reversed(self._obs.ledger.records) if one.asked == text)
        return next((one for one in found if _KINDS.get(one.kind) == verb), None)

    def still_form(self) -> str:
        """The history as a table."""
        rows = self._history()
        if not rows:
            return "<p>Nothing has been asked yet.</p>"
        return table(pl.DataFrame(rows), ["verb", "text", "says"]).to_html()


def _verdict(complete: str) -> str:
    return {"yes": "✓ complete", "no": "✖ not complete"}.get(complete, "? not known to be complete")


def _preview(frame: pl.DataFrame) -> Answer:
    names = [name for name in frame.columns if not isinstance(frame.schema[name], pl.Struct)][:6]
    read = table(frame, names, rows=_ROWS)
    head = [f"{name} (UTC)" if isinstance(frame.schema[name], pl.Datetime) else name for name in read.head]
    caption = f"The first {_ROWS} rows:" * (frame.height > _ROWS)
    return {
        "caption": caption,
        "head": head,
        "rows": [[whole_text(text)[:300] for text in row] for row in read.rows],
    }
