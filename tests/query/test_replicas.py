"""Queries about one of several replicas."""

from __future__ import annotations

import pytest

from obsnb.query.replicas import adds_up, mentions, of_one


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("up", 'up{r="a"}'),
        ("sum(up{})", 'sum(up{r="a"})'),
        ('sum({job="x"})', 'sum({r="a", job="x"})'),
        ('sum by (r2) (rate(a{b="}{"}[5m] offset 1h))', 'sum by (r2) (rate(a{r="a", b="}{"}[5m] offset 1h))'),
        (
            "sum(rate(a[5m])) without (x) / on (job) group_left (y) count(b @ end())",
            'sum(rate(a{r="a"}[5m])) without (x) / on (job) group_left (y) count(b{r="a"} @ end())',
        ),
        ("max_over_time(sum(a)[1h:1m])  # sum(b)", 'max_over_time(sum(a{r="a"})[1h:1m])  # sum(b)'),
        ('sum({"http.status", x="y"})', 'sum({r="a", "http.status", x="y"})'),
        ("sum(vector(1)) + 1e3", "sum(vector(1)) + 1e3"),
        ("topk(3, a) and b unless c", 'topk(3, a{r="a"}) and b{r="a"} unless c{r="a"}'),
    ],
)
def test_a_matcher_is_added_to_each_selector_and_to_nothing_else(query: str, sent: str) -> None:
    assert of_one(query, "r", "a") == sent


def test_names_and_values_are_quoted() -> None:
    assert of_one("up", "k8s.replica", 'a"b') == 'up{"k8s.replica"="a\\"b"}'


def test_an_aggregation_is_known_from_a_name_or_a_text_that_sounds_like_one() -> None:
    assert adds_up("sum(a)")
    assert adds_up("a / ignoring (x) COUNT by (y) (b)")
    assert not adds_up('rate(sum_total{x="sum(a)"}[5m])  # sum(b)')


def test_a_text_that_speaks_of_the_label_is_left_alone() -> None:
    assert mentions("max without (replica) (up)", "replica")
    assert not mentions("max without (replica_set) (up)", "replica")
