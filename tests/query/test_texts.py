"""Query texts quote safely and recognise each other's languages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError
from obsnb.query import logql, promql, roles, traceql


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x7f")))
def test_a_quoted_text_reads_back_as_itself(text):
    quoted = logql.quote(text)
    as_json = quoted.replace("\\x", "\\u00")
    assert json.loads(as_json) == text


@given(st.text(), st.text())
def test_a_value_cannot_leave_its_quotes(one, other):
    query = logql.selector({"a": one, "b": other})
    assert logql.stream_selector_of(query) == query


@pytest.mark.parametrize("query", ['rate({a="b"}[1m])', 'sum by (x) (count_over_time({a="b"} |= "}" [5m]))'])
def test_a_query_that_asks_for_numbers_is_told_from_one_that_asks_for_lines(query):
    assert logql.is_metric_query(query)
    assert not logql.is_metric_query('{a="b"} |= "rate("')
    assert logql.stream_selector_of(query) == '{a="b"}'


@pytest.mark.parametrize(
    ("check", "query", "first_line"),
    [
        (logql.check, "", "The log query is empty."),
        (logql.check, '{} |~ "x"', "The log query selects no stream: {} is not LogQL."),
        (logql.check, "{ status = error }", "This looks like TraceQL, and was given to Loki."),
        (logql.check, "error", "The log query has no stream selector."),
        (promql.check, " ", "The metric query is empty."),
        (promql.check, '{a="b"} |= "x"', "This looks like LogQL, and was given to Prometheus."),
        (promql.check, '{ span.http.route = "/" }', "This looks like TraceQL, and was given to Prometheus."),
        (traceql.check, "", "The trace query is empty."),
        (traceql.check, '{a="b"} |= "x"', "This looks like LogQL, and was given to Tempo."),
        (traceql.check, "rate(x[1m])", "The trace query has no span set."),
    ],
)
def test_a_query_in_the_wrong_language_is_refused_before_it_is_sent(check, query, first_line):
    with pytest.raises(QueryError) as caught:
        check(query)
    assert caught.value.what == first_line
    assert caught.value.hint


@pytest.mark.parametrize(
    ("check", "query", "variable"),
    [
        (promql.check, "rate(http_requests_total[$__rate_interval])", "$__rate_interval"),
        (promql.check, 'up{job="a"} > $threshold', "$threshold"),
        (promql.check, "topk(${n:raw}, up)", "${n:raw}"),
        (promql.check, "up[[window]]", "[[window]]"),
        (logql.check, 'sum(count_over_time({a="b"} [$__auto]))', "$__auto"),
        (traceql.check, "{ duration > $slow }", "$slow"),
    ],
)
def test_a_variable_of_grafanas_is_refused_before_it_is_sent(check, query, variable):
    with pytest.raises(QueryError) as caught:
        check(query)
    assert str(caught.value) == (
        f"The query holds a variable of Grafana's, {variable}, which only Grafana knows.\n"
        f"  query:  {query}\n"
        "Hint: Write what it stands for, such as [1m] for [$__rate_interval]; obsnb.from_grafana_url(url) "
        "has the variables of a dashboard's address."
    )


@pytest.mark.parametrize(
    ("check", "query"),
    [
        (promql.check, 'label_replace(up, "x", "$1-${host}", "job", "(?P<host>.*)$")'),
        (promql.check, 'up{a=~"x$"} # of $all'),
        (logql.check, '{a="b"} |~ `cost: $[0-9]+` | line_format "{{ $x := .a }}{{ $x }}"'),
        (logql.check, '{app="grafana"} |= "$__rate_interval"'),
        (traceql.check, '{ span."a$b" = "$c" && .price$eur = 1 }'),
        (logql.check, '{namespace="prod"} |= "error" | json | level="error"'),
        (logql.check, 'sum(rate({a="b"}[1m]))'),
        (promql.check, 'rate(x{a="b"}[1m]) != 0 or {__name__=~"a|b"}'),
        (promql.check, 'label_replace(up, "a", "$1", "b", "(.*)")'),
        (traceql.check, '{ resource.service.name = "a" && status = error } | select(name)'),
        (traceql.check, "({ kind = server }) >> { kind = client }"),
    ],
)
def test_a_query_in_the_right_language_passes(check, query):
    check(query)


def test_a_selection_comes_before_the_closing_hints():
    query = "{ status = error } with (most_recent=true)"
    assert traceql.with_selection(query, ["name", "kind"]) == (
        "{ status = error } | select(name, kind) with (most_recent=true)"
    )
    assert traceql.most_recent("{ }") == "{ } with (most_recent=true)"
    assert traceql.most_recent("{ } with (x=1)") == "{ } with (x=1, most_recent=true)"
    assert traceql.most_recent("{ } with (most_recent=false)") == "{ } with (most_recent=false)"


def test_a_selector_needs_something_to_select():
    for make in (lambda: logql.selector({}), lambda: promql.selector({})):
        with pytest.raises(QueryError):
            make()


def test_the_built_in_queries_ask_each_signal_in_its_own_names():
    made = roles.role_queries({"namespace": "prod"}, DEFAULT)
    assert made["scope.logs"].query == '{namespace="prod"}'
    assert made["errors.spans"].query == '{ resource.service.namespace = "prod" && status = error }'
    assert made["alerts"].query == 'ALERTS{namespace="prod"}'
    assert made["requests.total"].query.startswith('{__name__=~"http_requests_total|')
    assert {role.kind for role in made.values()} == {"logs", "series", "exemplars", "spans"}


def test_a_hostile_scope_stays_a_value():
    made = roles.role_queries({"namespace": 'x"} | json'}, DEFAULT)
    assert made["scope.logs"].query == r'{namespace="x\"} | json"}'
