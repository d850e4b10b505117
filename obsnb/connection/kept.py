"""What a connection has asked: every record in its ledger, every answer kept until it is frozen."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from obsnb.errors import LimitError, PartialResultWarning
from obsnb.instants import format_ns
from obsnb.ledger import Ledger, QueryRecord
from obsnb.query.texts import variable_in
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    from obsnb.connection.linking import Explore
    from obsnb.sources.base import Answer

__all__ = ["Kept", "depth_of_caller", "warn_of_no_point"]

_Scope = frozenset[tuple[str, str]]


class Kept:
    """Answers by their question; asked again, the newer one counts."""

    def __init__(self, ledger: Ledger, explore: Explore | None = None) -> None:
        self._ledger = ledger
        self._explore = explore
        self._answers: dict[Hashable, tuple[Answer, _Scope | None]] = {}
        self.scope: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def span(self) -> TimeRange:
        """From the earliest start to the latest end of what was asked."""
        windows = [answer.record.window for answer, _ in self._answers.values()]
        return TimeRange(min(w.start_ns for w in windows), max(w.end_ns for w in windows))

    def add(self, answer: Answer, *, scope: Mapping[str, str] | None = None) -> Answer:
        """Enter an answer; it comes back with its number. What is not all of it is warned of.

        Of several sources, each one's answer is entered and kept with a record of its own.

        Parameters
        ----------
        scope
            Of a built-in query; the last one is an archive's scope where nobody says another.
        """
        from obsnb.sources.base import Answer

        if answer.parts:
            return Answer(
                answer.frame, answer.record, tuple(self.add(part, scope=scope) for part in answer.parts)
            )
        record = self.enter(answer.record, quietly=True)
        kept = Answer(answer.frame, record)
        of = None if scope is None else frozenset(scope.items())
        question = (record.kind, record.source, record.asked, record.window, record.role, of)
        self._answers.pop((*question, repr(sorted(record.params.items()))), None)
        self._answers[*question, repr(sorted(record.params.items()))] = (kept, of)
        if scope is not None:
            self.scope = dict(scope)
        _warn(record)
        return kept

    def enter(self, record: QueryRecord, *, quietly: bool = False) -> QueryRecord:
        """Enter a record whose rows lie elsewhere; it comes back with its number.

        What is not all of it is warned of, but for `quietly`: where an error says it already.
        """
        linked = replace(record, explore=self._explore.of(record.source)) if self._explore else record
        numbered = self._ledger.add(linked)
        if not quietly:
            _warn(numbered)
        return numbered

    def refuse(self, role: str, window: TimeRange, error: LimitError, *, source: str) -> None:
        """Enter a question that was too big, and is asked in parts instead."""
        query = error.query or role
        reason = f"asked for in parts instead: {error.what}"
        record = QueryRecord("logs", source, query, query, window, role=role, complete="no", reason=reason)
        self._ledger.add(record)

    def for_scope(self, scope: Mapping[str, str]) -> list[Answer]:
        """Every answer; the role of one that was asked for another scope is left out."""
        wanted = frozenset(scope.items())
        return [
            answer if of in {None, wanted} else replace(answer, record=replace(answer.record, role=None))
            for answer, of in self._answers.values()
        ]


def _warn(record: QueryRecord) -> None:
    """Say what is missing, or, where there is no row at all, what of the question may be why."""
    asked = f"query:{record.number} to {record.source}"
    ahead_s = (record.window.start_ns - record.asked_at_ns) // 10**9
    if record.complete == "no":
        said = f"{asked} is not complete: {record.reason}"
    elif record.rows:
        return
    elif ahead_s > 0:
        said = (
            f"{asked} has no row: its window begins {timedelta(seconds=ahead_s)} after it was asked. "
            f"Is {format_ns(record.window.start_ns)} meant?"
        )
    elif (variable := variable_in(record.asked)) is not None:
        said = (
            f"{asked} has no row, and asks for {variable}, which looks like a variable of Grafana's: only "
            "Grafana fills it in. Write what it stands for."
        )
    else:
        return
    warnings.warn(said, PartialResultWarning, stacklevel=depth_of_caller())


def warn_of_no_point(record: QueryRecord) -> None:
    """Say so where a window lies between two steps: that is complete, and yet nobody expects it."""
    step_ns, window = record.params["step_ns"], record.window
    if not window.grid(step_ns):
        warnings.warn(
            f"query:{record.number} has no point: no multiple of its step of {step_ns / 10**9:g} s lies "
            f"in the {window.duration_s:g} s of the window. Ask with a smaller step, or a longer window.",
            PartialResultWarning,
            stacklevel=depth_of_caller(),
        )


def depth_of_caller() -> int:
    """How many frames above the warning the code stands that is not obsnb's own."""
    frame, depth = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "obsnb":
        frame, depth = frame.f_back, depth + 1
    return depth
