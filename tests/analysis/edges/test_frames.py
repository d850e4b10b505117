"""What only pandas frames can be: indexed, of mixed types, with columns of one name or of none."""

import pandas as pd
import polars as pl
import pytest

import obsnb
from obsnb.errors import FrameError
from obsnb.schema import LOGS, SERIES, SPANS
from tests.analysis.edges import samples


def _spans():
    """As somebody makes them by hand: objects, numpy's types, no parent at the root."""
    start = pd.to_datetime(["2026-01-01T10:00:00.000000001Z", "2026-01-01T10:00:00.000000003Z"])
    return pd.DataFrame(
        {
            "trace_id": ["a", "a"],
            "span_id": ["b", "c"],
            "parent_span_id": [None, "b"],
            "service": ["web", "api"],
            "name": ["GET", "find"],
            "start": start,
            "duration": pd.to_timedelta([10, 4], unit="ns"),
        }
    )


_ROW_BY_ROW = {
    "attribute": lambda spans, logs, exemplars: (spans, obsnb.attribute(spans, "http.route")),
    "self_time": lambda spans, logs, exemplars: (spans, obsnb.self_time(spans)),
    "parse_logs": lambda spans, logs, exemplars: (logs, obsnb.parse_logs(logs)),
    "correlate_logs": lambda spans, logs, exemplars: (logs, obsnb.correlate_logs(logs, spans)),
    "correlate_exemplars": lambda spans, logs, exemplars: (
        exemplars,
        obsnb.correlate_exemplars(exemplars, spans),
    ),
    "mine_patterns": lambda spans, logs, exemplars: (logs, obsnb.mine_patterns(logs["line"])),
}


@pytest.mark.parametrize("name", _ROW_BY_ROW)
def test_an_answer_a_row_has_the_index_of_the_rows_so_that_pandas_puts_them_together(name):
    frames = [frame.head(40).to_pandas() for frame in (samples.spans(), samples.logs(), samples.exemplars())]
    chosen = [frame[::-3] for frame in frames]  # as a filter leaves them
    given, out = _ROW_BY_ROW[name](*chosen)
    assert out.index.equals(given.index)
    assert list(out.index[:2]) == [39, 36]


def test_the_self_time_of_a_filtered_pandas_frame_goes_to_its_own_span():
    spans = pd.concat([_spans(), _spans().assign(trace_id="z")])
    spans = spans.set_axis(range(10, 14)).iloc[[3, 2, 1, 0]]
    spans["own"] = obsnb.self_time(spans)["self_time"].astype("timedelta64[ns]")
    assert dict(zip(spans["span_id"] + spans["trace_id"], spans["own"].dt.nanoseconds, strict=True)) == {
        "cz": 4,
        "bz": 6,
        "ca": 4,
        "ba": 6,
    }


@pytest.mark.parametrize("values", [[1, "a"], [{"a": 1}, "a"], [object(), object()]])
def test_a_column_of_mixed_objects_is_named_in_the_error(values):
    with pytest.raises(FrameError) as caught:
        obsnb.self_time(_spans().assign(extra=values))
    assert str(caught.value) == (
        "self_time cannot read the column extra of its SPANS frame: its values are not of one type.\n"
        "Hint: Leave it out, or make it text: frame.astype({'extra': str})."
    )


@pytest.mark.parametrize("kind", ["pandas", "pyarrow"])
def test_two_columns_of_one_name_are_refused_and_named(kind):
    frame = _spans().rename(columns={"name": "service"})
    given = frame if kind == "pandas" else pl.from_pandas(_spans()).to_arrow()
    if kind == "pyarrow":
        given = given.rename_columns([*given.column_names[:-1], "name"])
    with pytest.raises(FrameError) as caught:
        obsnb.self_time(given)
    twice = "service" if kind == "pandas" else "name"
    assert str(caught.value) == (
        f"self_time cannot tell the columns of one name apart: {twice}.\nHint: Rename one, or leave it out."
    )


def test_what_lies_in_the_index_is_no_column_and_the_error_names_those_that_are_there():
    with pytest.raises(FrameError) as caught:
        obsnb.self_time(_spans().set_index("start"))
    assert str(caught.value) == (
        "self_time needs the column start of SPANS; "
        "the frame has trace_id, span_id, parent_span_id, service, name, duration.\n"
        "Hint: obsnb.schema.SPANS lists what each column means; rename yours to match."
    )


def test_an_empty_pandas_frame_without_types_is_an_empty_frame():
    assert len(obsnb.self_time(pd.DataFrame(columns=list(SPANS.names)))) == 0
    assert len(obsnb.parse_logs(pd.DataFrame(columns=list(LOGS.names)))) == 0
    assert len(obsnb.change_points(pd.DataFrame(columns=list(SERIES.names)))) == 0


def test_a_column_of_nothing_is_text_in_the_answer():
    spans = _spans().assign(empty=pd.Series([None, None], dtype=object))
    assert pl.from_pandas(obsnb.self_time(spans)).schema["empty"] == pl.String


def test_durations_with_one_missing_are_refused_as_floats_and_taken_as_timedeltas():
    spans = _spans()
    spans.loc[1, "duration"] = pd.NaT
    assert obsnb.self_time(spans)["self_time"].isna().tolist() == [False, True]
    with pytest.raises(FrameError) as caught:
        obsnb.self_time(spans.assign(duration=[10.0, None]))
    assert str(caught.value) == (
        "self_time cannot tell the unit of duration, whose type is Float64.\n"
        "Hint: Give whole nanoseconds: milliseconds are (pl.col('duration') * 1e6).cast(pl.Int64)."
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", None])
def test_times_of_another_zone_are_the_same_moments_and_those_of_none_are_utc(zone):
    start = _spans()["start"]
    moved = start.dt.tz_convert(zone) if zone else start.dt.tz_localize(None)
    out = obsnb.self_time(_spans().assign(start=moved))
    assert pl.from_pandas(out)["start"].to_physical().to_list() == start.astype("int64").tolist()
