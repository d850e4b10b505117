"""An investigation's figures, for notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from obsnb.conventions import Conventions
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Figures"]


@dataclass(frozen=True, repr=False)
class Figures:
    """Plain plotly figures with the incident shaded; each is made when it is asked for."""

    series: pl.DataFrame
    occurrences: pl.DataFrame
    trace: pl.DataFrame
    during: TimeRange
    conventions: Conventions

    def __repr__(self) -> str:
        return "Figures(requests(), errors(), waterfall())"

    def requests(self, *, by: str = "status", mode: Literal["light", "dark"] = "light") -> go.Figure:
        """Requests a second, a line for each status (or ``service``, ``route``, ``tenant``)."""
        from obsnb.analysis.requests import request_counts
        from obsnb.views.charts import lines

        counts = request_counts(self.series, conventions=self.conventions)
        rate = (
            counts.group_by(
                pl.col("timestamp").dt.truncate("1m"), pl.col(by).fill_null("unknown").alias("name")
            )
            .agg(value=pl.col("count").sum() / 60)
            .with_columns(unit=pl.lit("requests/s"))
            .sort("name", "timestamp")
        )
        return lines(rate, during=self.during, mode=mode, title=f"Requests by {by}", unit="requests/s")

    def errors(self, *, by: str = "service", mode: Literal["light", "dark"] = "light") -> go.Figure:
        """Errors over time, by service."""
        from obsnb.views.charts import errors_over_time

        return errors_over_time(self.occurrences, by=by, during=self.during, mode=mode)

    def waterfall(self, *, mode: Literal["light", "dark"] = "light") -> Any:
        """The one trace that shows the incident best, its critical path marked."""
        from obsnb.views.charts import waterfall

        return waterfall(self.trace, mode=mode, title="A typical trace of what is new")
