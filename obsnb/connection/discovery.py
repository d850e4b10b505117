"""What there is to ask about: labels, streams, volumes, patterns, fields, and a metric's raw samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obsnb.connection.roles import default_step
from obsnb.errors import UsageError
from obsnb.query import promql
from obsnb.timerange import parse_duration

if TYPE_CHECKING:
    from obsnb.sources.base import Answer
    from obsnb.timerange import TimeRange

__all__ = ["Discovery"]


class Discovery:
    """Verbs of a connection that look around; a part of `Connection`.

    What they find out stands in the ledger, but is not frozen: an archive has lines, and no index.
    """

    _logs: Any
    _metrics: Any
    _where: Any
    _need: Any
    _give: Any
    _kept: Any
    out: Any

    def labels(self, window: TimeRange | None = None) -> list[str]:
        """The names of Loki's stream labels in a window.

        Parameters
        ----------
        window
            Where to look: it is always said, because Loki by itself looks at the last hour.

        Raises
        ------
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        names: list[str] = self._found(self._index("labels", "index_names")(self._where(window)))[
            "name"
        ].to_list()
        return names

    def label_values(self, name: str, window: TimeRange | None = None) -> list[str]:
        """The values that one of Loki's stream labels has in a window.

        Raises
        ------
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        answer = self._index("label_values", "index_names")(self._where(window), label=name)
        values: list[str] = self._found(answer)["name"].to_list()
        return values

    def log_streams(self, selector: str, window: TimeRange | None = None) -> Any:
        """The streams of a selector, a row a stream.

        Parameters
        ----------
        selector
            Matchers alone, such as ``{namespace="prod"}``.
        window
            Where to look: it is always said, because Loki by itself looks at the last hour.

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
        return self.out(self._found(self._index("log_streams", "streams")(selector, self._where(window))))

    def log_volume(
        self,
        selector: str,
        window: TimeRange | None = None,
        *,
        by: Sequence[str] = (),
        limit: int = 100,
    ) -> Any:
        """How many bytes of lines there are, by labels, the most first.

        Parameters
        ----------
        selector
            Matchers alone, such as ``{namespace="prod"}``.
        window
            Always said, because Loki by itself looks at the last hour.
        by
            The labels to part by, such as ``["pod"]``; without, those that the selector names.
        limit
            Groups at most; where so many come, the ledger says that it is a selection.

        Returns
        -------
        frame
            bytes (Int64, an estimate of the server's index, often more than there are), then a column a
            label (Categorical).

        Raises
        ------
        QueryError
            The text is more than a stream selector, or none; a name cannot be a label; the limit gives none.
        UsageError
            The source is an archive or a folder of files, which have no index.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        ask, labels = self._index("log_volume", "volume"), (by,) if isinstance(by, str) else tuple(by)
        return self.out(self._found(ask(selector, self._where(window), by=labels, limit=limit)))

    def server_patterns(
        self,
        selector: str,
        window: TimeRange | None = None,
        *,
        step: str | int | float | timedelta | None = None,
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
        ask, where = self._index("server_patterns", "patterns"), self._where(window)
        step_ns = default_step(where) if step is None else parse_duration(step)
        return self.out(self._found(ask(selector, where, step_ns=step_ns)))

    def detected_fields(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        lines: int = 100,
        limit: int = 1_000,
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
        ask = self._index("detected_fields", "detected_fields")
        return self.out(self._found(ask(query, self._where(window), lines=lines, limit=limit)))

    def samples(self, selector: str, window: TimeRange | None = None) -> Any:
        """SERIES of a selector's raw samples, each at the moment at which it was scraped.

        Parameters
        ----------
        selector
            An instant vector selector of Prometheus, such as ``up{job="api"}``.
        window
            Start inclusive, end exclusive, in every version of Prometheus.

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
        source = self._need(self._metrics, "Prometheus", "prometheus")
        ask = getattr(source, "samples", None)
        if ask is None:
            raise UsageError(
                "An archive has no raw samples: it answers what it was asked when it was made.",
                hint="obs.metrics(query) answers from it; obs.ledger and obs.recorded name what is there.",
            )
        return self._give(ask(selector, self._where(window)))

    def _verifier(self, limit: int | None) -> Callable[[Answer], Answer]:
        """What lets the server count as well; refused before anything is asked where it could not."""
        verified: Callable[[Answer], Answer] | None = getattr(self._logs, "verified", None)
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

    def _found(self, answer: Answer) -> Any:
        """The polars frame of an answer, which is entered into the ledger and not kept for an archive."""
        self._kept.enter(answer.record)
        return answer.frame

    def _index(self, verb: str, method: str) -> Any:
        ask = getattr(self._need(self._logs, "Loki", "loki"), method, None)
        if ask is None:
            raise UsageError(
                f"{verb} asks a server's index, and an archive has none.",
                hint="The label columns of obs.logs(...) hold what the archive has.",
            )
        return ask
