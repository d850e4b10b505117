"""What there is to ask about: labels, their values, and a metric's raw samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from obsnb.errors import UsageError
from obsnb.query import promql

if TYPE_CHECKING:
    from obsnb.sources.base import Answer
    from obsnb.timerange import TimeRange

__all__ = ["Discovery"]


class Discovery:
    """Verbs of a connection that look around; a part of `Connection`."""

    _logs: Any
    _metrics: Any
    _where: Any
    _need: Any
    _give: Any

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
        names: list[str] = self._index("labels")(self._where(window))
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
        values: list[str] = self._index("label_values")(name, self._where(window))
        return values

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

    def _index(self, verb: str) -> Any:
        ask = getattr(self._need(self._logs, "Loki", "loki"), verb, None)
        if ask is None:
            raise UsageError(
                f"{verb} asks a server's index, and an archive has none.",
                hint="The label columns of obs.logs(...) hold what the archive has.",
            )
        return ask
