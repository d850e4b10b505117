"""The same digest for the same values, however they lie in memory, and no other."""

import subprocess
import sys
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.digest import digest

INNER = pl.Struct({"key": pl.String, "value": pl.Float64})
KINDS = {
    "text": (pl.String, st.text(max_size=3)),
    "whole": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "large": (pl.UInt64, st.integers(0, 2**64 - 1)),
    "number": (pl.Float64, st.sampled_from([0.0, -0.0, 1.5, float("inf"), float("-inf")])),
    "yes": (pl.Boolean, st.booleans()),
    "lists": (pl.List(pl.String), st.lists(st.none() | st.text(max_size=2), max_size=3)),
    "structs": (INNER, st.fixed_dictionaries({"key": st.none() | st.text(max_size=2), "value": st.none()})),
    "nested": (
        pl.List(INNER),
        st.lists(
            st.fixed_dictionaries({"key": st.text(max_size=1), "value": st.none() | st.floats(0, 9)}),
            max_size=2,
        ),
    ),
    "nothing": (pl.Null, st.none()),
}


@st.composite
def frames(draw):
    height = draw(st.integers(0, 4))
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), unique=True, max_size=3))
    return {
        name: draw(st.lists(st.none() | KINDS[name][1], min_size=height, max_size=height)) for name in names
    }


def made(columns):
    return pl.DataFrame({name: pl.Series(values, dtype=KINDS[name][0]) for name, values in columns.items()})


def told(columns):
    """What tells two frames apart: -0.0 from 0.0 as well."""
    return repr(list(columns.items()))


@given(frames(), frames())
def test_digests_are_equal_just_where_columns_and_values_are(one, other):
    assert (digest(made(one)) == digest(made(other))) == (told(one) == told(other))


@given(st.lists(st.none() | st.sampled_from(["a", "b", "größer", ""]), max_size=20), st.integers(1, 5))
def test_text_is_the_same_whatever_its_type_and_its_chunks(values, size):
    text = pl.Series("a", values, dtype=pl.String)
    kinds = [pl.Categorical, pl.Enum(["größer", "", "b", "a", "never"])]
    chunks = [pl.Series("a", values[at : at + size], dtype=pl.String) for at in range(0, len(values), size)]
    forms = [
        text,
        *(text.cast(kind) for kind in kinds),
        *([pl.concat(chunks, rechunk=False)] if chunks else []),
    ]
    assert len({digest(form.to_frame()) for form in forms}) == 1


@pytest.mark.parametrize("different", [7, 700])
def test_text_of_many_rows_is_the_same_whatever_its_type(different):
    words = pl.Series("a", [f"word {number % different}" for number in range(3_000)])
    kinds = [pl.Categorical, pl.Enum(words.unique().sort())]
    assert {digest(words.cast(kind).to_frame()) for kind in kinds} == {digest(words.to_frame())}
    assert digest(words.to_frame()) != digest(words.reverse().to_frame())


def test_what_identifies_the_rows_does_not_load_pandas():
    code = (
        "import sys, polars; from obsnb.digest import digest;"
        "digest(polars.DataFrame({'a': ['x', None], 'b': [1.0, 2.0]})); print('pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_times_are_their_nanoseconds():
    times = pl.Series("t", [1, None, -5])
    forms = [times, times.cast(pl.Datetime("ns", "UTC")), times.cast(pl.Duration("ns"))]
    assert len({digest(form.to_frame()) for form in forms}) == 1
    assert digest(forms[1].to_frame()) != digest((forms[1] + timedelta(microseconds=1)).to_frame())


def test_a_number_is_the_same_in_any_integer_type_that_holds_it():
    assert (
        len(
            {
                digest(pl.DataFrame({"a": pl.Series([7], dtype=kind)}))
                for kind in (pl.Int8, pl.Int64, pl.UInt64)
            }
        )
        == 1
    )
    low, high = (
        pl.DataFrame({"a": pl.Series([value], dtype=kind)})
        for value, kind in ((-1, pl.Int64), (2**64 - 1, pl.UInt64))
    )
    assert digest(low) != digest(high)


def test_a_slice_is_its_own_rows_and_nothing_of_the_rest():
    frame = pl.DataFrame({"a": ["x", "yy", None, "zzz"], "b": [[1], [], None, [2, 3]]})
    part = pl.DataFrame({"a": ["yy", None], "b": [[], None]}, schema=frame.schema)
    assert digest(frame.slice(1, 2)) == digest(part)


@pytest.mark.parametrize(
    ("frame", "known"),
    [
        (pl.DataFrame(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            pl.DataFrame(
                {
                    "timestamp": [1_795_460_000_000_000_000, None],
                    "value": [float("nan"), -0.5],
                    "service": ["größer", "größer"],
                    "ok": [True, False],
                    "attributes": [[{"key": "a", "value": None}], []],
                },
                schema_overrides={
                    "timestamp": pl.Datetime("ns", "UTC"),
                    "service": pl.Categorical,
                    "attributes": pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
                },
            ),
            "afed65b02ea1676e52cfb4cbab96e0def312d4b609a805393e79366f0460a6cc",
        ),
    ],
    ids=["nothing", "a bit of everything"],
)
def test_a_digest_is_the_same_on_every_machine(frame, known):
    assert digest(frame) == known
