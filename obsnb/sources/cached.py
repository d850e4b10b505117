"""A source whose settled answers are kept on disk, and read from there when they are asked for again.

Kept is what is known to be complete and ends so long ago that no row comes in any more. Lines, and series of
Prometheus and Loki, are the same whatever window they were asked for in: a window that lies partly in what is
kept is asked for only where it does not. Spans, exemplars, answers with a limit or of one instant, series of
Tempo, and those of functions that look at all of their window are read back for just the same one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from obsnb.conventions import Conventions
from obsnb.instants import format_ns, now_ns
from obsnb.ledger import Kind, QueryRecord
from obsnb.progress import Progress, Share, Silent
from obsnb.query.reading import is_pointwise
from obsnb.schema import digest
from obsnb.settings import SourceKind
from obsnb.sources.around import Around, AskPart, Direction
from obsnb.sources.base import Answer
from obsnb.sources.estimates import KINDS, Estimate, Question, Verb
from obsnb.sources.slices import covering, joined, within
from obsnb.store.answers import AnswerStore, Damaged, Stored
from obsnb.timerange import TimeRange
from obsnb.version import __version__

__all__ = ["Cached"]

#: Begins a warning that is not the server's.
_OWN = "obsnb: "
_DAMAGED = f"{_OWN}what the cache had was damaged, and was asked for anew"
_COSTS = ("requests", "bytes", "streams", "lines", "series", "samples")
#: In more pieces than this a window is asked for as one instead.
_PIECES = 16

#: A part of the time, and the window under which it is kept, or None where it is not.
_Part = tuple[TimeRange, TimeRange | None]


@dataclass(frozen=True)
class _Asked:
    """A question, by all that shapes its rows but the window; its role; and how the source is asked."""

    question: str
    role: str | None
    ask: AskPart


@dataclass(frozen=True, repr=False)
class Cached(Around):
    """A source, with what it answered before; all else that it has is its own.

    Parameters
    ----------
    inner
        Loki, Prometheus or Tempo, perhaps guarded: what is on disk costs a server nothing.
    store
        Where answers are kept.
    whose
        Tells apart the server, the tenant and who asks (`obsnb.settings.identity.fingerprint`).
    kind
        Of which kind the source is.
    conventions
        Which shape the rows.
    margin_ns
        So long after the end of a window rows may still come in.
    clock
        Nanoseconds since the epoch.
    """

    store: AnswerStore
    whose: str
    kind: SourceKind
    conventions: Conventions
    margin_ns: int
    clock: Callable[[], int] = now_ns

    def _through(
        self, question: Question, ask: AskPart, progress: Progress | None, direction: Direction
    ) -> Answer:
        """The answer, of what is kept and what the source gives."""
        answer = self._answer if self._is_sliced(question) else self._same
        asked = _Asked(self._text(question, direction), question.role, ask)
        return answer(asked, question.window, progress)

    def estimate(self, question: Question) -> Estimate:
        """What of a question would be asked for: what is kept costs nothing. Raises `SourceError`."""
        text, window, sliced = self._text(question), question.window, self._is_sliced(question)
        if sliced:
            missing = [part for part, kept in self._parts(text, window) if kept is None]
        else:
            kept = window.end_ns <= self._settled_ns() and window in self.store.windows(text)
            missing = [] if kept else [window]
        if not missing:
            record = QueryRecord("index", self.inner.name, question.query, question.query, window)
            nothing: dict[str, Any] = dict.fromkeys(_COSTS, 0)
            return Estimate(self.inner.name, question, record, **nothing, note="all of it is in the cache")
        rest = TimeRange(missing[0].start_ns, missing[-1].end_ns)
        estimate: Estimate = self.inner.estimate(replace(question, window=rest))
        if rest == window:
            return estimate
        note = "; ".join(filter(None, (estimate.note, f"of {rest}: the rest is in the cache")))
        return replace(estimate, question=question, note=note)

    # How they are kept.

    def _text(self, question: Question, direction: Direction = "forward") -> str:
        params: dict[Verb, dict[str, Any]] = {
            "logs": {} if question.limit is None else {"limit": question.limit, "direction": direction},
            "metrics": {"instant": True, "over_ns": question.over_ns}
            if question.instant
            else {"step_ns": question.step_ns},
            "samples": {"samples": True},
            "exemplars": {},
            "spans": {"limit": question.limit, "whole": question.whole},
        }
        return self._question(KINDS[question.verb], question.query, params[question.verb])

    def _is_sliced(self, question: Question) -> bool:
        """Whether its rows are the same whatever window they are asked for in."""
        if question.verb == "metrics" and not question.instant:
            return self.kind != "tempo" and is_pointwise(question.query)
        return question.verb == "logs" and question.limit is None

    def _question(self, kind: Kind, query: str, params: Mapping[str, Any]) -> str:
        """All that shapes the rows but for the window."""
        shape = {one.name: getattr(self.conventions, one.name) for one in fields(self.conventions)}
        asked = [__version__, self.whose, kind, query, dict(params), shape]
        return json.dumps(asked, sort_keys=True, default=_plain)

    def _settled_ns(self) -> int:
        """Until when no row comes in any more."""
        return self.clock() - self.margin_ns

    def _same(self, asked: _Asked, window: TimeRange, progress: Progress | None) -> Answer:
        """The answer for just this window."""
        if window.end_ns > self._settled_ns():
            return asked.ask(window, progress or Silent())
        return self._part(asked, (window, None), progress or Silent())

    def _answer(self, asked: _Asked, window: TimeRange, progress: Progress | None) -> Answer:
        """The answer, from what is kept of the window and what is asked for the rest of it."""
        watch, parts = progress or Silent(), self._parts(asked.question, window)
        if len(parts) == 1:
            return self._part(asked, parts[0], watch)
        answers: list[Answer] = []
        try:
            for place, part in enumerate(parts):
                rows = sum(one.frame.height for one in answers)
                answers.append(self._part(asked, part, Share(watch, place, len(parts), rows)))
        finally:
            watch.close()
        rows, most = sum(one.frame.height for one in answers), getattr(self.inner, "max_rows", None)
        if most is not None and rows > most:
            return asked.ask(window, Silent())  # refused, in the source's own words
        return joined(answers, window)

    def _parts(self, question: str, window: TimeRange) -> list[_Part]:
        """The window in consecutive parts: what is kept, what is not, and the newest, which never is."""
        edge = min(window.end_ns, self._settled_ns())
        if edge <= window.start_ns:
            return [(window, None)]
        settled = TimeRange(window.start_ns, edge)
        parts = covering(settled, self.store.windows(question))
        if len(parts) > _PIECES:
            parts = [(settled, None)]
        return parts if edge == window.end_ns else [*parts, (TimeRange(edge, window.end_ns), None)]

    def _part(self, asked: _Asked, part: _Part, progress: Progress) -> Answer:
        """The rows of a part of the time, cut from what is kept, or asked for and kept."""
        began, (window, kept) = time.perf_counter(), part
        found = self.store.get(asked.question, kept or window)
        if isinstance(found, Stored):
            progress.close()
            return self._read(found, window, asked.role, began)
        answer = asked.ask(window, progress)
        said = [_DAMAGED] if isinstance(found, Damaged) else []
        settled_ns = min(self._settled_ns(), answer.record.asked_at_ns - self.margin_ns)
        if answer.record.complete == "yes" and window.end_ns <= settled_ns:
            why = self.store.put(asked.question, Stored(answer.frame, answer.record))
            said += [f"{_OWN}{why}"] if why else []
        warnings = tuple(dict.fromkeys((*answer.record.warnings, *said)))
        return Answer(answer.frame, replace(answer.record, warnings=warnings)) if said else answer

    def _read(self, stored: Stored, part: TimeRange, role: str | None, began: float) -> Answer:
        frame, old = stored.frame, stored.record
        cut = part != old.window
        frame = within(frame, old.kind, part) if cut else frame
        where = f" for {old.window}" if cut else ""
        record: QueryRecord = replace(
            old,
            source=self.inner.name,
            window=part,
            role=role,
            pages=0,
            requests=0,
            retries=0,
            rows=frame.height,
            bytes=0,
            reason=f"from cache, asked at {format_ns(old.asked_at_ns)}{where}: {old.reason}",
            digest=digest(frame) if cut else old.digest,
            seconds=time.perf_counter() - began,
        )
        return Answer(frame, record)


def _plain(value: Any) -> Any:
    """A read-only mapping as JSON knows it, or a set."""
    return dict(value) if isinstance(value, Mapping) else sorted(value)
