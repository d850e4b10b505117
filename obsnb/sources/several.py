"""Several sources of one kind behind one, each asked at once, each named in what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from obsnb.errors import LimitError, RejectedError, SourceError
from obsnb.progress import Progress
from obsnb.sources.at_once import Ask, all_failed, at_once
from obsnb.sources.base import Answer, Health
from obsnb.sources.merging import absent, marked, merged
from obsnb.timerange import TimeRange

__all__ = ["Several"]


@dataclass(frozen=True)
class Several:
    """A `LogSource`, `MetricSource` or `TraceSource` that asks several of its kind.

    Parameters
    ----------
    members
        Sources of one kind, each with a name of its own, such as ``loki.eu``.
    marks
        Whether rows say where they came from, in a column ``source``, and ids are their source's own;
        where there is but one source, nobody asks.

    Notes
    -----
    One that fails (`SourceError`) gives no rows, and a record that says why; where all fail, it is an
    error. What a source refuses for the caller's sake (a query that cannot be, more than ``max_rows``)
    is an error too.

    Spans of a trace that lie in several sources come together, each once. A trace counts as whole that
    is whole in every source that answered.
    """

    members: tuple[Any, ...]
    marks: bool

    @classmethod
    def of(cls, *members: Any) -> Several:
        """These, which say where rows come from if there are more than one."""
        return cls(members, len(members) > 1)

    def __repr__(self) -> str:
        return f"Several({self.name})"

    @property
    def name(self) -> str:
        """Their names."""
        return ", ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Each one's name."""
        return tuple(member.name for member in self.members)

    @property
    def page_limit(self) -> int | None:
        """How many rows the first one asks for at once."""
        limit: int | None = getattr(self.members[0], "page_limit", None)
        return limit

    def only(self, name: str) -> Several:
        """One of them, whose rows have the same columns and ids as beside the others."""
        return Several(tuple(one for one in self.members if one.name == name), self.marks)

    def healths(self) -> list[Health]:
        """How each is doing, asked at once; never raises."""
        asks: dict[str, Ask[Health]] = {one.name: _health_of(one) for one in self.members}
        return list(at_once(asks)[0].values())

    def health(self) -> Health:
        """How the first that is not well is doing, else the first; never raises."""
        healths = self.healths()
        return next((one for one in healths if one.status != "ok"), healths[0])

    # As a source of logs.

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
        """LOGS of all of them, sorted by time; `limit` is an upper bound for all together.

        Raises
        ------
        LimitError
            One alone or all together have more lines than ``max_rows``.
        SourceError
            All fail.
        """

        def ask(member: Any) -> Ask[Answer]:
            more: dict[str, Any] = {"limit": limit, "direction": direction, "role": role}
            return lambda watch: member.logs(query, window, progress=watch, **more)

        # Who asks for every line of a scope asks for parts of them instead where they are too many.
        parts = self._parts(ask, progress, strict=role == "scope.logs")
        self._check_rows(sum(part.frame.height for part in parts), query, window)
        return self._merged(parts, limit=limit, direction=direction)

    def verified(self, answer: Answer) -> Answer:
        """A finished answer, each one's record told what its server counts."""
        named = {member.name: member for member in self.members}
        if not answer.parts:
            checked: Answer = self.members[0].verified(answer)
            return checked
        whole = merged([_verified(named[one.record.source], one) for one in answer.parts])
        return Answer(answer.frame, replace(whole.record, rows=answer.record.rows), whole.parts)

    # As a source of metrics; those of logs and of traces give series as well.

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES of all of them, one source's after another's. Raises `SourceError` where all fail."""
        return self._each(lambda one: one.series(query, window, step_ns=step_ns, role=role))

    def samples(self, selector: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """SERIES of the raw samples of all of them. Raises `SourceError` where all fail."""
        return self._each(lambda one: one.samples(selector, window, role=role))

    def instant(
        self, query: str, *, at_ns: int, over_ns: int | None = None, role: str | None = None
    ) -> Answer:
        """SERIES of all of them at one instant; `over_ns` is Tempo's. Raises `SourceError` where all fail."""
        own = {} if over_ns is None else {"over_ns": over_ns}
        return self._each(lambda one: one.instant(query, at_ns=at_ns, role=role, **own))

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """EXEMPLARS of all of them, sorted by time. Raises `SourceError` where all fail."""
        return self._each(lambda one: one.exemplars(query, window, role=role))

    # As a source of traces.

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
        """SPANS of all of them, sorted by start and ids; `limit` bounds the traces of all together.

        With `whole`, each is asked as well for its part of the traces that others found. Raises
        `SourceError` where all fail.
        """

        def ask(member: Any) -> Ask[Answer]:
            more: dict[str, Any] = {"limit": limit, "whole": whole, "role": role}
            return lambda watch: member.spans(query, window, progress=watch, **more)

        rest = self._rest if whole and len(self.members) > 1 else None
        return self._merged(self._parts(ask, progress, then=rest), limit=limit)

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        """SPANS of one trace, from each that has some of it.

        Raises
        ------
        RejectedError
            None has it.
        SourceError
            None of those that answered has it, and others failed.
        """

        def ask(member: Any) -> Ask[Answer]:
            return lambda _: member.trace(trace_id, window=window)

        return self._merged(self._parts(ask, None, nothing=_has_no_trace))

    # What there is to ask about.

    def heard_names(self, verb: str, *given: Any) -> tuple[list[str], dict[str, SourceError]]:
        """The names that any of them has, sorted, and why those failed that did.

        Parameters
        ----------
        verb
            ``labels``, ``label_values`` and so on, as the sources have it, and what it is given.

        Raises
        ------
        SourceError
            All fail.
        """
        asks: dict[str, Ask[list[str]]] = {one.name: _names_of(one, verb, given) for one in self.members}
        heard, errors = at_once(asks)
        if not heard:
            raise all_failed(list(errors.values()))
        return sorted({name for names in heard.values() for name in names}), errors

    def labels(self, window: TimeRange) -> list[str]:
        """The labels that any of them has. Raises `SourceError` where all fail."""
        return self.heard_names("labels", window)[0]

    def label_names(self, window: TimeRange) -> list[str]:
        """The labels of metrics that any of them has. Raises `SourceError` where all fail."""
        return self.heard_names("label_names", window)[0]

    def label_values(self, name: str, window: TimeRange) -> list[str]:
        """The values of a label that any of them has. Raises `SourceError` where all fail."""
        return self.heard_names("label_values", name, window)[0]

    def attribute_names(self, window: TimeRange) -> list[str]:
        """The attributes of spans that any of them has. Raises `SourceError` where all fail."""
        return self.heard_names("attribute_names", window)[0]

    # How they are asked.

    def _each(self, ask: Callable[[Any], Answer]) -> Answer:
        def asking(member: Any) -> Ask[Answer]:
            return lambda _: ask(member)

        return self._merged(self._parts(asking, None))

    def _parts(
        self,
        ask: Callable[[Any], Ask[Answer]],
        progress: Progress | None,
        *,
        strict: bool = False,
        nothing: Callable[[SourceError], bool] = lambda _: False,
        then: Callable[[dict[str, Answer]], None] | None = None,
    ) -> list[Answer]:
        """An answer a source, in their order; those that failed have no rows.

        Parameters
        ----------
        strict
            Whether any `LimitError` ends it all: else it is those of this side's own limits.
        nothing
            Whether an error says that the source has nothing of the kind.
        then
            What is asked further, once all have answered; it changes what it is given.
        """
        answers, errors = at_once({one.name: ask(one) for one in self.members}, progress)
        for error in errors.values():
            if isinstance(error, LimitError) and (strict or error.status is None):
                raise error
        if not answers:
            # Of several reasons, that one has nothing is the least.
            raise all_failed([one for one in errors.values() if not nothing(one)] or list(errors.values()))
        if then is not None:
            then(answers)
        alike = next(iter(answers.values())).record
        parts = []
        for name in self.names:
            if name in answers:
                parts.append(marked(answers[name]) if self.marks else answers[name])
                continue
            none = nothing(errors[name])
            reason = errors[name].what
            parts.append(absent(alike, name, reason, complete="yes" if none else "no", marks=self.marks))
        return parts

    def _merged(self, parts: list[Answer], **more: Any) -> Answer:
        return merged(parts, **more) if len(parts) > 1 else parts[0]

    def _rest(self, answers: dict[str, Answer]) -> None:
        """Add to each answer the source's part of the traces that others found."""
        found = {name: set(one.frame["trace_id"].unique().to_list()) for name, one in answers.items()}
        every: set[str] = set().union(*found.values())
        asks: dict[str, Ask[Answer]] = {
            one.name: _parts_of(one, answers[one.name], sorted(every - found[one.name]))
            for one in self.members
            if one.name in answers and hasattr(one, "parts") and every - found[one.name]
        }
        if not asks:
            return
        more, failed = at_once(asks)
        answers |= more
        for name, error in failed.items():
            answers[name] = _without_parts(answers[name], error)

    def _check_rows(self, rows: int, query: str, window: TimeRange) -> None:
        bounds = [most for one in self.members if (most := getattr(one, "max_rows", None)) is not None]
        if len(self.members) > 1 and bounds and rows > min(bounds):
            raise LimitError(
                f"{self.name} have {rows:,} lines together for this query, and max_rows is {min(bounds):,}.",
                hint="Narrow the query or the window, ask one of them with source=, pass limit=, raise "
                "max_rows in the profile, or stream them to disk: "
                'obs.download("logs", query, window, folder).',
                query=query,
                window=window,
            )


def _health_of(member: Any) -> Ask[Health]:
    def ask(_: Progress) -> Health:
        health: Health = member.health()
        return health

    return ask


def _names_of(member: Any, verb: str, given: tuple[Any, ...]) -> Ask[list[str]]:
    return lambda _: list(getattr(member, verb)(*given))


def _parts_of(member: Any, answer: Answer, trace_ids: list[str]) -> Ask[Answer]:
    def ask(_: Progress) -> Answer:
        more: Answer = member.parts(answer, trace_ids)
        return more

    return ask


def _has_no_trace(error: SourceError) -> bool:
    return isinstance(error, RejectedError) and error.status in {None, 404}


def _without_parts(answer: Answer, error: SourceError) -> Answer:
    """An answer whose record says that parts of others' traces may be missing."""
    old = f"{answer.record.reason}; " if answer.record.complete == "no" else ""
    reason = f"{old}its part of traces that others found did not come: {error.what}"
    return Answer(answer.frame, replace(answer.record, complete="no", reason=reason))


def _verified(member: Any, answer: Answer) -> Answer:
    record = answer.record
    if record.complete == "no" and not record.pages:  # it failed, and may be spared
        return answer
    try:
        checked: Answer = member.verified(answer)
    except SourceError as error:
        reason = f"{record.reason}; how many lines the server counts is not known: {error.what}"
        return Answer(answer.frame, replace(record, reason=reason))
    return checked
