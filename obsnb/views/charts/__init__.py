"""Figures for notebooks: plain plotly, in the house's theme, from the frames that the loaders give.

Each function takes polars, pandas or pyarrow frames and gives a `plotly.graph_objects.Figure`; plotly is
loaded when the first is made. `for_print` makes the matplotlib twin of any of them. Names that servers gave
are escaped, since plotly would read markup and links in them. Where there is nothing to draw, the figure
says so in a sentence. A point's ``customdata`` holds the id behind it (of a trace, a span, a group).

Examples
--------
>>> import obsnb
>>> obs = obsnb.open_archive("data/incidents/datasource")
>>> deployments = obs.events(obs.window, scope=obs.scope)
>>> obsnb.charts.timeline(deployments, tz="Europe/Berlin").layout.xaxis.title.text
'Europe/Berlin (UTC+01:00)'
"""

from obsnb.views.charts.compared import cohorts, contrast
from obsnb.views.charts.flames import flame
from obsnb.views.charts.graph import service_graph
from obsnb.views.charts.groups import error_groups
from obsnb.views.charts.latency import latency_heatmap
from obsnb.views.charts.over_time import durations, errors_over_time, lines, rates
from obsnb.views.charts.overview import requests
from obsnb.views.charts.printed import for_print
from obsnb.views.charts.statements import slow_queries
from obsnb.views.charts.timelines import timeline
from obsnb.views.charts.traces import waterfall
from obsnb.views.charts.volume import log_volume

__all__ = [
    "cohorts",
    "contrast",
    "durations",
    "error_groups",
    "errors_over_time",
    "flame",
    "for_print",
    "latency_heatmap",
    "lines",
    "log_volume",
    "rates",
    "requests",
    "service_graph",
    "slow_queries",
    "timeline",
    "waterfall",
]
