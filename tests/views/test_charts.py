from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from obsnb.errors import FrameError
from obsnb.views.charts import errors_over_time, lines, rates, waterfall
from obsnb.views.charts.names import OTHERS
from obsnb.views.theme import DARK, LIGHT
from tests.report.made_up import DURING, at, spans


def counter(service: str, per_minute: int) -> pl.DataFrame:
    """A counter that grows evenly for ten minutes, scraped every 15 s on the quarter minutes."""
    steps = range(41)
    return pl.DataFrame(
        {
            "timestamp": at(*(1 + 15 * step for step in steps)),
            "metric": "requests_total",
            "series_id": service,
            "service": service,
            "value": [per_minute * step / 4 for step in steps],
        }
    )


def test_rates_are_per_second_and_only_of_whole_intervals() -> None:
    figure = rates(pl.concat([counter("shop", 120), counter("search", 30)]))
    assert [trace.name for trace in figure.data] == ["shop", "search"]
    assert [set(trace.y) for trace in figure.data] == [{2.0}, {0.5}]
    assert len(figure.data[0].y) == 9


def test_of_many_values_the_six_largest_are_drawn_and_the_rest_together() -> None:
    figure = rates(pl.concat([counter(f"s{n}", 60 * (n + 1)) for n in range(9)]))
    assert [trace.name for trace in figure.data] == ["s8", "s7", "s6", "s5", "s4", "s3", OTHERS]
    assert set(figure.data[-1].y) == {1.0 + 2.0 + 3.0}


def test_lines_differ_in_dash_as_well_as_in_colour() -> None:
    figure = rates(pl.concat([counter("shop", 120), counter("search", 30)]))
    assert figure.data[0].line.dash != figure.data[1].line.dash


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(FrameError) as caught:
        rates(counter("shop", 60), by="region")
    assert str(caught.value) == (
        "rates needs the column region of SERIES; "
        "the frame has timestamp, metric, series_id, service, value.\n"
        "Hint: obsnb.schema.SERIES lists what each column means; rename yours to match."
    )


def test_errors_are_counted_in_intervals_and_stacked() -> None:
    events = pl.DataFrame({"timestamp": at(1, 2, 3, 61, 62), "service": ["a", "a", "b", "a", "b"]})
    figure = errors_over_time(events.to_pandas())
    assert figure.layout.barmode == "stack"
    assert {trace.name: list(trace.y) for trace in figure.data} == {"a": [2, 1], "b": [1, 1]}


def test_the_incident_is_shaded_and_named() -> None:
    figure = lines(counter("shop", 60), during=DURING, tz="UTC")
    assert figure.layout.shapes[0].fillcolor == LIGHT.bad_tint
    assert [note.text for note in figure.layout.annotations] == ["incident, 24 min", "onset 18:37:19"]


def test_lines_without_names_are_told_apart_by_metric() -> None:
    assert [trace.name for trace in lines(counter("shop", 60)).data] == ["requests_total"]
    with pytest.raises(FrameError, match="lines needs the column metric of SERIES"):
        lines(counter("shop", 60).drop("metric"))


def test_a_waterfall_has_a_bar_a_span_with_the_critical_path_and_errors_marked() -> None:
    figure = waterfall(spans("shop"))
    assert list(figure.data[0].base) == [0.0, 50.0]
    assert list(figure.data[0].x) == [2_000.0, 1_900.0]
    assert list(figure.layout.yaxis.ticktext) == ["shop ◆", "shop ✕ ◆"]


def test_both_modes_use_their_theme() -> None:
    assert lines(counter("shop", 60), mode="dark").layout.paper_bgcolor == DARK.paper
    assert lines(counter("shop", 60)).layout.colorway == LIGHT.series


def test_plotly_is_loaded_by_the_first_figure_and_not_before() -> None:
    code = "import sys, obsnb.views.charts, obsnb.views.tables; print('plotly' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"
