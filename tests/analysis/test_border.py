"""What frames of other people's making may look like."""

import polars as pl
import pytest

import obsnb
from obsnb.analysis.border import to_polars
from obsnb.errors import FrameError
from obsnb.schema import SERIES, SPANS

_AT = "2026-09-21T14:13:20.123456789"


def _spans(**columns):
    given = {"trace_id": ["a"], "span_id": ["b"], "service": ["api"], "name": ["GET /"], "start": [_AT + "Z"]}
    return pl.DataFrame({**given, "duration": [5_000_000], **columns})


def _read(frame):
    return to_polars(frame, SPANS, needs=("start", "duration", "service"), what="self_time")


@pytest.mark.parametrize(
    "text", [_AT, _AT + "Z", "2026-09-21T16:13:20.123456789+02:00", _AT.replace("T", " ")]
)
def test_times_may_be_texts_and_are_utc_where_they_name_no_zone(text):
    frame = _read(_spans(start=[text]))
    assert frame["start"].dtype == pl.Datetime("ns", "UTC")
    assert frame["start"].to_physical().to_list() == [1_790_000_000_123_456_789]


def test_a_text_that_is_no_time_is_refused():
    with pytest.raises(FrameError) as caught:
        _read(_spans(start=["yesterday"]))
    assert str(caught.value).splitlines()[0].startswith("self_time cannot read a column of its SPANS frame: ")


def test_a_duration_with_a_fraction_is_refused_for_its_unit_is_unknown():
    with pytest.raises(FrameError) as caught:
        _read(_spans(duration=[5.25]))
    assert str(caught.value) == (
        "self_time cannot tell the unit of duration, whose type is Float64.\n"
        "Hint: Give whole nanoseconds: milliseconds are (pl.col('duration') * 1e6).cast(pl.Int64)."
    )


@pytest.mark.parametrize(
    ("label", "kind"),
    [("job", pl.String), ("container", pl.Categorical), ("resource.service.name", pl.String)],
)
def test_the_first_label_that_names_a_service_stands_for_a_service_that_is_missing(label, kind):
    frame = _spans().rename({"service": label}).with_columns(pl.col(label).cast(kind), app=pl.lit(""))
    assert _read(frame)["service"].to_list() == ["api"]


def test_a_service_that_is_there_is_left_as_it_is_and_one_that_nothing_names_is_missed():
    assert _read(_spans(job=["node-exporter"]))["service"].to_list() == ["api"]
    with pytest.raises(FrameError, match=r"^self_time needs the column service of SPANS; "):
        _read(_spans().drop("service"))


def test_series_with_a_job_alone_have_its_service():
    frame = pl.DataFrame({"timestamp": [_AT], "metric": ["up"], "value": [1.0], "job": ["api"]})
    found = to_polars(frame, SERIES, needs=("timestamp",), what="change_points")
    assert found["service"].to_list() == ["api"]


@pytest.mark.parametrize(
    "line",
    ['{"service":"api","msg":"x"}', '{"service":{"name":"api"},"msg":"x"}', "level=info app=api msg=x"],
)
def test_a_line_that_names_its_service_gives_it_where_no_label_does(line):
    logs = pl.DataFrame({"timestamp": [_AT], "line": [line]})
    assert obsnb.parse_logs(logs)["service"].to_list() == ["api"]
    named = obsnb.parse_logs(logs.with_columns(service=pl.lit("other")))
    assert named["service"].to_list() == ["other"]
