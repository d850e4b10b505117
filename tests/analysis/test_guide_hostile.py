"""Whatever a server sends, the debugging guide's frames are made of it, or are empty; nothing is raised."""

import json

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import obsnb
from obsnb.analysis.wait_texts import read_wait
from tests.analysis.lines import lines_of

_WORDS = st.sampled_from(
    [
        "status",
        "checks",
        "components",
        "healthy",
        "down",
        "latency",
        "timestamp",
        "name",
        "type",
        "value",
        "memory_usage",
        "rss",
        "top_differences",
        "filename",
        "size_diff",
        "debug_session",
        "events",
        "cache.hit",
        "navigation",
        "duration",
        "componentStack",
        "message",
        "level",
        "error",
        "lcp",
        "web_vital",
        "2026-01-01",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_WORDS, _VALUES, max_size=6)
_LINES = st.none() | st.text(max_size=60) | _OBJECTS.map(json.dumps) | st.lists(_WORDS).map("=".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(_LINES, max_size=4), st.lists(_OBJECTS | st.text(max_size=20), max_size=2))
def test_any_lines_and_any_answers_give_frames(texts, answers):
    lines = lines_of(texts)
    events = obsnb.frontend_events(lines)
    frames = [
        events,
        obsnb.frontend_timings(events),
        obsnb.health_snapshots(lines, answers),
        obsnb.debug_sessions(lines, answers),
        obsnb.memory_differences(obsnb.memory_snapshots(lines, answers)),
        obsnb.cache_hit_rates(None, lines),
        obsnb.database_waits(lines),
    ]
    assert all(isinstance(frame, pl.DataFrame) for frame in frames)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["pool", "lock", "after", "9", "ms", " - ", "Connection"])).map(" ".join)
)
def test_any_text_is_a_wait_or_none(text):
    wait = read_wait(text)
    assert wait is None or (wait.kind in {"pool", "lock", "deadlock"} and (wait.waited_ns or 0) >= 0)
