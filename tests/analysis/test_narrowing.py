"""Within which values of an attribute something went wrong, and not where it always does."""

import polars as pl

from obsnb.analysis.narrowing import narrowed

_KEY = "http.route"


def _visits(*counts):
    """Of each route: (name, wrong before, of, wrong now, of)."""
    rows = []
    for route, *numbers in counts:
        for during, wrong, many in ((False, *numbers[:2]), (True, *numbers[2:])):
            rows += [(during, at < wrong, route) for at in range(many)]
    return pl.DataFrame(rows, schema=["during", "wrong", _KEY], orient="row")


def test_the_route_in_which_more_went_wrong_than_before_is_named():
    visits = _visits(("/a", 1, 100, 60, 100), ("/b", 1, 100, 1, 100), ("/c", 0, 100, 0, 100))
    assert narrowed(visits, [_KEY]) == "http.route=/a"


def test_a_route_that_fails_as_often_as_ever_is_not_named_though_all_that_fails_is_there():
    assert narrowed(_visits(("/a", 60, 100, 60, 100), ("/b", 0, 100, 0, 100)), [_KEY]) is None


def test_what_is_new_is_compared_with_all_that_was_before():
    visits = _visits(("/old", 2, 100, 1, 60), ("/new", 0, 0, 40, 40))
    assert narrowed(visits, [_KEY]) == "http.route=/new"


def test_a_few_that_failed_by_chance_name_nothing():
    assert narrowed(_visits(("/a", 1, 32, 4, 13), ("/b", 22, 218, 22, 1719)), [_KEY]) is None


def test_where_all_routes_fail_none_is_named():
    visits = _visits(*((f"/{at}", 0, 100, 50, 100) for at in range(4)))
    assert narrowed(visits, [_KEY]) is None
