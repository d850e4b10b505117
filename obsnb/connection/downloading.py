"""An answer that is bigger than memory, pulled slice by slice into a dataset on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from obsnb.connection.pace import Pace, Size, Watch
from obsnb.errors import LimitError, ObsnbError, QueryError, SourceError, UsageError
from obsnb.instants import now_ns
from obsnb.ledger import Complete, Kind
from obsnb.progress import Progress, Silent
from obsnb.query import logql, promql, traceql
from obsnb.query.reading import is_pointwise
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

    from obsnb.connection.kept import Kept
    from obsnb.sources.base import Answer
    from obsnb.store.dataset import Dataset, Missing

__all__ = ["LATE_MARGIN_S", "Asked", "Downloaded", "begun", "download", "fill", "note", "until"]

Downloaded = Literal["logs", "metrics", "spans"]

#: How long after the end of a slice rows may still come in, where nobody says.
LATE_MARGIN_S = 600.0

_KINDS: dict[Downloaded, Kind] = {"logs": "logs", "metrics": "series", "spans": "spans"}
#: So many slices are under way at once, as soon as one has told how long they may be. How many requests
#: that makes together, the transport bounds.
_UNDER_WAY = 2
#: What a slice should hold: several copies of each that is under way are in memory while they are made
#: frames and written.
_WANTED = {
    "logs": Size(rows=100_000, bytes=24_000_000),
    "metrics": Size(rows=500_000, bytes=24_000_000),
    "spans": Size(rows=25_000, bytes=24_000_000),
}
#: So many times that is pulled before a slice is cut instead.
_MOST = 3
#: No slice is shorter than a millisecond, a step, or the second that Tempo searches.
_UNITS = {"logs": 1_000_000, "spans": 1_000_000_000}


@dataclass(frozen=True)
class Asked:
    """What a download asks for.

    Parameters
    ----------
    kind, query, window
        As `Connection.download` has them.
    step_ns
        Of metrics.
    frozen
        Whether an archive is asked: it gives its window at once, and no row comes in late.

    Raises
    ------
    UsageError
        There is no such kind, or the query is not one of it.
    """

    kind: Downloaded
    query: str
    window: TimeRange
    step_ns: int
    frozen: bool

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UsageError(
                f"There is nothing of the kind {self.kind!r} to download.",
                hint="It is logs, metrics or spans.",
            )
        check = {"logs": logql.check, "metrics": promql.check, "spans": traceql.check}
        check[self.kind](self.query)
        if self.kind == "logs" and logql.is_metric_query(self.query):
            raise QueryError(
                "This query asks for numbers, and a download of logs gives lines.",
                query=self.query,
                hint='obs.metrics(query, window, source="loki") asks Loki for numbers.',
            )
        if self.kind == "metrics" and promql.looks_at_ends(self.query) and not self.frozen:
            raise QueryError(
                "@ start() and @ end() are the ends of the window, and a download asks for it in slices.",
                query=self.query,
                hint="Write the moment as a number, such as @ 1795457599, or ask obs.metrics(...).",
            )

    @property
    def unit_ns(self) -> int:
        """The edges of slices lie on its multiples."""
        return _UNITS.get(self.kind, self.step_ns)

    def of(self, source: Any, window: TimeRange, watch: Watch) -> Answer:
        """The rows of a slice."""
        answer: Answer
        if self.kind == "logs":
            answer = source.logs(self.query, window, progress=watch)
        elif self.kind == "spans":
            answer = source.spans(self.query, window, progress=watch)
        else:
            answer = source.series(self.query, window, step_ns=self.step_ns)
            if window != self.window and not self.frozen and not is_pointwise(self.query):
                answer = _doubted(answer)
        return answer


def download(
    asked: Asked,
    source: Any,
    folder: str | Path,
    *,
    tenant: str | None,
    late_margin_s: float,
    kept: Kept,
    progress: Progress | None,
) -> pl.LazyFrame:
    """The rows, over a dataset in a folder; what is there already is not asked for again.

    Parameters
    ----------
    source
        A log, metric or trace source.
    tenant
        As whom it is asked, so that a folder holds one tenant's rows.
    late_margin_s
        How long after the end of a slice rows may still come in.
    kept
        Takes the record of the whole, also where it is stopped.

    Raises
    ------
    DatasetError
        The folder cannot be used or written.
    SourceError
        The source refuses, fails, or cannot be reached; what is whole by then stays.
    """
    dataset = begun(asked, source, folder, tenant=tenant)
    until_ns = until(asked)
    watch = progress or Silent()
    try:
        fill(dataset, asked, source, until_ns=until_ns, late_margin_s=late_margin_s, watch=watch)
    except (ObsnbError, KeyboardInterrupt) as stop:
        try:
            note(stop, dataset, until_ns, kept)
        except KeyboardInterrupt:  # of one Ctrl-C, polars and Python both tell
            note(stop, dataset, until_ns, kept)
        raise
    finally:
        watch.close()
    kept.enter(dataset.record(until_ns=until_ns))
    return dataset.scan()


def begun(asked: Asked, source: Any, folder: str | Path, *, tenant: str | None) -> Dataset:
    """The dataset of a question to a source, as far as it is there. Raises `DatasetError`."""
    from obsnb.store.dataset import Dataset
    from obsnb.store.manifest import Question

    params = {"step_ns": asked.step_ns} if asked.kind == "metrics" else {}
    question = Question(_KINDS[asked.kind], source.name, asked.query, asked.window, tenant, params)
    return Dataset.open(Path(folder), question, page_limit=getattr(source, "page_limit", None))


def until(asked: Asked) -> int:
    """Until when anything can have happened that is asked for."""
    return asked.window.end_ns if asked.frozen else now_ns()


def fill(
    dataset: Dataset, asked: Asked, source: Any, *, until_ns: int, late_margin_s: float, watch: Progress
) -> None:
    """Ask for what is missing of a dataset."""
    late_ns = None if asked.frozen else round(late_margin_s * 1e9)
    _Pull(asked, source, dataset, watch).run(until_ns, late_ns)


def note(stop: ObsnbError | KeyboardInterrupt, dataset: Dataset, until_ns: int, kept: Kept) -> None:
    """Enter what is there where it was stopped; nothing where there is nothing."""
    if not dataset.slices:
        return
    why = f"it stopped ({stop.what.rstrip('.')})" if isinstance(stop, ObsnbError) else "it was interrupted"
    kept.enter(dataset.record(until_ns=until_ns, stopped=why), quietly=True)
    if isinstance(stop, SourceError):
        stop.hint = f"{stop.hint} The same call goes on from what is whole in {dataset.folder}.".strip()


class _Pull:
    """Asks for what is missing of a dataset, slice by slice."""

    def __init__(self, asked: Asked, source: Any, dataset: Dataset, progress: Progress) -> None:
        self._asked = asked
        self._source = source
        self._dataset = dataset
        self._progress = progress
        wanted = None if asked.frozen else _WANTED[asked.kind]
        self._pace = Pace(asked.window, unit_ns=asked.unit_ns, wanted=wanted)
        self._most = None if wanted is None else Size(_MOST * wanted.rows, _MOST * wanted.bytes)
        self._whole_ns = self._done_ns = 0
        self._told = False  # the first slice tells how long others may be, and comes alone

    def run(self, until_ns: int, late_ns: int | None) -> None:
        """Ask for it all."""
        missing = self._dataset.missing(until_ns=until_ns, late_ns=late_ns)
        self._whole_ns = min(self._asked.window.end_ns, until_ns) - self._asked.window.start_ns
        self._done_ns = self._whole_ns - sum(one.window.duration_ns for one in missing)
        for there in self._dataset.slices[-1:]:
            self._pace.came(there.window, Size(there.rows, there.bytes))
        again = [one for one in missing if one.again is not None]
        for first in range(0, len(again), _UNDER_WAY):
            self._enter(again[first : first + _UNDER_WAY])
        for one in missing:
            if one.again is None:
                self._gap(one.window)
        self._progress.update(done=1.0, rows=self._dataset.rows, bytes=self._dataset.bytes)

    def _gap(self, window: TimeRange) -> None:
        """What nothing is there of: a few slices at once, entered in order of time."""
        from obsnb.store.dataset import Missing

        start = window.start_ns
        while start < window.end_ns:
            pieces: list[Missing] = []
            while start < window.end_ns and len(pieces) < (_UNDER_WAY if self._told else 1):
                pieces.append(Missing(self._pace.next(TimeRange(start, window.end_ns))))
                start = pieces[-1].window.end_ns
            self._enter(pieces)

    def _enter(self, pieces: Sequence[Missing]) -> None:
        """Slices that are asked for at once; one that holds too much is cut, and comes in its place.

        One that was there is asked for as it was cut, so that what came of it can be held against what comes
        now. Where one fails, those that came are whole, and stay: only then it is said.
        """
        from obsnb.sources.at_once import at_once

        there = [one.again for one in pieces if one.again is not None]
        instead = Size(sum(one.rows for one in there), sum(one.bytes for one in there))
        together = _Together(self, sum(one.window.duration_ns for one in pieces), instead)
        asks = {str(one.window.start_ns): self._asking(one.window) for one in pieces}
        answers, errors = at_once(asks, together)
        failed: SourceError | None = None
        for one in pieces:
            piece, self._told = one.window, True
            answer, error = answers.get(str(piece.start_ns)), errors.get(str(piece.start_ns))
            if answer is not None:
                self._dataset.add(answer.frame, answer.record, again=one.again)
                self._done_ns += piece.duration_ns
                if one.again is None:
                    self._pace.came(piece, Size(answer.record.rows, answer.record.bytes))
            elif _too_much(error) and self._pace.shorter(piece):
                if one.again is not None:
                    self._dataset.drop(piece)  # it holds more than it did, so that nothing is lost
                self._gap(piece)
            else:
                failed = failed or error
        if failed is not None:
            raise failed

    def _asking(self, piece: TimeRange) -> Callable[[Progress], Answer]:
        def ask(watch: Progress) -> Answer:
            def told(part: float, so_far: Size) -> None:
                watch.update(done=part, rows=so_far.rows, bytes=so_far.bytes)

            shortest = piece.duration_ns <= self._asked.unit_ns
            answer = self._asked.of(self._source, piece, Watch(told, most=None if shortest else self._most))
            told(1.0, Size(answer.record.rows, answer.record.bytes))
            return answer

        return ask

    def tell(self, part_ns: float, rows: int, size: int) -> None:
        """How far the whole is, with so much of what is under way."""
        done = (self._done_ns + part_ns) / self._whole_ns
        rows, size = self._dataset.rows + rows, self._dataset.bytes + size
        self._progress.update(done=done, rows=rows, bytes=size)


@dataclass(frozen=True)
class _Together:
    """The progress of what is under way, as a part of the whole."""

    pull: _Pull
    length_ns: int
    instead: Size

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Pass it on; of slices that are asked again, not what is there of them already."""
        self.pull.tell(done * self.length_ns, rows - self.instead.rows, bytes - self.instead.bytes)

    def close(self) -> None:
        """Others follow."""


def _doubted(answer: Answer) -> Answer:
    """A slice's rows, where the query may look at all of its window: the slice's, not the download's."""
    from obsnb.sources.base import Answer

    why = "it was asked for in slices, and the query may look at all of its window"
    if answer.record.complete != "yes":
        why = f"{answer.record.reason}; {why}"
    worst: Complete = "no" if answer.record.complete == "no" else "unknown"
    return Answer(answer.frame, replace(answer.record, complete=worst, reason=why))


def _too_much(error: SourceError | None) -> bool:
    """Whether a slice was more than a download takes at once, or than the source's own bound of rows."""
    return isinstance(error, LimitError) and error.status is None
