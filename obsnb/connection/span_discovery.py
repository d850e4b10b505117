"""What there is to ask Tempo about: attributes, their values, and what sets some spans apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obsnb.sources.base import Answer
    from obsnb.timerange import TimeRange

__all__ = ["SpanDiscovery"]


class SpanDiscovery:
    """Verbs of a connection that look around in Tempo; a part of `Connection`, beside `Discovery`."""

    _where: Any
    _names: Any
    _found: Any
    out: Any

    def span_attributes(self, window: TimeRange | None = None, *, source: str | None = None) -> list[str]:
        """The attributes of Tempo's spans in a window, by scope, such as ``span.http.route``.

        Parameters
        ----------
        window
            Always said, because Tempo by itself looks at recent spans only.
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
        found: list[str] = self._names("span_attributes", source, lambda one: one.attributes(where))
        return found

    def span_attribute_values(
        self,
        name: str,
        window: TimeRange | None = None,
        *,
        query: str | None = None,
        source: str | None = None,
    ) -> list[str]:
        """The values that an attribute of Tempo's spans has in a window.

        Parameters
        ----------
        name
            With its scope, such as ``resource.service.name``, or an intrinsic one such as ``name``.
        window
            Always said, because Tempo by itself looks at recent spans only.
        query
            TraceQL that the spans must match, such as ``{ status = error }``.
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
        found: list[str] = self._names(
            "span_attribute_values", source, lambda one: one.attributes(where, name=name, query=query)
        )
        return found

    def span_comparison(
        self, query: str, window: TimeRange | None = None, *, source: str | None = None
    ) -> Any:
        """What sets the spans that TraceQL's ``compare()`` selects apart from the others.

        Parameters
        ----------
        query
            Such as ``{ resource.service.name = "api" } | compare({ status = error }, 10)``: all spans, which
            of them are selected, and how many values of an attribute are told.
        window
            Whole seconds.
        source
            One of several, such as ``"eu"``; without, all of them, named in a column ``source``.

        Returns
        -------
        frame
            attribute (its scoped name), value (null for spans without it), selection and baseline (Int64:
            spans with the value among those selected, and among the others), selection_total and
            baseline_total (Int64: spans with any value). First come the values whose share is most greater in
            the selection. The ledger says that they are the most frequent ones.

        Raises
        ------
        QueryError
            The query does not compare, or the window is not of whole seconds.
        UsageError
            The source is an archive or a folder of files.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        where = self._where(window)

        def ask(one: Any) -> Answer:
            answer: Answer = one.comparison(query, where)
            return answer

        return self.out(self._found("span_comparison", "comparison", source, ask))
