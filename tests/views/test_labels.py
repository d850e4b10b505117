from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obsnb.views.formats import one_line
from obsnb.views.labels import apart, elided

#: Names as clusters make them: alike for long, different anywhere.
_NAMES = st.lists(
    st.tuples(
        st.sampled_from(["shop-prod-eu-west-1-checkout", "GET /api/v2/tenants/{tenant}/orders/", "", "a"]),
        st.text("ab-/ 1", max_size=30),
        st.sampled_from(["-canary-deployment-of-the-week", "/items/{item}/prices/history", "", "b"]),
    ).map(lambda parts: one_line("".join(parts))),
    max_size=12,
)


@given(_NAMES, st.integers(12, 44))
@example(["a" * 30 + "b" + "a" * 30, "a" * 30 + "c" + "a" * 30, "a" * 61], 28)
def test_names_that_differ_are_shown_in_different_letters_within_their_room(
    names: list[str], limit: int
) -> None:
    shown = dict(zip(names, apart(names, limit), strict=True))
    assert len({*shown.values()}) == len(shown)
    for name, label in shown.items():
        assert len(label) <= limit
        assert label == name or "…" in label


@given(st.lists(st.text("ab…( )2", max_size=40), max_size=10), st.integers(8, 20))
def test_whatever_the_names_none_is_shown_as_another(names: list[str], limit: int) -> None:
    shown = dict(zip(names, apart(names, limit), strict=True))
    assert len({*shown.values()}) == len(shown)
    assert all(len(label) <= limit for label in shown.values())


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_text_with_its_middle_left_out_has_the_letters_of_its_ends(text: str, limit: int) -> None:
    label = elided(text, limit)
    first, mark, last = label.partition("…") if len(text) > limit else (label, "…", "")
    assert len(label) <= max(limit, len(text) if len(text) <= limit else 0)
    assert mark
    assert text.startswith(first)
    assert text.endswith(last)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (
            ["GET /api/v2/orders/{order}/items", "GET /api/v2/orders/{order}/price"],
            ["GET /api/v2/orders/…der}/items", "GET /api/v2/orders/…der}/price"],
        ),
        (
            [
                "shop-prod-eu-west-1-checkout-a-of-the-canary-deployment",
                "shop-prod-eu-west-1-checkout-b-of-the-canary-deployment",
            ],
            ["shop-pr…ut-a-of-the-ca…loyment", "shop-pr…ut-b-of-the-ca…loyment"],
        ),
    ],
)
def test_what_tells_names_apart_is_kept(names: list[str], labels: list[str]) -> None:
    assert apart(names, 30) == labels
