"""What a query reads, seen without a parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.query import logql, promql
from obsnb.query.reading import (
    is_pointwise,
    looks_back_ns,
    looks_elsewhere,
    series_selectors,
    stream_selectors,
)

LABELS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=12), min_size=1, max_size=3
)
AROUND = (
    "{}",
    "rate({}[5m])",
    "sum by (job, le) (rate({}[1m] offset 1d))",
    "sum(rate({}[1m])) by (code) > bool 0.5",
    "histogram_quantile(0.99, sum without (pod) (irate({}[30s:5s])))",
    '-({}) ^ 2 # a {{comment="x"}} of nothing\n',
    'label_replace({}, "a", "{{b=\\"c\\"}}", \'up\', `sum by (x) (down)`)',
    "{} @ 1795457600 or vector(NaN) unless on (a, b) vector(Inf)",
    "topk(5, {} * on (instance) group_left (version) vector(1e5))",
)


@given(LABELS, st.sampled_from(["", "up", "job:errors:rate5m", "by_tenant", "rate"]), st.sampled_from(AROUND))
def test_the_selector_of_a_promql_text_is_found_whatever_stands_around_it(
    labels: dict[str, str], metric: str, around: str
) -> None:
    selector = promql.selector(labels, metric=metric)
    assert series_selectors(around.format(selector)) == (selector,)


@given(LABELS, LABELS)
def test_the_selectors_of_a_logql_text_are_found_and_braces_in_its_texts_are_not(
    one: dict[str, str], other: dict[str, str]
) -> None:
    first, second = logql.selector(one), logql.selector(other)
    query = (
        f'sum(rate({first} |= `{{a="b"}}` != "{{c=\\"d\\"}}" | json [5m])) / count_over_time({second}[1m])'
    )
    assert stream_selectors(query) == tuple(dict.fromkeys((first, second)))


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up", 0),
        ('{app="[9d]"} |= "[9d]"', 0),
        ("rate(a[1m]) + rate(b[2m])", 120),
        ("max_over_time(rate(a[1m])[1h:30s])", 3_600),
        ("rate(a[$__interval])", 0),
    ],
)
def test_how_far_a_query_looks_back_is_its_longest_range(query: str, seconds: int) -> None:
    assert looks_back_ns(query) == seconds * 10**9


def test_an_offset_and_an_at_lead_elsewhere_but_not_in_texts() -> None:
    assert looks_elsewhere("up offset 1d")
    assert looks_elsewhere("up @ start()")
    assert not looks_elsewhere('up{mail="a@b", text="offset"}')
    assert not looks_elsewhere("kafka_offsets_total")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("up", True),
        ("1 + 1", True),
        ('{app="end()"}', True),
        ("SUM BY (job) (rate(a[5m])) > bool (1)", True),
        ("a and on (b) (c) unless (d)", True),
        ("histogram_quantile(0.9, sum(rate(a[1m])) by (le)) or vector(0)", True),
        ('sum(quantile_over_time(0.9, {app="a"} | json | unwrap duration(took) [1m])) by (pod)', True),
        ('count_over_time({app="a"} | addr = ip("10.0.0.0/8") [1m])', True),
        ("a @ start()", False),
        ("a # end()\n @ end()", False),
        ("range_median(a)", False),
        ("topk_max(3, a)", False),
        ("running_sum(rate(a[1m]))", False),
        ("limitk(3, a)", False),
        ("WITH (f(x) = x) f(a)", False),
        ('approx_topk(3, sum(rate({app="a"}[1m])))', False),
    ],
)
def test_a_text_whose_points_depend_on_their_window_is_not_taken_for_one_whose_do_not(
    query: str, told: bool
) -> None:
    assert is_pointwise(query) is told
