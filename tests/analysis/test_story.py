from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.hypotheses import VERDICTS, Hypothesis
from obsnb.analysis.story import Entry, Story, Tick, entries_of, frame_of, retold, together
from obsnb.analysis.told import Conclusion, Remark
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

_TEXTS = st.text(min_size=1, max_size=6)
_LISTS = st.lists(_TEXTS, max_size=2).map(tuple)
STORIES = st.builds(
    Story,
    st.lists(ENTRIES, max_size=4).map(tuple),
    st.dictionaries(st.text(max_size=4), st.builds(Tick, st.text(), st.integers(-(2**63), 2**63 - 1))),
    st.lists(
        st.builds(Hypothesis, _TEXTS, st.sampled_from(VERDICTS), st.text(max_size=3), _LISTS, _LISTS, _LISTS),
        max_size=3,
    ).map(tuple),
    st.lists(st.builds(Conclusion, _TEXTS, _TEXTS, _LISTS, _LISTS, _LISTS), max_size=3).map(tuple),
    st.lists(st.builds(Remark, _TEXTS, _LISTS), max_size=3).map(tuple),
)


@given(st.lists(ENTRIES, max_size=5))
def test_rows_go_into_a_frame_and_come_back_as_they_were(entries: list[Entry]) -> None:
    assert entries_of(frame_of(entries)) == tuple(entries)


@given(STORIES)
def test_a_story_is_plain_values_that_come_back_as_they_were(story: Story) -> None:
    assert Story.parse(json.dumps(story.to_plain()).encode(), where="story.json") == story


@given(STORIES, STORIES)
def test_stories_told_together_lose_nothing_and_are_told_once(one: Story, other: Story) -> None:
    both = together([one, other])
    assert together([both, one, other]) == both
    for words in ("hypotheses", "conclusions", "remarks"):
        assert {_key(said) for said in getattr(both, words)} == {
            _key(said) for each in (one, other) for said in getattr(each, words)
        }
    assert {*both.ticks} == {*one.ticks, *other.ticks}
    assert {row.recorded for row in both.timeline} == {
        row.recorded for each in (one, other) for row in each.timeline
    }


def _key(said: Hypothesis | Conclusion | Remark) -> str:
    if isinstance(said, Hypothesis):
        return said.statement
    return said.about if isinstance(said, Conclusion) else said.text


@given(STORIES)
def test_evidence_is_cited_by_other_ids_and_what_has_none_is_left_out(story: Story) -> None:
    assert story.citing(lambda old: old) == story
    assert story.citing(lambda _: None).citing(lambda _: "log:1") == story.citing(lambda _: None)
    twice = story.citing(lambda old: f"x{old}")
    assert [one.evidence for one in twice.remarks] == [
        tuple(f"x{old}" for old in one.evidence) for one in story.remarks
    ]


def test_a_story_of_before_hypotheses_were_saved_is_read() -> None:
    old = b'{"timeline": [{"at_ns": 1, "title": "it began"}], "ticks": {"a": {"who": "Ada", "at_ns": 2}}}'
    story = Story.parse(old, where="story.json")
    assert story == Story((Entry(1, "it began"),), {"a": Tick("Ada", 2)})


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
        (
            b'{"timeline": [{"at_ns": 9999999999999999999, "title": "x"}]}',
            "Expected `int` <= 9223372036854775807 - at `$.timeline[0].at_ns`",
        ),
        (
            b'{"hypotheses": [{"statement": "x", "verdict": "proven"}]}',
            "Invalid enum value 'proven' - at `$.hypotheses[0].verdict`",
        ),
        (
            b'{"remarks": [{"text": "\xff"}]}',
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b'{"x": ' + b"[" * 100_000, "It is nested too deeply"),
    ],
)
def test_what_is_no_story_is_refused_with_what_to_do(text: bytes, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        Story.parse(text, where="story.json of incident")
    assert str(refused.value) == (
        f"story.json of incident cannot be read: {reason}.\n"
        "Hint: It holds the timeline, the checklist and the hypotheses as people wrote them. Take it away, "
        "or fetch it again; the recorded rows do not need it."
    )
