"""The same numbers, whatever kind of frame comes in, and the same kind out."""

from functools import cache

import polars as pl
import pytest

import obsnb
from tests.analysis.edges.calls import CALLS, IDS
from tests.analysis.edges.kinds import KINDS, as_kind, as_polars, is_kind, same_numbers


def test_every_public_analysis_function_is_in_the_table():
    public = {
        name
        for name in obsnb.__all__
        if (getattr(getattr(obsnb, name), "__module__", None) or "").startswith("obsnb.analysis")
    }
    assert public == {call.name for call in CALLS}


@cache
def _asked(place):
    return CALLS[place](*CALLS[place].given())


@pytest.mark.parametrize("place", range(len(CALLS)), ids=IDS)
def test_an_answer_is_not_empty_and_the_same_when_asked_again_and_leaves_its_arguments_alone(place):
    call = CALLS[place]
    before = [frame.clone() for frame in call.given()]
    answer = as_polars(_asked(place))
    assert answer.height
    assert as_polars(call(*call.given())).equals(answer)
    for given, kept in zip(call.given(), before, strict=True):
        assert given.equals(kept)
        if isinstance(given, pl.DataFrame):
            assert given.schema == kept.schema


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("place", range(len(CALLS)), ids=IDS)
def test_another_kind_of_frame_gives_the_same_numbers_and_that_kind_and_is_not_changed(place, kind):
    call = CALLS[place]
    given = [as_kind(frame, kind) for frame in call.given()]
    answer = call(*given)
    assert is_kind(answer, kind)
    same_numbers(answer, _asked(place), whole_as_floats=kind == "pandas on numpy")
    if kind != "lazy polars":
        for frame, kept in zip(given, call.given(), strict=True):
            same_numbers(frame, as_kind(kept, kind))
            if "pandas" in kind:
                assert list(frame.index) == list(range(len(kept)))


@pytest.mark.parametrize(
    "place", [n for n, call in enumerate(CALLS) if len(call.data) > 1], ids=lambda n: CALLS[n].id
)
def test_the_kind_of_the_first_argument_comes_back_where_the_others_are_of_other_kinds(place):
    call = CALLS[place]
    first, *others = call.given()
    answer = call(as_kind(first, "pyarrow"), *(as_kind(frame, "pandas on numpy") for frame in others))
    assert is_kind(answer, "pyarrow")
    same_numbers(answer, _asked(place), whole_as_floats=True)
