"""Grafana's annotations, all of a window's, as EVENTS."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.schema import EVENTS
from obsnb.sources.words import visible
from obsnb.timerange import TimeRange

__all__ = ["Annotation", "Pages", "decode", "pull", "to_events"]

_MS = 1_000_000
_LATEST_NS = 2**63 - 1
_LONGEST = 500
#: A page that is full of what spans its slice is asked again for so many times as many.
_MORE = 4
_TAG = re.compile(r"\s*([\w.-]+)\s*[:=]\s*(.+?)\s*")
_SILENT = frozenset({"script", "style"})


class Annotation(msgspec.Struct, frozen=True, rename={"time_end": "timeEnd"}):
    """One annotation, times in milliseconds; a point in time ends when it begins, or at 0."""

    id: int | None = None
    time: int = 0
    time_end: int | None = None
    text: str | None = None
    tags: list[str] | None = None
    alert: str | None = msgspec.field(default=None, name="alertName")
    before: str | None = msgspec.field(default=None, name="prevState")
    after: str | None = msgspec.field(default=None, name="newState")

    @property
    def end(self) -> int:
        """Its last millisecond."""
        return max(self.time, self.time_end or 0)


@dataclass
class Pages:
    """What came.

    `whole` is false where Grafana gave full pages only, however small the slice, or one of which a part does
    not touch the slice that was asked for; `strange` is how many such annotations came.
    """

    rows: list[Annotation] = field(default_factory=list)
    whole: bool = True
    strange: int = 0


def decode(body: bytes) -> list[Annotation]:
    """The annotations of an answer. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(body, type=list[Annotation] | None, strict=False) or []


def pull(
    ask: Callable[[int, int, int], Sequence[Annotation]], first: int, last: int, *, limit: int, most: int
) -> Pages:
    """Every annotation that touches the milliseconds from `first` to `last`, both included, each once.

    Parameters
    ----------
    ask
        Up to so many annotations (the third) that touch the milliseconds between two, both included.
    limit, most
        How many a page may have; and at the most, where all of a page span its slice.

    Notes
    -----
    Grafana gives those that end last, has no cursor, and does not say that there are more. A page
    that is not full is all there is. A full one is asked again in two halves of its time, or, where
    most of it spans all of the slice and would come again with each half, with a higher limit. An
    annotation counts in the slice in which it starts.
    """
    found = Pages()
    pending = [(first, last, limit)]
    while pending:
        start, end, at_most = pending.pop()
        page = ask(start, end, at_most)
        full = len(page) >= at_most
        strange = sum(one.time > end or one.end < start for one in page)
        found.strange += strange
        spanning = sum(one.time <= start and one.end >= end for one in page)
        # A server that does not heed the slice would give a full page down to each millisecond.
        helps = full and not strange
        if helps and start < end and 2 * spanning < len(page):
            middle = (start + end) // 2
            pending += [(middle + 1, end, at_most), (start, middle, at_most)]
        elif helps and at_most < most:
            pending.append((start, end, min(_MORE * at_most, most)))
        else:
            ids: set[int | None] = set()  # a proxy may say it twice; Grafana gives each its id
            for one in page:
                if start <= max(one.time, first) <= end and (one.id is None or one.id not in ids):
                    found.rows.append(one)
                    ids.add(one.id)
            found.whole &= not full
    return found


def to_events(rows: Sequence[Annotation], window: TimeRange, *, conventions: Conventions) -> pl.DataFrame:
    """EVENTS of those that touch the window, sorted by time, and ``tags`` (list of text)."""
    inside = [one for one in rows if one.time * _MS < window.end_ns and one.end * _MS >= window.start_ns]
    data = {
        "timestamp": [one.time * _MS for one in inside],
        "end": [min(one.end * _MS, _LATEST_NS) if one.end > one.time else None for one in inside],
        "kind": ["annotation"] * len(inside),
        "title": [_title(one) for one in inside],
        "service": [_service(one.tags or (), conventions) for one in inside],
        "source": ["grafana"] * len(inside),
        "tags": [one.tags or [] for one in inside],
    }
    kinds = {"timestamp": pl.Int64, "end": pl.Int64, "title": pl.String, "service": pl.String}
    frame = pl.DataFrame(data, schema_overrides={**kinds, "tags": pl.List(pl.String)})
    return EVENTS.conform(frame).sort("timestamp", "title", maintain_order=True)


def _title(one: Annotation) -> str:
    text = visible(_without_markup(one.text or ""), _LONGEST)
    if text:
        return text
    if one.alert:
        states = " to ".join(state for state in (one.before, one.after) if state)
        return visible(f"{one.alert}: {states}" if states else one.alert, _LONGEST)
    return visible(", ".join(one.tags or ()), _LONGEST) or "annotation"


def _service(tags: Sequence[str], conventions: Conventions) -> str | None:
    pairs = (_TAG.fullmatch(tag) for tag in tags)
    return conventions.service_of({pair[1]: pair[2] for pair in pairs if pair})


class _Text(HTMLParser):
    """The text of some HTML; a tag counts as a space, so that no words run together."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - html.parser's signature
        self._silent += tag in _SILENT
        self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - html.parser's signature
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _without_markup(text: str) -> str:
    parser = _Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)
