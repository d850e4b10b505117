"""What there is to ask Prometheus about: metadata, rules, alerts, targets, series and their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obsnb.connection.looking import looked, members
from obsnb.errors import UsageError
from obsnb.query import promql

if TYPE_CHECKING:
    from obsnb.sources.base import Answer
    from obsnb.timerange import TimeRange

__all__ = ["MetricDiscovery"]


class MetricDiscovery:
    """Verbs of a connection that look around in Prometheus; a part of `Connection`, beside `Discovery`.

    All of them take ``source=``, one of several such as ``"eu"``; without, all are asked, and a column
    ``source`` comes first. An archive and files have no index: that is a `UsageError`. What the server
    refuses, or its failing, is a `SourceError`. Each answer stands in the ledger, and is not frozen.
    """

    _metrics: Any
    _where: Any
    _need: Any
    _kept: Any
    out: Any

    def metric_metadata(self, metric: str | None = None, *, source: str | None = None) -> Any:
        """What metrics are, of one by its name or of all, as their targets say now.

        Columns: metric, type (counter, gauge, ...), unit, help, all text. A metric of which targets differ
        has several rows.
        """
        return self._look("metric_metadata", source, "metadata", text=metric)

    def rules(self, *, source: str | None = None) -> Any:
        """The alerting and recording rules as they are now, a row a rule.

        Columns: group, file, name, type (alerting, recording), query, state (of alerts: firing, pending,
        inactive), alerts (Int64, how many are active), for_s (s), health, last_error, evaluated (ns, UTC),
        evaluation_s (s), then a column a label and ``annotation.x``.
        """
        return self._look("rules", source, "rules")

    def alerts(self, *, source: str | None = None) -> Any:
        """The alerts that are pending or firing now; `events` has those that fired in a window.

        Columns: name, state, since (ns, UTC), value (Float64), then a column a label and ``annotation.x``.
        """
        return self._look("alerts", source, "alerts")

    def targets(self, *, source: str | None = None) -> Any:
        """The targets that are scraped now, a row a target; those that relabelling drops are left out.

        Columns: pool, url (without credentials and parameters), health (up, down, unknown), last_error,
        scraped (ns, UTC), scrape_s (s), then a column a label.
        """
        return self._look("targets", source, "targets")

    def metric_series(
        self, selector: str, window: TimeRange | None = None, *, source: str | None = None
    ) -> Any:
        """The series of a selector in a window, a row a series. Raises `QueryError` for what is no PromQL.

        Columns: metric, then a column a label (null where a series has none), ``label.x`` where x is a
        column of SERIES.
        """
        promql.check(selector)
        return self._look("metric_series", source, "series", window=self._where(window), text=selector)

    def metric_labels(
        self, window: TimeRange | None = None, *, label: str | None = None, source: str | None = None
    ) -> Any:
        """The labels that series in a window have, or the values of one, `label`: a column ``name``."""
        return self._look("metric_labels", source, "labels", window=self._where(window), text=label)

    def _look(self, verb: str, source: str | None, of: str, **more: Any) -> Any:
        held = self._need(self._metrics, "Prometheus", "prometheus", source)
        if not hasattr(members(held)[0], "look"):
            raise UsageError(
                f"{verb} asks a server, and an archive and files have none.",
                hint="obs.metrics(...) and obs.events() answer from what was recorded; obs.ledger names it.",
            )

        def ask(one: Any) -> Answer:
            answer: Answer = one.look(of, **more)
            return answer

        return self.out(looked(held, ask, verb=verb, enter=self._kept.enter, order={}))
