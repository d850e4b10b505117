"""A frozen incident, verified, and asked like the servers that it was recorded from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from obsnb.archive.contents import Contents
from obsnb.archive.manifest import Recorded
from obsnb.archive.narrowing import Question, joined, narrowed, plain_text
from obsnb.archive.several import family, of_each, together
from obsnb.errors import NotRecordedError
from obsnb.instants import told_ns
from obsnb.ledger import Kind, QueryRecord
from obsnb.progress import Progress, Silent
from obsnb.query import traceql
from obsnb.schema import digest
from obsnb.sources.base import Answer, Health
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ArchiveReader"]

_MS = 1_000_000
_QUERIES = {"logs": "log", "series": "metric", "exemplars": "exemplar", "spans": "trace", "events": "event"}


class ArchiveReader(Contents):
    """A `LogSource`, `MetricSource` and `TraceSource` that answers from what was recorded.

    It is asked by the text that the servers were asked by, and by what else shaped the answer. A
    part of what was recorded is an answer too: logs, exemplars and spans of less time, series of
    less time and on multiples of the recorded step. Whole traces stay when any of their spans starts
    in the window, because which of them matched was not recorded. An answer with a limit, an instant
    query and one with ``@ start()`` or ``@ end()`` are for exactly the recorded window.

    Notes
    -----
    Nothing in an archive is run. Every file's bytes are held to the manifest on opening, the rows to
    their query's record before any of them is given.
    """

    # As a source, or as one of several.

    @property
    def names(self) -> tuple[str, ...]:
        """The sources of which there were several, such as ``loki.eu``, in the order they were asked."""
        return tuple(dict.fromkeys(name for one in self._queries if family(name := one.record.source)))

    def only(self, name: str) -> ArchiveReader:
        """The same archive, which answers what this source answered."""
        one = copy(self)
        one._queries = tuple(query for query in self._queries if query.record.source == name)
        return one

    def logs(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        direction: Literal["forward", "backward"] = "forward",
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """LOGS of a recorded query. Raises `NotRecordedError`."""
        params = {} if limit is None else {"direction": direction, "limit": limit}
        return self._answer(Question("logs", query, window, params), role, progress)

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES of a recorded query. Raises `NotRecordedError`."""
        return self._answer(Question("series", query, window, {}, step_ns), role)

    def instant(
        self, query: str, *, at_ns: int, over_ns: int | None = None, role: str | None = None
    ) -> Answer:
        """SERIES of a query that was recorded for just this millisecond, and of TraceQL over just that time.

        Raises `NotRecordedError`.
        """
        at_ns = at_ns // _MS * _MS
        params = {"instant": True} | ({} if over_ns is None else {"over_ns": over_ns})
        return self._answer(Question("series", query, TimeRange(at_ns, at_ns + _MS), params), role)

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """EXEMPLARS of a recorded query. Raises `NotRecordedError`."""
        return self._answer(Question("exemplars", query, window, {}), role)

    def spans(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        whole: bool = False,
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """SPANS of a recorded query. Raises `NotRecordedError`."""
        params = ({"limit": limit} if limit is not None else {}) | ({"whole": True} if whole else {})
        return self._answer(Question("spans", query, window, params), role, progress)

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        """SPANS of one trace, from whatever query brought it whole.

        Raises
        ------
        QueryError
            It is not a trace id.
        NotRecordedError
            None did.
        """
        wanted = traceql.trace_id_of(trace_id)
        seen = 0
        found: dict[str, Answer] = {}  # of several sources, each may have a part
        for one in self._of_kind("spans"):
            source = one.record.source if family(one.record.source) else ""
            if source in found:
                continue
            frame = self._spans_of(one, wanted)
            whole = frame.filter("whole_trace")
            if whole.height:
                found[source] = self._trace_answer(one.record, whole, wanted, trace_id, window)
            seen = max(seen, frame.height)
        if found:
            return together(list(found.values()))
        hint = (
            f"It holds {seen} of its spans: those that a query matched."
            if seen
            else "It holds none of its spans."
        )
        raise NotRecordedError(f"The archive does not hold the trace {wanted} whole.", hint=hint)

    def health(self) -> Health:
        """That it is an archive, and of when."""
        told = f"recorded on {told_ns(self._manifest.created_ns)} UTC, {len(self.records)} queries"
        return Health(self.name, "logs", "archive", version=f"obsnb {self._manifest.obsnb}", message=told)

    # By role.

    def answer_for_role(self, role: str, window: TimeRange | None = None) -> Answer | None:
        """The answer to a built-in query, whatever its text was when it was recorded.

        Parameters
        ----------
        role
            Such as ``"errors.spans"`` (`obsnb.query.roles`).
        window
            What part of it; without, the longest that was recorded. Several recordings that cover it
            together are joined, and a sample of a longer window is taken for one of a part.

        Returns
        -------
        Answer or None
            None where the role was never asked.

        Raises
        ------
        NotRecordedError
            It was asked for other windows.
        """
        found = [one for one in self._queries if one.record.role == role]
        if not found:
            return None
        return of_each(found, self._expected(found[0]), lambda own: self._for_role(role, own, window))

    def _for_role(self, role: str, found: Sequence[Recorded], window: TimeRange | None) -> Answer:
        """What the recordings of one source answer."""
        longest = max(found, key=lambda one: one.record.window.duration_ns)
        wanted = window or longest.record.window
        covering = [one for one in found if one.record.window.covers(wanted)]
        if covering:
            best = min(covering, key=lambda one: one.record.window.duration_ns)
            return self._narrowed(best, wanted)
        pieces = _pieces(found, wanted)
        if pieces is None:
            windows = "; ".join(dict.fromkeys(str(one.record.window) for one in found))
            raise NotRecordedError(
                f"The archive holds the {role} query, but not for all of the window.",
                window=wanted,
                hint=f"It holds it for {windows}.",
            )
        return joined([self._narrowed(one, part) for one, part in pieces], wanted)

    # How it is found.

    def _of_kind(self, kind: Kind) -> list[Recorded]:
        return [one for one in self._queries if one.record.kind == kind]

    def _answer(self, question: Question, role: str | None, progress: Progress | None = None) -> Answer:
        same = self._same(question)
        fitting = [one for one in same if question.refused_by(one.record) is None]
        if not fitting:
            raise self._not_recorded(question, same)
        best = _closest_fit(fitting)

        def narrowed_of(own: Sequence[Recorded]) -> Answer:
            return self._narrowed(_closest_fit(own), question.window, step_ns=question.step_ns, role=role)

        among = [one for one in fitting if family(one.record.source) == family(best.record.source)]
        answer = of_each(among, self._expected(best), narrowed_of, best.record.params)
        watch = progress or Silent()
        watch.update(done=1.0, rows=answer.record.rows, bytes=answer.record.bytes)
        watch.close()
        return answer

    def _same(self, question: Question) -> list[Recorded]:
        """The recordings of a text, which may have been redacted since."""
        of_kind = self._of_kind(question.kind)
        text = plain_text(question.asked)
        same = [one for one in of_kind if text in _texts(one.record)]
        if same:
            return same
        alike = self._redactor.alike
        wanted = plain_text(alike(question.asked))
        same = [one for one in of_kind if wanted in {plain_text(alike(told)) for told in _texts(one.record)}]
        differing = list(dict.fromkeys(one.record.asked for one in same))
        if len(differing) > 1:
            raise NotRecordedError(
                f"The archive holds {len(differing)} queries that differ from this one only in what was "
                "redacted.",
                query=question.asked,
                window=question.window,
                hint="Ask one of them as it was recorded:\n  " + "\n  ".join(differing),
            )
        return same

    def _expected(self, one: Recorded) -> list[str]:
        """The sources that answered like this one, where there were several."""
        kind = family(one.record.source)
        return [name for name in self.names if kind is not None and family(name) == kind]

    def _narrowed(
        self, one: Recorded, window: TimeRange, *, step_ns: int | None = None, role: str | None = None
    ) -> Answer:
        whole = Answer(self._files.frame(one), replace(one.record, role=role or one.record.role))
        return narrowed(whole, window, step_ns=step_ns, note=self._note)

    @property
    def _note(self) -> str:
        return f"from the archive recorded on {told_ns(self._manifest.created_ns)} UTC"

    def _spans_of(self, one: Recorded, trace_id: str) -> pl.DataFrame:
        import polars as pl

        return self._files.frame(one).filter(pl.col("trace_id") == trace_id)

    def _trace_answer(
        self, record: QueryRecord, frame: pl.DataFrame, trace_id: str, asked: str, window: TimeRange | None
    ) -> Answer:
        changed = replace(
            record,
            query=trace_id,
            asked=asked,
            window=window or record.window,
            params={"trace": True},
            role=None,
            rows=frame.height,
            complete="yes",
            reason=f"the trace came whole ({self._note})",
            selection=None,
            digest=digest(frame),
            number=0,
        )
        return Answer(frame, changed)

    def _not_recorded(self, question: Question, same: Iterable[Recorded]) -> NotRecordedError:
        word = _QUERIES[question.kind]
        refusals = [question.refused_by(one.record) for one in same]
        if refusals:
            told = "\n  ".join(dict.fromkeys(f"{reason}" for reason in refusals))
            what, hint = (
                f"The archive holds this {word} query, but not as it is asked.",
                f"It was asked\n  {told}",
            )
        else:
            what = f"The archive was never asked this {word} query."
            hint = self._closest(question) or f"It holds no {word} query at all."
        return NotRecordedError(what, query=question.asked, window=question.window, hint=hint)

    def _closest(self, question: Question) -> str:
        texts = list(dict.fromkeys(one.record.asked for one in self._of_kind(question.kind)))
        asked = plain_text(question.asked)
        texts.sort(key=lambda text: -difflib.SequenceMatcher(None, asked, plain_text(text)).ratio())
        return "The closest that it was asked:\n  " + "\n  ".join(texts[:3]) if texts else ""


def _closest_fit(fitting: Sequence[Recorded]) -> Recorded:
    return min(fitting, key=lambda one: (one.record.window.duration_ns, one.record.params.get("step_ns", 0)))


def _texts(record: QueryRecord) -> set[str]:
    return {plain_text(record.asked), plain_text(record.query)}


def _pieces(found: Iterable[Recorded], wanted: TimeRange) -> list[tuple[Recorded, TimeRange]] | None:
    """Recordings of one text and parameters that cover a window together, each with its part of it."""
    alike: dict[Any, list[Recorded]] = {}
    for one in found:
        key = (plain_text(one.record.asked), *sorted(one.record.params.items()))
        alike.setdefault(key, []).append(one)
    for several in alike.values():
        pieces, at = [], wanted.start_ns
        while at < wanted.end_ns:
            next_ = [one for one in several if at in one.record.window]
            if not next_:
                break
            best = max(next_, key=lambda one: one.record.window.end_ns)
            end = min(best.record.window.end_ns, wanted.end_ns)
            pieces.append((best, TimeRange(at, end)))
            at = end
        else:
            return pieces
    return None
