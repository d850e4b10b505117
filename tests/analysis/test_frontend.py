"""Browsers' entries: of the guide, of OpenTelemetry's SDK, of Faro, of systems of other names."""

import json

import polars as pl
import pytest

import obsnb
from obsnb.analysis.frontend_changes import frontend_changes
from obsnb.errors import FrameError
from obsnb.timerange import TimeRange
from tests.analysis.lines import lines_of

_EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36 Edg/126.0.0.0"
)
_STACK = "TypeError: x is not a function\n    at draw (https://shop.example/static/cart.js:10:4)"


def _entry(level, message, **context):
    return json.dumps({"level": level, "message": message, "context": context})


def _rows(*texts, **columns):
    return obsnb.frontend_events(lines_of(list(texts), **columns)).to_dicts()


def test_a_boundary_is_told_from_another_error_and_names_what_it_caught():
    first, second = _rows(
        _entry("error", "React Error Boundary caught an error", error="boom", componentStack="\n in Cart"),
        _entry("error", "Unhandled promise rejection", reason="offline"),
    )
    assert first["kind"] == "boundary"
    assert second["kind"] == "error"
    assert second["message"] == "Unhandled promise rejection"


def test_a_slow_operation_has_its_name_and_its_duration_in_milliseconds():
    (row,) = _rows(_entry("warn", "Slow operation detected", name="checkout", duration=2500, type="measure"))
    assert (row["kind"], row["name"], row["type"], row["value"]) == (
        "slow_operation",
        "checkout",
        "measure",
        2.5,
    )


def test_a_measurement_that_was_not_slow_is_a_timing():
    (row,) = _rows(json.dumps({"name": "/cart", "duration": 120, "type": "navigation"}))
    assert (row["kind"], row["value"]) == ("timing", 0.12)


def test_a_line_of_faro_with_several_vitals_has_a_row_for_each_judged_by_the_published_bounds():
    rows = _rows(
        "kind=measurement type=web-vitals lcp=4100.5 cls=0.08 app_name=kiosk app_version=7.1 sdk_name=faro "
        "browser_name=Firefox browser_version=130.0 page_url=https://kiosk.example/pay?key=1 session_id=abc"
    )
    assert [(row["name"], row["rating"]) for row in rows] == [("LCP", "poor"), ("CLS", "good")]
    assert rows[0]["value"] == pytest.approx(4.1005)
    assert {(row["release"], row["browser"], row["route"], row["session"]) for row in rows} == {
        ("7.1", "Firefox 130", "/pay", "abc")
    }


def test_opentelemetrys_vital_keeps_the_rating_that_the_browser_gave_it():
    (row,) = _rows(
        json.dumps(
            {
                "event.name": "browser.web_vital",
                "browser.web_vital.name": "inp",
                "browser.web_vital.value": 180,
                "browser.web_vital.rating": "needs-improvement",
            }
        )
    )
    assert (row["kind"], row["name"], row["value"], row["rating"]) == (
        "web_vital",
        "INP",
        0.18,
        "needs improvement",
    )


def test_edge_is_not_taken_for_the_chrome_that_its_agent_names_as_well():
    (row,) = _rows(json.dumps({"level": "error", "message": "Uncaught TypeError: x", "userAgent": _EDGE}))
    assert (row["browser"], row["os"]) == ("Edge 126", "Windows")


def test_other_lines_of_a_page_are_its_entries_and_a_backends_are_not():
    frame = lines_of(
        ["Logged in", "Dashboard failed", "Payment failed", "GET /cart 200"],
        service=["page", "page", "billing", "billing"],
        level=["info", "error", "error", "info"],
        **{"metadata.exception_stacktrace": [None, _STACK, None, None]},
    )
    out = obsnb.frontend_events(frame)
    assert out["service"].to_list() == ["page", "page"]
    assert out["kind"].to_list() == ["log", "error"]


def test_one_forwarded_entry_does_not_make_a_backend_a_page():
    frame = lines_of(
        ["could not pay", "could not pay", "could not pay", "client: Uncaught TypeError: x"],
        service=["billing"] * 4,
        level=["error"] * 4,
    )
    assert obsnb.frontend_events(frame)["type"].to_list() == ["TypeError"]


@pytest.mark.parametrize("texts", [[], [None], [""], ["GET / 200"], ["{"]])
def test_lines_that_no_browser_wrote_give_an_empty_frame_with_every_column(texts):
    out = obsnb.frontend_events(lines_of(texts))
    assert out.height == 0
    assert out.columns[:5] == ["timestamp", "service", "kind", "level", "name"]
    assert obsnb.frontend_timings(out).height == 0


def test_pandas_in_gives_pandas_out():
    frame = lines_of([_entry("warn", "Slow operation detected", name="a", duration=2500, type="measure")])
    assert obsnb.frontend_events(frame.to_pandas())["value"].tolist() == [2.5]


def test_timings_are_quantiles_an_interval_and_a_vital_is_judged_by_its_75th_percentile():
    texts = [json.dumps({"web_vital": "lcp", "value": ms}) for ms in (1000, 2000, 3000, 5000)]
    (row,) = obsnb.frontend_timings(obsnb.frontend_events(lines_of(texts))).to_dicts()
    assert (row["type"], row["name"], row["count"], row["p75"], row["rating"]) == (
        "web_vital",
        "LCP",
        4,
        3.5,
        "needs improvement",
    )


def test_timings_of_a_frame_that_is_none_of_entries_say_what_is_missing():
    with pytest.raises(FrameError) as caught:
        obsnb.frontend_timings(lines_of(["x"]))
    assert str(caught.value).splitlines()[0] == (
        "frontend_timings needs the columns service, kind, type, name, value of LOGS; the frame has "
        "timestamp, line, row_id."
    )


def test_the_timeline_tells_the_release_the_boundary_and_the_slow_operation_that_are_new():
    def entry(message, release, **context):
        return json.dumps({"level": "error", "message": message, "release": release, "context": context})

    texts = [
        entry("Slow operation detected", "1.0", name="list", duration=1500, type="measure"),
        entry("Slow operation detected", "1.1", name="pay", duration=1500, type="measure"),
        entry("Slow operation detected", "1.1", name="list", duration=1500, type="measure"),
        entry("Error boundary caught an error", "1.1", component="Cart", componentStack="in Cart"),
    ]
    out = obsnb.frontend_events(lines_of(texts, service=["kiosk"] * 4))
    during = TimeRange(10**9, 10 * 10**9)
    told = frontend_changes(out, during=during)
    assert told["title"].to_list() == [
        "first slow: pay (1.5 s)",
        "release 1.1 is first seen in a browser",
        "first caught in Cart: Error boundary caught an error",
    ]
    deployed = pl.DataFrame({"kind": ["deploy"], "title": ["kiosk 1.1 rolled out"]})
    assert (
        "release 1.1 is first seen in a browser"
        not in frontend_changes(out, during=during, told=deployed)["title"]
    )
    assert frontend_changes(out, during=TimeRange(0, 10 * 10**9)).height == 0


def test_the_labs_broken_page_is_caught_by_the_boundary_of_the_dashboard_in_the_new_release():
    inv = obsnb.investigate(obsnb.open_archive("lab-frontend"))
    out = inv.frontend_events()
    caught = out.filter(pl.col("kind") == "boundary")
    assert set(caught.select("component", "type", "release").unique().rows()) == {
        ("Dashboard", "TypeError", "2.4.0")
    }
    assert inv.frontend_timings().filter(pl.col("type") == "resource").height
    assert "first caught in Dashboard: TypeError" in inv.timeline()["title"].to_list()
