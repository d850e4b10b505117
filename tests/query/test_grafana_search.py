"""Grafana's search for traces, put together from fields, as the TraceQL that Grafana makes of it."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.query import traceql
from obsnb.query.grafana import LinkedQuery, from_grafana_url
from obsnb.query.grafana_search import older_search, search_of


def _row(tag, operator, value, type_="string", scope="span", **more):
    return {
        "id": "x",
        "tag": tag,
        "operator": operator,
        "value": value,
        "valueType": type_,
        "scope": scope,
    } | more


def _link(*queries, kind="tempo"):
    source = {"type": kind, "uid": "T1"}
    items = [{"refId": "A", "datasource": source} | query for query in queries]
    pane = {"datasource": "T1", "queries": items, "range": {"from": "1", "to": "2"}}
    return from_grafana_url(f"https://g.example/explore?{urlencode({'panes': json.dumps({'a': pane})})}")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "{ }"),
        ([_row("a", "=", []), _row("a", "=", None), _row(None, "=", "b"), _row("a", None, "b")], "{ }"),
        ([_row("service.name", "=", ["api"], scope="resource")], '{ resource.service.name = "api" }'),
        ([_row("a", "=", "b", scope="unscoped")], '{ .a = "b" }'),
        ([_row("a", "=", ["b", "c"])], '{ (span.a = "b" || span.a = "c") }'),
        ([_row("a", "!=", ["b", "c"])], '{ (span.a != "b" && span.a != "c") }'),
        ([_row("a", "=~", ["b.c", "d|e"])], r'{ span.a =~ "b\\.c|d\\|e" }'),
        ([_row("a", "=~", ["b.*"])], '{ span.a =~ "b.*" }'),
        ([_row("a", "=~", "b.*", isCustomValue=True)], '{ span.a =~ "b.*" }'),
        ([_row("a", "=~", ["b.*", "c"], isCustomValue=True)], '{ span.a =~ "b.*|c" }'),
        ([_row("code", "=~", ["200", "500"], "int")], '{ span.code =~ "200|500" }'),
        ([_row("code", ">=", "500", "int")], "{ span.code >= 500 }"),
        ([_row("a", "=", ['say "x"\\\n'])], '{ span.a = "say \\"x\\"\\\\\\n" }'),
        ([_row("status", "=", "error", "keyword", "intrinsic")], "{ status = error }"),
        ([_row("kind", "=", ["server", "client"], None)], "{ (kind = server || kind = client) }"),
        ([_row("name", "=", ["GET /"])], '{ name = "GET /" }'),
        ([_row("trace:rootName", "=", ["x"], scope=None)], '{ trace:rootName = "x" }'),
        ([_row("id", "=", ["x"], scope="event")], '{ event.id = "x" }'),
        ([_row("childCount", ">", "2", "int", "intrinsic")], "{ childCount > 2 }"),
        ([_row("duration", ">", "100ms", "duration")], "{ duration > 100ms }"),
        (
            [
                {"id": "duration-type", "value": "trace"},
                _row("duration", ">", "1s", "duration"),
                _row("duration", "<", "9s", "duration"),
            ],
            "{ traceDuration > 1s && traceDuration < 9s }",
        ),
    ],
)  # fmt: skip
def test_fields_are_the_conditions_that_grafana_makes_of_them(rows, text):
    link = _link({"queryType": "traceqlSearch", "query": "{ an = earlier }", "filters": rows})
    assert link.queries == (LinkedQuery("spans", text, "T1"),)
    traceql.check(text)


@pytest.mark.parametrize(
    ("value", "written"), [("api", '"api"'), ("5", "5"), ("1.5s", "1.5s"), ("true", "true"), ("5x", '"5x"')]
)
def test_a_value_of_no_said_type_is_a_text_unless_traceql_takes_it_bare(value, written):
    assert search_of([_row("a", "=", value, None)]) == f"{{ span.a = {written} }}"


def test_a_search_of_older_grafanas_is_one_by_service_name_duration_and_tags():
    asked = {
        "queryType": "nativeSearch",
        "serviceName": "api",
        "spanName": 'GET "x"',
        "minDuration": "1s",
        "maxDuration": "9s",
        "search": 'http.status_code=500 version="1.2" path="/a b" tier=gold',
    }
    text = (
        '{ resource.service.name = "api" && name = "GET \\"x\\"" && traceDuration > 1s && traceDuration < 9s'
        ' && .http.status_code = 500 && .version = "1.2" && .path = "/a b" && .tier = "gold" }'
    )
    assert _link(asked).queries == (LinkedQuery("spans", text, "T1"),)
    assert older_search({}) == "{ }"


def test_what_only_grafana_can_show_is_said_in_words_and_is_no_query():
    link = _link(
        {"queryType": "serviceMap", "serviceMapQuery": "{}", "query": "{ an = earlier }"},
        {"queryType": "upload"},
        {"queryType": "search", "linkedQuery": {"expr": "{}"}},
        {"queryType": "traceqlSearch", "filters": [], "groupBy": [{"tag": "name"}]},
    )
    assert link.queries == (LinkedQuery("spans", "{ }", "T1"),)
    assert link.unread == (
        "The service graph is drawn from metrics, not from a trace query: obsnb.service_graph(spans) "
        "draws one from spans.",
        "The traces that were uploaded are not in the address: obsnb.read_otlp(path) reads such files.",
        "The search by log lines asks a Loki that the address does not name: obs.logs(...) asks one.",
        "The search is grouped by a field, which Tempo does not do any more: its traces are asked for.",
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "tag", "operator", "value", "valueType", "scope", "isCustomValue"]),
            ANYTHING,
        )
        | ANYTHING,
        max_size=4,
    )
)
def test_whatever_the_fields_of_an_address_are_they_end_in_a_span_set(rows):
    assert search_of(rows).startswith("{ ")


@given(st.text(min_size=1))
def test_a_value_that_was_picked_from_a_list_ends_where_it_ends(value):
    text = search_of([_row("a", "=", [value])])
    inside = text.removeprefix('{ span.a = "').removesuffix('" }')
    assert inside.replace("\\\\", "").replace('\\"', "").count('"') == 0
    assert "\n" not in inside
