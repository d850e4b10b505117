"""Whether a recorded answer answers another question, and the part of it that does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from obsnb.ledger import Kind, QueryRecord
from obsnb.schema import digest
from obsnb.sources.base import Answer
from obsnb.timerange import TimeRange

__all__ = ["Question", "joined", "narrowed", "plain_text", "shape"]

_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*')
#: PromQL that looks at the ends of the window that it is asked for.
_ENDS = re.compile(r"@\s*(?:start|end)\s*\(\s*\)")
#: TraceQL's metrics count what lies between two points, so that another step gives other numbers.
_COUNTED_BY_STEP = re.compile(
    r"^\s*\{.*\|\s*(?:rate|compare|quantile|histogram|\w+_over_time)\w*\s*\(", re.DOTALL
)

#: The column of each kind's time.
_TIME = {"logs": "timestamp", "series": "timestamp", "exemplars": "timestamp", "spans": "start"}


def plain_text(query: str) -> str:
    """A query without the white space that means nothing: what stands in quotes stays.

    Examples
    --------
    >>> plain_text('sum by (le) ( rate(a{b = "c  d"}[1m]) )')
    'sum by(le)(rate(a{b="c  d"}[1m]))'
    """
    parts, at = [], 0
    for found in _STRING.finditer(query):
        kept = f"{found[0].rstrip()}\n" if found[0].startswith("#") else found[0]  # a comment ends its line
        parts += [_squeezed(query[at : found.start()]), kept]
        at = found.end()
    return "".join([*parts, _squeezed(query[at:])])


def _squeezed(code: str) -> str:
    code = re.sub(r"\s+", " ", code)
    return re.sub(r" ?([^\w ]) ?", r"\1", code).strip(" ")


@dataclass(frozen=True)
class Question:
    """What is asked of an archive.

    Attributes
    ----------
    kind, asked, window
        As in a `QueryRecord`.
    params
        Those that the rows depend on; a step is apart from them.
    step_ns
        Of series.
    """

    kind: Kind
    asked: str
    window: TimeRange
    params: Mapping[str, Any]
    step_ns: int | None = None

    def refused_by(self, record: QueryRecord) -> str | None:
        """Why a record of the same text does not answer it; None where it does."""
        if shape(record) != dict(self.params):
            return f"with {_words(shape(record))}, not with {_words(self.params)}"
        if not record.window.covers(self.window):
            return f"for {record.window}, which does not hold all of {self.window}"
        same = record.window == self.window
        if not same and ("limit" in self.params or self.params.get("instant") or _ENDS.search(self.asked)):
            return f"for exactly {record.window}: it cannot be answered for a part of that"
        return self._refused_step(record)

    def _refused_step(self, record: QueryRecord) -> str | None:
        step, asked = record.params.get("step_ns"), self.step_ns
        if step is None or asked is None or step == asked:
            return None
        if asked % step or _COUNTED_BY_STEP.search(self.asked):
            return f"every {step / 1e9:g} s, which does not give a point every {asked / 1e9:g} s"
        return None


def shape(record: QueryRecord) -> dict[str, Any]:
    """The parameters of a record that its rows depend on, but for the step."""
    params = {
        name: value for name, value in record.params.items() if value is not None and value is not False
    }
    if "limit" not in params:
        params.pop("direction", None)  # all rows come sorted by time, whichever end they were pulled from
    return {name: params[name] for name in sorted(params) if name != "step_ns"}


def _words(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in params.items()) or "no limit or other parameter"


def narrowed(answer: Answer, window: TimeRange, *, step_ns: int | None = None, note: str) -> Answer:
    """The part of a recorded answer that lies in a window, on a step.

    Parameters
    ----------
    answer
        As it was recorded.
    window
        Within the recorded one.
    step_ns
        A multiple of the recorded one.
    note
        Where this comes from; put behind the record's reason.
    """
    record = answer.record
    step = step_ns or record.params.get("step_ns")
    if window == record.window and step == record.params.get("step_ns"):
        return Answer(answer.frame, replace(record, number=0, reason=_said(record.reason, note)))
    frame = _part(answer.frame, record, window)
    params = dict(record.params)
    if step is not None and step != record.params.get("step_ns"):
        frame = frame.filter(pl.col("timestamp").to_physical() % step == 0)
        params["step_ns"] = step
    selection = record.selection
    if selection is not None and "limit" in params:
        selection = f"{selection}: those of them in a part of it"
    changed = replace(
        record,
        number=0,
        window=window,
        params=params,
        rows=frame.height,
        digest=digest(frame),
        selection=selection,
        reason=_said(record.reason, f"narrowed from {record.window}; {note}"),
    )
    return Answer(frame, changed)


def _part(frame: pl.DataFrame, record: QueryRecord, window: TimeRange) -> pl.DataFrame:
    if record.kind == "events":  # one that reaches into the window is of it
        begun, ended = pl.col("timestamp").to_physical(), pl.col("end").to_physical()
        return frame.filter((begun < window.end_ns) & (pl.coalesce(ended, begun) >= window.start_ns))
    time = pl.col(_TIME[record.kind]).to_physical()
    within = time.is_between(window.start_ns, window.end_ns, closed="left")
    if record.params.get("whole"):
        # Which spans of a whole trace matched was not recorded: a trace stays with any span in the window.
        return frame.filter(within.any().over("trace_id"))
    return frame.filter(within)


def _said(reason: str, note: str) -> str:
    return f"{reason} ({note})" if reason else note


def joined(answers: Sequence[Answer], window: TimeRange) -> Answer:
    """Answers to one question for consecutive parts of a window, as one; as complete as the least of them."""
    records = [answer.record for answer in answers]
    frame = pl.concat([answer.frame for answer in answers], how="diagonal_relaxed")
    if records[0].kind == "spans":  # a whole trace may reach from one part into the next
        frame = frame.unique(["trace_id", "span_id"], keep="first", maintain_order=True)
    worst = min(records, key=lambda record: ("no", "unknown", "yes").index(record.complete))
    selections = dict.fromkeys(record.selection for record in records if record.selection)
    together = replace(
        worst,
        window=window,
        pages=sum(record.pages for record in records),
        requests=sum(record.requests for record in records),
        retries=sum(record.retries for record in records),
        rows=frame.height,
        bytes=sum(record.bytes for record in records),
        seconds=sum(record.seconds for record in records),
        warnings=tuple(dict.fromkeys(text for record in records for text in record.warnings)),
        selection="; ".join(selections) or None,
        digest=digest(frame),
    )
    return Answer(frame, together)
