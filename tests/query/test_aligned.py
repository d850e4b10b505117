"""Queries longer than Tempo reads at once: its blocks end between words, and nothing else changes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from obsnb.query import traceql

BLOCK = 1024
WORDS = st.lists(st.text("abcé€😀.:_(){}|&=<>,0123456789", min_size=1, max_size=90), min_size=1, max_size=200)
QUOTED = st.text(" abé😀", max_size=200).map(lambda text: f'"{text}\\""')


@given(st.lists(st.one_of(QUOTED, WORDS.map(" ".join)), min_size=1, max_size=20).map(" ".join))
def test_only_gaps_between_words_grow(query):
    told = traceql.aligned(query)
    kept = re.compile(r'"(?:\\.|[^"\\])*"| +')
    assert kept.sub(lambda m: m[0].strip() or " ", told) == kept.sub(lambda m: m[0].strip() or " ", query)


@given(WORDS.map(" ".join))
def test_every_block_ends_between_words(query):
    told = traceql.aligned(query).encode()
    for edge in range(BLOCK, len(told), BLOCK):
        assert told[edge - 1 : edge + 1] == b"  "


@given(st.text(max_size=250))
def test_what_fits_into_one_block_stays_as_it_is(query):
    assert traceql.aligned(query) == query


def test_a_quoted_text_is_never_touched_even_where_no_block_can_end_well():
    query = '{ name = "' + "a  b" * 600 + '" }'
    assert traceql.aligned(query).count("a  b") == 600


def test_the_selection_that_spans_ask_for_is_aligned():
    fields = [f"span.some.attribute.{n}" for n in range(90)]
    told = traceql.aligned(traceql.with_selection("{ status = error }", fields))
    assert re.sub(" +", " ", told) == traceql.with_selection("{ status = error }", fields)
    assert told.encode()[1023:1025] == b"  "
