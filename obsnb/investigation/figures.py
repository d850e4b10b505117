"""An investigation's figures, for notebooks: the charts, with its incident, baseline and events drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from obsnb.analysis.requests import request_counts
from obsnb.conventions import Conventions
from obsnb.investigation.found import Found, inside
from obsnb.investigation.links import Links

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Figures"]

_Mode = Literal["light", "dark"]


@dataclass(frozen=True, repr=False)
class Figures:
    """Plain plotly figures, each made when it is asked for.

    Every method takes ``mode`` (``light`` or ``dark``); those over time also ``tz``, the zone of their axis
    (an IANA name; unless told, the one that this machine is set to). `obsnb.charts` has the functions behind
    them, for frames of your own, and `obsnb.charts.for_print` the twin for paper.
    """

    found: Found
    conventions: Conventions
    links: Links

    def __repr__(self) -> str:
        names = [name for name, own in vars(type(self)).items() if callable(own) and not name.startswith("_")]
        return f"Figures({', '.join(f'{name}()' for name in names)})"

    def requests(self, *, by: str = "status", tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """Requests a second, a line for each status (or ``service``, ``route``, ``tenant``)."""
        from obsnb.views.charts import lines

        series = self.found.rows.series if by == "service" else self.found.entering
        counts = request_counts(series, conventions=self.conventions)
        rate = (
            counts.group_by(
                pl.col("timestamp").dt.truncate("1m"), pl.col(by).fill_null("unknown").alias("name")
            )
            .agg(value=pl.col("count").sum() / 60)
            .filter(pl.col("timestamp").is_between(pl.lit(counts["timestamp"].min()), _last_whole(counts)))
            .sort("name", "timestamp")
        )
        return lines(rate, title=f"Requests by {by}", unit="requests/s", **self._scene(tz, mode))

    def overview(self, *, by: str = "service", tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """Rate, errors and duration of requests below each other, by service, route, tenant or status."""
        from obsnb.views.charts import requests

        series = self.found.rows.series
        return requests(series, by=by, conventions=self.conventions, **self._scene(tz, mode))

    def latency(self, exemplars: Any = None, *, tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """How long requests took as a heat map, with EXEMPLARS to click: the window's own unless told."""
        from obsnb.views.charts import latency_heatmap

        series = self.found.rows.series
        shown = self.links.exemplars if exemplars is None else exemplars
        return latency_heatmap(series, shown, conventions=self.conventions, **self._scene(tz, mode))

    def durations(self, *, tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """How long requests took, by the latency histograms: p50, p95 and p99."""
        from obsnb.views.charts import durations

        series = self.found.rows.series
        return durations(series, conventions=self.conventions, **self._scene(tz, mode))

    def errors(self, *, by: str = "service", tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """Errors over time, by service (or ``type``, ``route``, ``tenant``, ``version``)."""
        from obsnb.views.charts import errors_over_time

        return errors_over_time(self.found.occurrences, by=by, every=None, **self._scene(tz, mode))

    def error_groups(self, *, tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """Which error began when: a strip for each group."""
        from obsnb.views.charts import error_groups

        return error_groups(self.found.occurrences, self.found.errors, **self._scene(tz, mode))

    def log_volume(self, *, by: str = "level", tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """Log lines over time, by ``level``, ``pattern``, ``service`` or another column."""
        from obsnb.views.charts import log_volume

        logs = self.found.rows.logs
        return log_volume(logs, by=by, conventions=self.conventions, **self._scene(tz, mode))

    def timeline(self, *, tz: str | None = None, mode: _Mode = "light") -> go.Figure:
        """What happened, in order."""
        from obsnb.views.charts import timeline

        compared = self.found.compared
        during = compared.during if compared.found else None
        return timeline(self.found.timeline, during=during, baseline=compared.baseline, tz=tz, mode=mode)

    def slow_queries(self, *, mode: _Mode = "light") -> go.Figure:
        """Statements and other calls: total time against p95."""
        from obsnb.views.charts import slow_queries

        return slow_queries(self.found.statements, mode=mode)

    def service_graph(self, *, mode: _Mode = "light") -> go.Figure:
        """Who calls whom in the incident's spans, suspects marked."""
        from obsnb.views.charts import service_graph

        return service_graph(self.found.calls, self.found.suspects, mode=mode)

    def flame(self, *, mode: _Mode = "light") -> go.Figure:
        """Where the traces of the incident that were fetched spend their time."""
        from obsnb.views.charts import flame

        return flame(inside(self.found.rows.spans, "start", self.found.compared.during), mode=mode)

    def waterfall(self, *, mode: _Mode = "light") -> go.Figure:
        """The one trace that shows the incident best, its critical path marked."""
        from obsnb.views.charts import waterfall

        return waterfall(self.found.waterfall, mode=mode, title="A typical trace of what is new")

    def _scene(self, tz: str | None, mode: _Mode) -> dict[str, Any]:
        """What every chart over time of this investigation is drawn in."""
        compared = self.found.compared
        return {
            "during": compared.during if compared.found else None,
            "baseline": compared.baseline,
            "events": self.found.timeline,
            "tz": tz,
            "mode": mode,
        }


def _last_whole(counts: pl.DataFrame) -> pl.Expr:
    """When the last minute began that lies wholly before the last sample."""
    return pl.lit(counts["timestamp"].max()).dt.offset_by("-1m")
