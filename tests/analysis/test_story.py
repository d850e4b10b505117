from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.story import Entry, Story, Tick, entries_of, frame_of, retold
from obsnb.errors import UsageError
from obsnb.schema import EVENTS

ENTRIES = st.builds(
    Entry,
    at_ns=st.integers(0, 2 * 10**18),
    title=st.text(min_size=1, max_size=8),
    service=st.text(max_size=3),
    kind=st.sampled_from(["alert", "deploy", "note"]),
    source=st.text(max_size=3),
    star=st.booleans(),
    was=st.text(max_size=3),
    added=st.booleans(),
    end_ns=st.none() | st.integers(0, 2 * 10**18),
    evidence=st.lists(st.text(min_size=1, max_size=4), max_size=2).map(tuple),
)


@given(st.lists(ENTRIES, max_size=5))
def test_rows_go_into_a_frame_and_come_back_as_they_were(entries: list[Entry]) -> None:
    assert entries_of(frame_of(entries)) == tuple(entries)


@given(
    st.lists(ENTRIES, max_size=5),
    st.dictionaries(st.text(max_size=4), st.builds(Tick, st.text(), st.just(7))),
)
def test_a_story_is_plain_values_that_come_back_as_they_were(
    entries: list[Entry], ticks: dict[str, Tick]
) -> None:
    story = Story(tuple(entries), ticks)
    assert Story.parse(json.dumps(story.to_plain()).encode(), where="story.json") == story


def test_a_plain_timeline_has_no_stars_and_columns_of_other_types_are_not_taken_for_them() -> None:
    frame = EVENTS.conform(
        pl.DataFrame(
            {"timestamp": [1, None], "kind": ["alert", "note"], "title": ["a", "b"], "star": ["yes", "no"]}
        ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    )
    assert entries_of(frame) == (Entry(1, "a", kind="alert"),)


def test_what_was_told_keeps_its_order_and_words_and_what_is_new_stands_at_its_time() -> None:
    found = [Entry(at, name, evidence=(f"log:{name}",)) for at, name in enumerate("abcd")]
    told = [
        Entry(2, "C!", was="c", star=True),
        Entry(0, "a"),
        Entry(1, "paged", added=True),
        Entry(9, "gone"),
    ]
    assert [(one.title, one.star, one.evidence) for one in retold(found, told)] == [
        ("b", False, ("log:b",)),
        ("C!", True, ("log:c",)),
        ("a", False, ("log:a",)),
        ("paged", False, ()),
        ("d", False, ("log:d",)),
        ("gone", False, ()),
    ]


def test_of_two_equal_rows_both_stay() -> None:
    twice = [Entry(1, "a"), Entry(1, "a")]
    assert retold(twice, []) == retold(twice, twice[:1]) == retold(twice, twice) == tuple(twice)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (
            b'{"timeline": [{"at_ns": "noon", "title": "x"}]}',
            "Expected `int`, got `str` - at `$.timeline[0].at_ns`",
        ),
    ],
)
def test_what_is_no_story_is_refused_with_what_to_do(text: bytes, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        Story.parse(text, where="story.json of incident")
    assert str(refused.value) == (
        f"story.json of incident cannot be read: {reason}.\n"
        "Hint: It holds the timeline and the checklist as they were edited. Take it away, or fetch it again; "
        "the recorded rows do not need it."
    )
