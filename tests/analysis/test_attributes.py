"""Any attribute of a span can be reached, wherever it lies."""

import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.attributes import attribute
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from obsnb.sources.wire.otlp_spans import add_traces, read_attribute, read_reply
from obsnb.sources.wire.span_table import SpanTable

TRACES = Path(__file__).parents[1] / "recordings" / "datasource" / "tempo" / "traces-v2-protobuf.zip"
KEYS = ("http.route", "service.version", "name", "shop.colour", "status")

held = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["a", "b", ""]), max_size=3)


@pytest.fixture(scope="module")
def recorded():
    table = SpanTable(read_attribute)
    with zipfile.ZipFile(TRACES) as members:
        for name in members.namelist()[:200]:
            add_traces(table, read_reply(members.read(name)).trace, whole=True)
    return table.frame(DEFAULT)


def entries(values):
    return [{"key": key, "type": "string", "value": value} for key, value in values.items()]


def spans(*pairs):
    """Spans with these attributes of their own and of their resources, in the lists alone."""
    return SPANS.conform(
        pl.DataFrame(
            {
                "name": ["core"] * len(pairs),
                "attributes": [entries(own) for own, _ in pairs],
                "resource": [entries(shared) for _, shared in pairs],
            },
            schema_overrides={name: SPANS.dtypes()[name] for name in ("name", "attributes", "resource")},
        )
    )


@given(pairs=st.lists(st.tuples(held, held), max_size=6), key=st.sampled_from(KEYS))
def test_a_spans_own_attribute_comes_before_its_resources(pairs, key):
    wanted = [own.get(key, shared.get(key)) for own, shared in pairs]
    got = attribute(spans(*pairs), key)
    assert got.to_list() == wanted
    assert (got.name, got.dtype) == (key, pl.String)


def test_an_attribute_that_is_called_like_a_core_column_is_not_that_column():
    frame = spans(({"name": "mine"}, {}), ({}, {}))
    assert frame["name"].to_list() == ["core", "core"]
    assert attribute(frame, "name").to_list() == ["mine", None]
    assert attribute(spans(({"attributes": "odd"}, {})), "attributes").to_list() == ["odd"]


def test_a_column_of_its_own_says_the_same_as_the_lists(recorded):
    promoted = [name for name in recorded.columns if name not in SPANS.names]
    bare = recorded.select(SPANS.names)
    assert len(promoted) > 10
    for key in promoted:
        assert attribute(recorded, key).to_list() == attribute(bare, key).to_list()


def test_an_attribute_without_a_column_is_found_in_the_lists(recorded):
    language = attribute(recorded, "telemetry.sdk.language")
    assert "telemetry.sdk.language" not in recorded.columns
    assert language.null_count() == 0
    assert set(language) >= {"python", "webjs"}


def test_a_number_is_its_text(recorded):
    assert recorded.schema["http.response.status_code"] == pl.Int64
    assert {"200", None} <= set(attribute(recorded, "http.response.status_code"))


def test_an_attribute_that_no_span_has_is_null_everywhere(recorded):
    assert attribute(recorded, "no.such.key").to_list() == [None] * recorded.height


@pytest.mark.parametrize("kind", ["lazy", "pandas", "arrow"])
def test_other_kinds_of_frame_say_the_same(kind, recorded):
    some = recorded.head(50)
    given_as = {"lazy": some.lazy, "pandas": some.to_pandas, "arrow": some.to_arrow}[kind]
    kwargs = {"use_pyarrow_extension_array": True} if kind == "pandas" else {}
    got = attribute(given_as(**kwargs), "telemetry.sdk.language")
    assert pl.Series(got).to_list() == attribute(some, "telemetry.sdk.language").to_list()


def test_what_is_no_frame_is_refused():
    with pytest.raises(FrameError) as caught:
        attribute([1, 2], "http.route")
    assert str(caught.value) == (
        "attribute takes a polars, pandas or pyarrow frame, not list.\n"
        "Hint: obs.logs(...), obs.metrics(...) and obs.spans(...) give such frames."
    )
