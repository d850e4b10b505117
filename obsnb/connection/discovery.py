"""What there is to ask about: labels, streams, volumes, patterns, fields, and a metric's raw samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obsnb.connection.choosing import choose
from obsnb.connection.looking import looked, members
from obsnb.connection.roles import default_step
from obsnb.errors import UsageError
from obsnb.instants import parse_duration
from obsnb.query import promql
from obsnb.query.texts import whole_limit

if TYPE_CHECKING:
    import polars as pl

    from obsnb.sources.base import Answer
    from obsnb.timerange import TimeRange

__all__ = ["Discovery"]

#: By which columns what several sources tell is sorted, and whether the greatest come first.
_ORDER: dict[str, dict[str, bool]] = {
    "log_volume": {"bytes": True},
    "server_patterns": {"timestamp": False, "pattern": False, "level": False},
    "detected_fields": {"field": False},
    "span_comparison": {"attribute": False, "selection": True},
}


class Discovery:
    """Verbs of a connection that look around; a part of `Connection`.

    What they find out stands in the ledger, but is not frozen: an archive has lines, and no index.
    """

    _logs: Any
    _metrics: Any
    _traces: Any
    _where: Any
    _need: Any
    _allowed: Any
    _give: Any
    _kept: Any
    out: Any

    def labels(self, window: TimeRange | None = None, *, source: str | None = None) -> list[str]:
        """The names of Loki's stream labels in a window.

        Parameters
        ----------
        window
            Where to look: it is always said, because Loki by itself looks at the last hour.
        source
            One of several, such as ``"eu"``; without, what any of them has.

        Raises
        ------
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where = self._where(window)
        return self._names("labels", source, lambda one: one.index_names(where))

    def label_values(
        self, name: str, window: TimeRange | None = None, *, source: str | None = None
    ) -> list[str]:
        """The values that one of Loki's stream labels has in a window.

        Parameters
        ----------
        name
            The label.
        window
            Always said, because Loki by itself looks at the last hour.
        source
            One of several, such as ``"eu"``; without, what any of them has.

        Raises
        ------
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where = self._where(window)
        return self._names("label_values", source, lambda one: one.index_names(where, label=name))

    def log_streams(
        self, selector: str, window: TimeRange | None = None, *, source: str | None = None
    ) -> Any:
        """The streams of a selector, a row a stream.

        Parameters
        ----------
        selector
            Matchers alone, such as ``{namespace="prod"}``.
        window
            Where to look: it is always said, because Loki by itself looks at the last hour.
        source
            One of several, such as ``"eu"``; without, all of them, named in a column ``source``.

        Returns
        -------
        frame
            A column a label (Categorical), named as beside lines: ``label.level`` for a label ``level``.
            The index knows chunks: a stream may have no line in the window.

        Raises
        ------
        QueryError
            The text is more than a stream selector, or none.
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where = self._where(window)
        found = self._found("log_streams", "streams", source, lambda one: one.streams(selector, where))
        return self.out(found)

    def log_volume(
        self,
        selector: str,
        window: TimeRange | None = None,
        *,
        by: Sequence[str] = (),
        step: str | int | float | timedelta | None = None,
        limit: int = 100,
        source: str | None = None,
    ) -> Any:
        """How many bytes of lines there are, by labels, the most first; with a step, also by time.

        Parameters
        ----------
        selector
            Matchers alone, such as ``{namespace="prod"}``.
        window
            Always said, because Loki by itself looks at the last hour.
        by
            The labels to part by, such as ``["pod"]``; without, those that the selector names.
        step
            Whole seconds; without, all of the window together. Loki asks its index once a step: take one
            that gives tens of steps, not thousands.
        limit
            Groups at most, with a step in each of them; where so many come, the ledger says that it is a
            selection.
        source
            One of several, such as ``"eu"``; without, all of them, named in a column ``source``.

        Returns
        -------
        frame
            bytes (Int64, an estimate of the server's index, often more than there are), then a column a
            label (Categorical). With a step, first timestamp (ns, UTC: where the step begins, the first one
            perhaps before the window), in its order. The index knows chunks, which span up to hours, and
            counts of each as much for every second: a burst shows in ``obs.metrics("sum(bytes_over_time(...
            [1m]))", source="loki")``, not here.

        Raises
        ------
        QueryError
            The text is more than a stream selector, or none; a name cannot be a label; the limit gives none;
            the step is no whole number of seconds.
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where, labels = self._where(window), (by,) if isinstance(by, str) else tuple(by)
        limit = whole_limit(limit)
        if step is None:
            return self.out(
                self._found(
                    "log_volume",
                    "volume",
                    source,
                    lambda one: one.volume(selector, where, by=labels, limit=limit),
                )
            )
        more: dict[str, Any] = {"step_ns": parse_duration(step), "by": labels, "limit": limit}

        def ask(one: Any) -> Answer:
            answer: Answer = one.volume_over_time(selector, where, **more)
            return answer

        return self.out(self._found("log_volume", "volume_over_time", source, ask, by_time=True))

    def server_patterns(
        self,
        selector: str,
        window: TimeRange | None = None,
        *,
        step: str | int | float | timedelta | None = None,
        source: str | None = None,
    ) -> Any:
        """How often Loki saw each pattern that it found in lines itself.

        It keeps them of recent lines only, so that the ledger never says that these are all.

        Parameters
        ----------
        selector
            Matchers alone, such as ``{namespace="prod"}``.
        window
            Always said, because Loki by itself looks at the last hour.
        step
            The length of what is counted together, in whole seconds; without, as for `metrics`.
        source
            One of several, such as ``"eu"``; without, all of them, named in a column ``source``.

        Returns
        -------
        frame
            timestamp (ns, UTC: where the counted step starts, the first one perhaps before the window),
            pattern (wildcards written ``<_>``), level, count (Int64).

        Raises
        ------
        QueryError
            The text is more than a stream selector, or none; the step is no whole number of seconds.
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails, keeps no patterns (404) or cannot be reached.
        """
        where = self._where(window)
        step_ns = default_step(where) if step is None else parse_duration(step)
        found = self._found(
            "server_patterns", "patterns", source, lambda one: one.patterns(selector, where, step_ns=step_ns)
        )
        return self.out(found)

    def detected_fields(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        lines: int = 100,
        limit: int = 1_000,
        source: str | None = None,
    ) -> Any:
        """The fields that Loki finds in a sample of lines, and how to get at them.

        Parameters
        ----------
        query
            A log query, such as ``{namespace="prod"} |= "error"``.
        window
            Always said, because Loki by itself looks at the last hour.
        lines
            About how many lines the server reads; the ledger says that it is a selection.
        limit
            Fields at most.
        source
            One of several, such as ``"eu"``; without, all of them, named in a column ``source``.

        Returns
        -------
        frame
            field, type (the server's guess), cardinality (Int64, an estimate in the sample), parsers (list:
            ``json``, ``logfmt``; null for structured metadata), json_path (list; null where there is none).

        Raises
        ------
        QueryError
            The query cannot be LogQL, gives numbers, or a limit gives none.
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where, limit, lines = self._where(window), whole_limit(limit), whole_limit(lines, "lines")

        def ask(one: Any) -> Answer:
            answer: Answer = one.detected_fields(query, where, lines=lines, limit=limit)
            return answer

        return self.out(self._found("detected_fields", "detected_fields", source, ask))

    def samples(
        self,
        selector: str,
        window: TimeRange | None = None,
        *,
        anyway: bool = False,
        source: str | None = None,
    ) -> Any:
        """SERIES of a selector's raw samples, each at the moment at which it was scraped.

        Parameters
        ----------
        selector
            An instant vector selector of Prometheus, such as ``up{job="api"}``.
        window
            Start inclusive, end exclusive, in every version of Prometheus.
        anyway
            Ask it also where it is over a limit of the profile.
        source
            One of several, such as ``"eu"``.

        Raises
        ------
        QueryError
            The selector cannot be PromQL.
        UsageError
            The source is an archive, which holds what was asked for when it was made.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        promql.check(selector)
        held = self._need(self._metrics, "Prometheus", "prometheus")
        asked = self._allowed(choose(held, source, kind="prometheus"), anyway)
        ask = getattr(asked, "samples", None)
        if ask is None:
            raise UsageError(
                "An archive has no raw samples: it answers what it was asked when it was made.",
                hint="obs.metrics(query) answers from it; obs.ledger and obs.recorded name what is there.",
            )
        return self._give(ask(selector, self._where(window)))

    def _verifier(self, source: Any, limit: int | None) -> Callable[[Answer], Answer]:
        """What lets the server count as well; refused before anything is asked where it could not."""
        verified: Callable[[Answer], Answer] | None = getattr(source, "verified", None)
        if verified is None:
            raise UsageError(
                "verify=True lets a server count, and an archive has none.",
                hint="The archive's own record says whether the answer was complete: obs.ledger.",
            )
        if limit is not None:
            raise UsageError(
                "verify=True counts all lines, and limit= asks for some of them.",
                hint="Leave one of them out.",
            )
        return verified

    def _names(self, verb: str, source: str | None, ask: Callable[[Any], Answer]) -> list[str]:
        method = "attributes" if verb.startswith("span_") else "index_names"
        found: list[str] = self._found(verb, method, source, ask)["name"].unique().sort().to_list()
        return found

    def _found(
        self,
        verb: str,
        method: str,
        source: str | None,
        ask: Callable[[Any], Answer],
        *,
        by_time: bool = False,
    ) -> pl.DataFrame:
        """The polars frame of an answer, which is entered into the ledger and not kept for an archive."""
        if verb.startswith("span_"):
            held = self._need(self._traces, "Tempo", "tempo", source)
            way = (
                "The columns of obs.spans(...) hold what the archive has; obsnb.contrast(...) compares spans."
            )
        else:
            held = self._need(self._logs, "Loki", "loki", source)
            way = "The label columns of obs.logs(...) hold what the archive has."
        if not hasattr(members(held)[0], method):
            raise UsageError(
                f"{verb} asks a server's index, and an archive has none.",
                hint=way,
            )
        order = ({"timestamp": False} if by_time else {}) | _ORDER.get(verb, {})
        return looked(held, ask, verb=verb, enter=self._kept.enter, order=order)
