"""Grafana's addresses, in and out."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import QueryError, UsageError
from obsnb.instants import parse_instant
from obsnb.ledger import QueryRecord
from obsnb.query.grafana import LinkedQuery, explore_url, from_grafana_url
from obsnb.timerange import TimeRange, window

NOW = parse_instant("2026-11-23T18:13:19.5Z")


def _explore(state, *, key="panes"):
    return f"https://grafana.example/sub/explore?{urlencode({key: json.dumps(state), 'orgId': 1})}"


def _pane(text, start="1795457599000", end="1795461200000"):
    query = {"refId": "A", "expr": text, "datasource": {"type": "loki", "uid": "L1"}}
    return {"datasource": "L1", "queries": [query], "range": {"from": start, "to": end}}


@given(
    st.text(min_size=1),
    st.sampled_from(["logs", "series", "spans"]),
    st.integers(0, 10**6),
    st.integers(1, 10**9),
)
def test_a_link_made_from_a_record_reads_back_as_its_query_and_window(text, kind, start, length):
    whole = TimeRange(start * 10**6, (start + length) * 10**6)
    record = QueryRecord(kind=kind, source="x", query="", asked=text, window=whole)
    link = from_grafana_url(explore_url(record, grafana="https://g.example/", datasource="U"))
    assert link.queries == (LinkedQuery(kind, text, "U"),)
    assert link.window == whole
    assert not link.relative


@given(
    st.text(min_size=1),
    st.sampled_from(["loki", "prometheus", "tempo"]),
    st.sampled_from(["logs", "series", "exemplars", "spans"]),
    st.text("abcXYZ019_-", min_size=1, max_size=40),
    st.one_of(st.none(), st.text("eu-1", min_size=1)),
    st.one_of(st.none(), st.integers(1, 10**6)),
)
def test_a_link_reads_back_as_the_data_source_that_was_asked(text, type_, kind, uid, place, step_ms):
    params = {} if step_ms is None else {"step_ns": step_ms * 10**6}
    source = type_ if place is None else f"{type_}.{place}"
    record = QueryRecord(kind, source, "", text, TimeRange(0, 10**9), params)
    link = from_grafana_url(explore_url(record, grafana="https://g.example/sub/", datasource=uid))
    by_type = {"loki": "logs", "prometheus": "series", "tempo": "spans"}
    assert link.queries == (LinkedQuery(by_type[type_], text, uid),)
    assert link.base == "https://g.example/sub"


@pytest.mark.parametrize(
    ("kind", "source", "params", "says"),
    [
        ("logs", "loki", {"limit": 7, "direction": "backward"}, {"maxLines": 7, "direction": "backward"}),
        ("spans", "tempo", {"limit": 7}, {"limit": 7, "queryType": "traceql"}),
        ("exemplars", "prometheus", {}, {"exemplar": True}),
        ("exemplars", "tempo", {}, {"queryType": "traceql"}),
        ("series", "loki.eu", {"step_ns": 15 * 10**9}, {"step": "15000ms"}),
        ("series", "prometheus.eu", {"instant": True}, {"instant": True, "range": False}),
        ("series", "loki", {"instant": True}, {"queryType": "instant"}),
        ("series", "tempo", {"instant": True, "over_ns": 60 * 10**9}, {"metricsQueryType": "instant"}),
    ],
)
def test_a_link_asks_as_the_record_was_asked_and_of_an_instant_at_the_end_of_its_range(
    kind, source, params, says
):
    at = 1_795_461_200 * 10**9
    record = QueryRecord(kind, source, "", "up", TimeRange(at, at + 10**6), params)
    url = explore_url(record, grafana="https://g.example", datasource="U")
    before = TimeRange(at - params.get("over_ns", 3_600 * 10**9), at)
    assert from_grafana_url(url).window == (before if "instant" in params else record.window)
    (query,) = json.loads(parse_qs(urlsplit(url).query)["panes"][0])["obs"]["queries"]
    type_, key = source.split(".")[0], "query" if source == "tempo" else "expr"
    always = {"refId": "A", key: "up", "datasource": {"type": type_, "uid": "U"}}
    assert {name: query[name] for name in always | says} == always | says
    assert set(query) <= {*always, *says, "queryType"}


def test_a_window_between_milliseconds_is_widened_in_the_link_and_never_cut():
    record = QueryRecord(kind="logs", source="x", query="", asked="{}", window=TimeRange(1, 2))
    link = from_grafana_url(explore_url(record, grafana="https://g.example", datasource="U"))
    assert link.window == TimeRange(0, 1_000_000)


def test_an_explore_link_gives_its_queries_and_window():
    link = from_grafana_url(_explore({"a": _pane('{a="b"} |= "x & y"')}))
    assert link.base == "https://grafana.example/sub"
    assert link.queries == (LinkedQuery("logs", '{a="b"} |= "x & y"', "L1"),)
    assert link.window == TimeRange(1795457599 * 10**9, 1795461200 * 10**9)


@pytest.mark.parametrize(
    "state",
    [
        {"datasource": "Loki", "queries": [{"expr": '{a="b"}'}], "range": {"from": "now-1h", "to": "now"}},
        ["now-1h", "now", "Loki", {"expr": '{a="b"}'}],
    ],
    ids=["grafana 8 and 9", "grafana 7"],
)
def test_older_explore_links_are_read_too_and_said_to_be_relative(state):
    link = from_grafana_url(_explore(state, key="left"), at_ns=NOW)
    assert link.queries == (LinkedQuery(None, '{a="b"}', "Loki"),)
    assert link.window == TimeRange(NOW - 3_600 * 10**9, NOW)
    assert link.relative


def test_a_dashboard_link_gives_its_window_variables_and_panel():
    link = from_grafana_url(
        "https://g.example/d/abc/my-board?from=2026-11-23T18:00:00.000Z&to=1795461200000"
        "&var-namespace=prod&var-namespace=dev&viewPanel=3"
    )
    assert (link.dashboard, link.panel, link.queries) == ("abc", "3", ())
    assert link.variables == {"namespace": ("prod", "dev")}
    assert link.window == TimeRange(parse_instant("2026-11-23T18:00Z"), 1795461200 * 10**9)


@pytest.mark.parametrize(
    ("address", "panel"),
    [
        (" https://g.example/d/abc/b?viewPanel=panel-3&from=1&to=2\n", "3"),
        ("g.example/d/abc/b?editPanel=4&from=1&to=2", "4"),
        ("https://g.example/d-solo/abc/b?panelId=5&from=1&to=2", "5"),
    ],
)
def test_an_address_is_read_as_people_paste_it_and_whatever_the_panel_is_open_for(address, panel):
    link = from_grafana_url(address)
    assert (link.base, link.dashboard, link.panel) == ("https://g.example", "abc", panel)
    assert link.window == TimeRange(10**6, 2 * 10**6)


def test_a_pane_beside_the_first_that_shows_another_time_is_said():
    beside = _pane("b", "1795457599000", "1795457600000")
    link = from_grafana_url(_explore({"a": _pane("a"), "b": beside, "c": _pane("c")}))
    assert [one.text for one in link.queries] == ["a", "b", "c"]
    assert link.unread == (
        "The pane beside it shows another time: 2026-11-23T18:13:19Z to 2026-11-23T18:13:20Z.",
    )


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("grafana-amazonprometheus-datasource", "series"), ("elasticsearch", None)],
)
def test_a_plugins_data_source_is_of_the_kind_whose_language_it_speaks(type_, kind):
    query = {"expr": "up", "datasource": {"type": type_, "uid": "U"}}
    link = from_grafana_url(_explore({"a": {"queries": [query], "range": {"from": "1", "to": "2"}}}))
    assert link.queries == (LinkedQuery(kind, "up", "U"),)


@pytest.mark.parametrize(
    ("start", "end", "meant"),
    [
        ("now/d", "now/d", window("2026-11-23T00:00Z", "2026-11-24T00:00Z")),
        ("now-1d/d", "now-1d/d", window("2026-11-22T00:00Z", "2026-11-23T00:00Z")),
        ("now/w", "now", TimeRange(parse_instant("2026-11-23T00:00Z"), NOW)),
        ("now-1M/M", "now-1M/M", window("2026-10-01T00:00Z", "2026-11-01T00:00Z")),
        ("now/y", "now/h", window("2026-01-01T00:00Z", "2026-11-23T19:00Z")),
    ],
)
def test_relative_ranges_mean_what_grafana_means_by_them(start, end, meant):
    assert from_grafana_url(_explore({"a": _pane("x", start, end)}), at_ns=NOW).window == meant


@pytest.mark.parametrize(
    ("start", "end", "meant"),
    [
        ("now-1d/d+8h", "now-1d/d+18h", window("2026-11-22T08:00Z", "2026-11-23T18:00Z")),
        ("now-6h/h", "now/m", window("2026-11-23T12:00Z", "2026-11-23T18:14Z")),
        ("now/Q", "now/Q", window("2026-10-01T00:00Z", "2027-01-01T00:00Z")),
        ("now-d", "now", TimeRange(NOW - 86_400 * 10**9, NOW)),
    ],
)
def test_several_steps_of_a_relative_time_follow_one_another(start, end, meant):
    link = from_grafana_url(f"https://g.example/d/a?{urlencode({'from': start, 'to': end})}", at_ns=NOW)
    assert (link.window, link.relative) == (meant, True)


@pytest.mark.parametrize(
    ("address", "given", "meant"),
    [
        ("&timezone=Europe/Berlin", {}, window("2026-11-22T23:00Z", "2026-11-23T23:00Z")),
        ("&timezone=utc", {}, window("2026-11-23T00:00Z", "2026-11-24T00:00Z")),
        ("&timezone=browser", {}, window("2026-11-23T00:00Z", "2026-11-24T00:00Z")),
        ("&timezone=browser", {"tz": "Asia/Tokyo"}, window("2026-11-23T15:00Z", "2026-11-24T15:00Z")),
        ("", {"tz": ZoneInfo("Asia/Tokyo")}, window("2026-11-23T15:00Z", "2026-11-24T15:00Z")),
        ("", {"tz": "America/New_York"}, window("2026-11-23T05:00Z", "2026-11-24T05:00Z")),
    ],
)
def test_a_day_is_the_day_of_the_links_zone_or_of_the_one_that_is_told(address, given, meant):
    link = from_grafana_url(f"https://g.example/d/a?from=now/d&to=now/d{address}", at_ns=NOW, **given)
    assert link.window == meant


def test_days_of_a_zone_may_have_more_or_fewer_hours():
    at = parse_instant("2026-10-25T12:00Z")  # when summer time has ended in the night before
    link = from_grafana_url("https://g.example/d/a?from=now-1d&to=now&timezone=Europe/Berlin", at_ns=at)
    assert link.window.duration_s == 25 * 3_600
    link = from_grafana_url("https://g.example/d/a?from=now-24h&to=now&timezone=Europe/Berlin", at_ns=at)
    assert link.window.duration_s == 24 * 3_600


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("from=20261123&to=20261124", window("2026-11-23T00:00Z", "2026-11-24T00:00Z")),
        ("from=20261123T180000&to=20261123T191500", window("2026-11-23T18:00Z", "2026-11-23T19:15Z")),
        ("from=2026-11-23+18:00:00&to=2026-11-23T19:00:00", window("2026-11-23T18:00Z", "2026-11-23T19:00Z")),
        ("time=1795458000000&time.window=600000", window("2026-11-23T18:15Z", "2026-11-23T18:25Z")),
        ("time=1795458000000&time.window=10m", window("2026-11-23T18:15Z", "2026-11-23T18:25Z")),
    ],
)
def test_a_dashboards_times_have_many_forms(asked, meant):
    link = from_grafana_url(f"https://g.example/d/a/b?{asked}")
    assert (link.window, link.relative) == (meant, False)


def test_both_sides_of_a_split_explore_are_read_in_every_age():
    left = {"datasource": "Loki", "queries": [{"expr": "a"}], "range": {"from": "now-1h", "to": "now"}}
    right = ["now-1h", "now", "Prom", {"expr": "b"}]
    both = urlencode({"left": json.dumps(left), "right": json.dumps(right)})
    link = from_grafana_url(f"https://g.example/explore?{both}", at_ns=NOW)
    assert [one.text for one in link.queries] == ["a", "b"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["a", "queries", "range", "from", "to", "datasource", "expr"]), inner
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["panes", "left", "right"]),
)
def test_whatever_stands_in_an_explore_address_it_is_read_or_refused_in_words(state, key):
    said = None
    try:
        assert from_grafana_url(_explore(state, key=key), at_ns=NOW).base == "https://grafana.example/sub"
    except QueryError as error:
        said = str(error)
    assert said is None or said.startswith("The ")


@pytest.mark.parametrize("times", [f"from={'9' * 5_000}", f"time=now&time.window={'9' * 5_000}s"])
def test_a_time_of_thousands_of_digits_is_refused_as_any_other(times):
    with pytest.raises(QueryError, match=r"cannot be read: '9+s?' is not a (point in time|duration)"):
        from_grafana_url(f"https://g.example/d/a?{times}")


@pytest.mark.parametrize("path", ["d/abc?from=now-1h", "explore?left=%5B%221%22%2C%222%22%2C%22x%22%5D"])
def test_whoever_copied_an_address_with_a_password_in_it_gives_it_to_nobody(path):
    link = from_grafana_url(f"https://ada:hunter2hunter2@g.example:3000/sub/{path}", at_ns=NOW)
    assert link.base == "https://g.example:3000/sub"
    assert "hunter2" not in repr(link)


@pytest.mark.parametrize("path", ["alerting", "explore?panes=x", "d/a?from=soon"])
def test_a_refusal_shows_the_address_without_the_credentials_in_it(path):
    with pytest.raises(QueryError) as caught:
        from_grafana_url(f"https://ada:hunter2hunter2@g.example/{path}&auth_token=5b1d99ce5b1d99ce")
    assert "hunter2" not in str(caught.value)
    assert "5b1d99ce" not in str(caught.value)
    assert "@g.example/" in str(caught.value)


def test_an_app_of_grafana_is_no_explore():
    url = "https://g.example/a/grafana-lokiexplore-app/explore/service/x/logs?from=now-1h&to=now"
    with pytest.raises(QueryError, match="neither an Explore nor a dashboard address"):
        from_grafana_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "https://g.example/alerting/list",
            "This is neither an Explore nor a dashboard address of Grafana.\n"
            "  query:  https://g.example/alerting/list\n"
            "Hint: Copy it from the browser's address bar, with Explore or the dashboard open.",
        ),
        (
            "https://g.example/explore?panes=%7Bcut",
            "The Explore address holds no query that can be read.\n"
            "  query:  https://g.example/explore?panes=%7Bcut\n"
            "Hint: Copy the whole address: panes=... (or left=...) carries the query and the time range.",
        ),
        (
            "https://g.example/d/abc?from=soon&to=now",
            "The time range of the address cannot be read: 'soon' is not a point in time.\n"
            "  query:  https://g.example/d/abc?from=soon&to=now\n"
            'Hint: Write ISO 8601 with a zone, such as "2026-11-23T18:00Z".',
        ),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_words(url, words):
    with pytest.raises(QueryError) as caught:
        from_grafana_url(url)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("kind", "what"), [("index", "a question about an index"), ("events", "annotations")]
)
def test_what_explore_does_not_ask_for_has_no_address(kind, what):
    record = QueryRecord(kind, "loki", "labels", "labels", TimeRange(1, 2))
    with pytest.raises(QueryError) as caught:
        explore_url(record, grafana="https://g.example", datasource="U")
    assert str(caught.value) == (
        f"Explore asks for lines, series and traces, and this record is of {what}.\n"
        "  query:  labels\n"
        "Hint: Link to a record of obs.logs(...), obs.metrics(...) or obs.spans(...)."
    )


ASKED = {"grafana": "https://g.example/sub", "datasource": "U"}


def test_a_record_that_was_asked_through_grafana_links_back_by_itself_and_can_be_told_otherwise():
    record = QueryRecord("logs", "loki", "{}", "{}", TimeRange(0, 10**9), explore=ASKED)
    assert explore_url(record) == explore_url(record, grafana="https://g.example/sub", datasource="U")
    other = from_grafana_url(explore_url(record, grafana="https://h.example", datasource="V"))
    assert (other.base, other.queries[0].datasource) == ("https://h.example", "V")


@pytest.mark.parametrize("given", [{}, {"grafana": "https://g.example"}, {"datasource": "U"}])
def test_a_record_that_was_not_asked_through_grafana_says_what_to_pass(given):
    with pytest.raises(UsageError) as caught:
        explore_url(QueryRecord("logs", "loki", "{}", "{}", TimeRange(1, 2)), **given)
    assert str(caught.value) == (
        "This record was not asked through Grafana, so what it would link to is not known.\n"
        'Hint: Pass grafana="https://..." and datasource="uid".'
    )


def test_an_address_from_an_archive_that_would_run_something_is_no_link():
    explore = {"grafana": "javascript:alert(1)//", "datasource": "U"}
    with pytest.raises(UsageError) as caught:
        explore_url(QueryRecord("logs", "loki", "{}", "{}", TimeRange(1, 2), explore=explore))
    assert str(caught.value) == (
        "'javascript:alert(1)//' is not the address of a Grafana.\nHint: Pass grafana=\"https://...\"."
    )
