from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import pytest

from obsnb.errors import FrameError, MissingExtraError, UsageError
from obsnb.views import charts
from obsnb.views.charts.figure import said
from obsnb.views.charts.marks import printable
from obsnb.views.formats import one_line, shorten
from obsnb.views.theme import DARK, LIGHT
from tests.report.made_up import hostile_lines, script_line
from tests.views.every_chart import CHARTS, every_chart

OURS = re.compile(r"<br>|<extra></extra>")


def texts(value: Any) -> Iterator[str]:
    """Every text in a figure that plotly could draw."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "customdata":  # never drawn: it is what a click hands over
                yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def parts(figure: Any) -> list[dict[str, Any]]:
    return [*(trace.to_plotly_json() for trace in figure.data), figure.layout.to_plotly_json()]


def test_whatever_a_server_writes_is_text_in_every_chart_and_its_twin() -> None:
    for name, figure in every_chart(f"$x^2$ {script_line()} \x1b[31m").items():
        for text in texts(parts(figure)):
            assert "<" not in OURS.sub("", text), name
            assert "$" not in text, name
            assert "\x1b" not in text, name
            assert len(text) < 500, name
        charts.for_print(figure).draw_without_rendering()


@pytest.mark.parametrize("line", hostile_lines(), ids=lambda line: ascii(line[:12]))
def test_a_recorded_line_that_tries_something_becomes_the_letters_that_it_has(line: str) -> None:
    words = said(line, 60)
    assert not set("<>$") & set(words)
    assert html.unescape(words) == shorten(one_line(line), 60)


def test_a_formula_is_no_formula() -> None:
    assert said("costs $x^2$ & <b>more</b>") == "costs &#36;x^2&#36; &amp; &lt;b&gt;more&lt;/b&gt;"
    assert printable(said("costs $x^2$ & <b>more</b>")) == "costs $x^2$ & <b>more</b>"


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_says_its_units_and_times_say_their_zone(name: str) -> None:
    layout = every_chart("shop")[name].layout
    if name == "service_graph":  # its places mean nothing: units stand in its words
        assert any("p95 5.57 s" in str(trace.hovertext) for trace in every_chart("shop")[name].data)
        return
    assert layout.xaxis.title.text
    if layout.xaxis.type == "date":
        assert layout.xaxis.title.text == "UTC"
        assert layout.xaxis.hoverformat.endswith(" UTC")
    assert layout.yaxis.title.text or layout.yaxis.ticktext or layout.yaxis.visible is False


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_can_be_read_in_grey(name: str) -> None:
    """Two traces of one kind differ in dash, in symbol or in pattern, not in colour alone."""
    looks = [
        (
            trace.type,
            getattr(trace, "mode", None),
            trace.line.dash if trace.type == "scatter" and "lines" in trace.mode else None,
            str(trace.marker.symbol) if trace.type == "scatter" and "markers" in trace.mode else None,
            str(trace.marker.pattern.shape) if trace.type == "bar" else None,
        )
        for trace in every_chart("shop")[name].data
        if trace.showlegend
    ]
    assert len(set(looks)) == len(looks)


def test_the_dark_mode_is_the_dark_theme_and_shows_the_same() -> None:
    for name, dark in every_chart("shop", mode="dark").items():
        light = every_chart("shop")[name]
        assert (dark.layout.paper_bgcolor, light.layout.paper_bgcolor) == (DARK.paper, LIGHT.paper)
        for one, other in zip(dark.data, light.data, strict=True):
            assert one.name == other.name
            np.testing.assert_array_equal(one.y, other.y)


@pytest.mark.parametrize("name", CHARTS)
def test_the_twin_for_print_holds_the_figures_own_numbers_and_words(name: str) -> None:
    figure = every_chart("shop")[name]
    page = charts.for_print(figure)
    drawn = numbers_of(page)
    for trace in figure.data:
        for value in wanted(trace):
            assert value in drawn, (name, trace.name)
    words = {text.get_text() for text in page.findobj(lambda artist: hasattr(artist, "get_text"))}
    assert printable(figure.layout.title.text) in words
    assert printable(figure.layout.xaxis.title.text or "") in words
    assert {printable(trace.name) for trace in figure.data if trace.showlegend} <= words


def wanted(trace: Any) -> set[float]:
    """The heights, lengths or counts of a trace."""
    if trace.type == "heatmap":
        return {round(float(value), 9) for value in np.asarray(trace.z).ravel() if np.isfinite(value)}
    values = trace.x if trace.type == "bar" and trace.orientation == "h" else trace.y
    return {round(float(value), 9) for value in values if value is not None and np.isfinite(value)}


def numbers_of(page: Any) -> set[float]:
    """Every height, length and count that a page shows."""
    found: list[Any] = []
    for axes in page.axes:
        found += [line.get_ydata() for line in axes.lines]
        found += [[bar.get_height(), bar.get_width()] for bar in axes.patches if hasattr(bar, "get_height")]
        for group in axes.collections:
            array = group.get_array()
            found.append(
                np.ma.filled(array, np.nan).ravel() if array is not None else group.get_offsets()[:, 1]
            )
    return {round(float(value), 9) for values in found for value in np.asarray(values, dtype=float)}


def test_a_letter_that_the_printers_font_lacks_is_a_box_and_no_warning() -> None:
    page = charts.for_print(charts.lines(pl.DataFrame({"timestamp": [0], "name": ["漢"], "value": [1.0]})))
    page.savefig(BytesIO(), format="png")
    assert "□" in {text.get_text() for text in page.findobj(lambda artist: hasattr(artist, "get_text"))}


def test_names_of_wide_letters_are_not_cut_off_in_print() -> None:
    happened = pl.DataFrame({"timestamp": [0], "kind": ["deploy"], "title": ["M" * 60]})
    happened = happened.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    page = charts.for_print(charts.timeline(happened, tz="UTC"))
    page.draw_without_rendering()
    names = [text for text in page.axes[0].get_yticklabels() if text.get_text()]
    assert min(name.get_window_extent().x0 for name in names) >= 0


def test_for_print_refuses_what_the_charts_never_draw() -> None:
    figure = charts.lines(pl.DataFrame({"timestamp": [0], "name": ["a"], "value": [1.0]}))
    figure.add_pie(values=[1, 2])
    with pytest.raises(UsageError) as caught:
        charts.for_print(figure)
    assert str(caught.value) == (
        "for_print cannot draw a trace of the kind pie.\n"
        "Hint: It draws scatter, bar, heatmap; figure.write_image draws all kinds, with a browser."
    )


def test_without_matplotlib_for_print_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as caught:
        charts.for_print(every_chart("shop")["lines"])
    assert str(caught.value) == (
        'A chart for print needs matplotlib, which is not installed.\nHint: pip install "obsnb[plots]"'
    )


EMPTY = {
    "requests": (
        lambda: charts.requests(_none("timestamp", "metric", "value")),
        "no request counter, and no latency histogram",
    ),
    "latency_heatmap": (
        lambda: charts.latency_heatmap(_none("timestamp", "metric", "value")),
        "no latency histogram counted a request",
    ),
    "slow_queries": (lambda: charts.slow_queries(_none("total", "p95", "count")), "no statement"),
    "service_graph": (
        lambda: charts.service_graph(_none("caller", "callee", "count")),
        "nobody calls anybody",
    ),
    "flame": (
        lambda: charts.flame(_none("trace_id", "span_id", "service", "name", "start", "duration")),
        "no span took any time",
    ),
    "contrast": (
        lambda: charts.contrast(_none("column", "value", "share", "baseline_share")),
        "no value is over-represented",
    ),
    "rates": (
        lambda: charts.rates(_none("timestamp", "value", "metric", "service")),
        "no two samples of a counter",
    ),
    "errors": (lambda: charts.errors_over_time(_none("timestamp", "service")), "no errors"),
    "lines": (lambda: charts.lines(_none("timestamp", "value", "name")), "no sample"),
    "durations": (
        lambda: charts.durations(_none("timestamp", "metric", "value")),
        "no latency histogram, nor a span",
    ),
    "durations of spans": (
        lambda: charts.durations(_none("start", "duration")),
        "no latency histogram, nor a span",
    ),
    "volume": (lambda: charts.log_volume(_none("timestamp", "level")), "no lines"),
    "patterns": (lambda: charts.log_volume(_none("timestamp", "line"), by="pattern"), "no lines"),
    "groups": (lambda: charts.error_groups(_none("timestamp", "group_id")), "no request met an error"),
    "timeline": (lambda: charts.timeline(_none("timestamp", "kind", "title")), "no event is known"),
    "waterfall": (
        lambda: charts.waterfall(_none("trace_id", "span_id", "service", "name", "start", "duration")),
        "the frame has no span",
    ),
}


def _none(*columns: str) -> pl.DataFrame:
    return pl.DataFrame({name: [] for name in columns})


@pytest.mark.parametrize("name", EMPTY)
def test_of_nothing_a_chart_is_a_sentence(name: str) -> None:
    make, words = EMPTY[name]
    figure = make()
    assert len(figure.data) == 0
    (note,) = figure.layout.annotations
    assert note.text.startswith("There is nothing to draw: ")
    assert words in note.text
    charts.for_print(figure).draw_without_rendering()


@pytest.mark.parametrize("name", EMPTY)
def test_a_frame_without_its_columns_is_an_error_that_names_them(name: str) -> None:
    function = getattr(
        charts,
        {
            "errors": "errors_over_time",
            "volume": "log_volume",
            "patterns": "log_volume",
            "groups": "error_groups",
        }.get(name, name.split(maxsplit=1)[0]),
    )
    with pytest.raises(FrameError, match=r"needs the columns? .* the frame has other\.\nHint: "):
        function(pl.DataFrame({"other": [1]}))


def test_nothing_of_a_chart_can_be_uploaded_by_one_click() -> None:
    """plotly.js 4 has a button for that; an incident's data stay where they are."""
    for figure in every_chart("shop").values():
        assert figure.layout.modebar.remove == ("sendChartToCloud",)


def test_the_charts_are_a_name_of_obsnb_that_loads_plotly_with_the_first_figure() -> None:
    code = (
        "import sys, obsnb; early = 'obsnb.views' in sys.modules; obsnb.charts.lines; obsnb.table;"
        "print(early, 'plotly' in sys.modules, 'matplotlib' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False", "False"]
