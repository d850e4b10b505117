"""How often the parts of a query are evaluated, beside how far they look back."""

from __future__ import annotations

import pytest

from obsnb.query.intervals import leaps

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("query", "step_s", "found"),
    [
        ("rate(a[1m])", 60, []),
        ("rate(a[1m])", 61, [("61 s", "1m", False)]),
        ("rate(a[5m]) + rate(b[2m])", 600, [("600 s", "2m", False)]),
        ("max_over_time(rate(a[1m])[5m:1m])", 15, []),
        ("max_over_time(rate(a[1m])[5m:1m])", 120, []),
        ("max_over_time(rate(a[1m])[5m:2m])", 15, [("2m", "1m", True)]),
        ("max_over_time(rate(a[1m])[5m:2m])", 600, [("2m", "1m", True), ("600 s", "5m", False)]),
        ("max_over_time(rate(a[1m])[5m:])", 15, []),  # the server's own resolution is not known
        (
            "avg_over_time(max_over_time(rate(a[1m])[10m:5m])[2h:30m])",
            15,
            [("5m", "1m", True), ("30m", "10m", True)],
        ),
        ('max_over_time((rate(a{x=")"}[1m]) + rate(b[10m]))[1h:5m])', 15, [("5m", "1m", True)]),
        ("max_over_time(a[5m:10m]) + rate(b[1m])", 60, []),
        ('rate(a{b="[1s]"}[10m])  # [1s]', 300, []),
        ("rate(a[1y]) + rate(b[$__interval])", 15, []),
        (")]}[1s:1s", 15, []),
    ],
)
def test_a_range_is_held_against_the_step_of_what_it_is_in(
    query: str, step_s: int, found: list[tuple[str, str, bool]]
) -> None:
    assert sorted(leaps(query, step_s * SECOND)) == sorted(found)
