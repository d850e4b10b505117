"""What stands around a source and passes its questions on: bounds, and what it answered before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from obsnb.progress import Progress
from obsnb.sources.base import Answer
from obsnb.sources.estimates import Question
from obsnb.timerange import TimeRange

__all__ = ["Around", "AskPart", "Direction"]

_MS = 1_000_000
#: Asks the source itself, for a part of the window.
AskPart: TypeAlias = Callable[[TimeRange, Progress | None], Answer]
#: Which end a limit of lines counts from.
Direction: TypeAlias = Literal["forward", "backward"]


@dataclass(frozen=True)
class Around(ABC):
    """A source whose questions for rows go through one place; all else that it has is its own.

    Parameters
    ----------
    inner
        Loki, Prometheus or Tempo, perhaps with something else around it.
    """

    inner: Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a copy asks for those before there is an inner one
            raise AttributeError(name)
        return getattr(self.inner, name)

    @abstractmethod
    def _through(
        self, question: Question, ask: AskPart, progress: Progress | None, direction: Direction
    ) -> Answer:
        """The answer to a question, of which `ask` gets any part from the source."""

    def logs(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        direction: Direction = "forward",
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """As the source does, if this lets it."""
        more: dict[str, Any] = {"limit": limit, "direction": direction, "role": role}
        return self._through(
            Question("logs", query, window, limit=limit, role=role),
            lambda part, watch: self.inner.logs(query, part, progress=watch, **more),
            progress,
            direction,
        )

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """As the source does, if this lets it."""
        return self._through(
            Question("metrics", query, window, step_ns=step_ns, role=role),
            lambda part, _: self.inner.series(query, part, step_ns=step_ns, role=role),
            None,
            "forward",
        )

    def instant(
        self, query: str, *, at_ns: int, over_ns: int | None = None, role: str | None = None
    ) -> Answer:
        """As the source does, if this lets it; `over_ns` is Tempo's."""
        at = at_ns // _MS * _MS  # as a grid of one point, whose series are what it costs
        own = {} if over_ns is None else {"over_ns": over_ns}
        window = TimeRange(at, at + _MS)
        return self._through(
            Question("metrics", query, window, step_ns=_MS, role=role, instant=True, over_ns=over_ns),
            lambda part, _: self.inner.instant(query, at_ns=part.start_ns, role=role, **own),
            None,
            "forward",
        )

    def samples(self, selector: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """As the source does, if this lets it."""
        return self._through(
            Question("samples", selector, window, role=role),
            lambda part, _: self.inner.samples(selector, part, role=role),
            None,
            "forward",
        )

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """As the source does, if this lets it."""
        return self._through(
            Question("exemplars", query, window, role=role),
            lambda part, _: self.inner.exemplars(query, part, role=role),
            None,
            "forward",
        )

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
        """As the source does, if this lets it."""
        more: dict[str, Any] = {"limit": limit, "whole": whole, "role": role}
        return self._through(
            Question("spans", query, window, limit=limit, whole=whole, role=role),
            lambda part, watch: self.inner.spans(query, part, progress=watch, **more),
            progress,
            "forward",
        )
