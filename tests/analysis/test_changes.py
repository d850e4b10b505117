"""Onset and recovery: found where something changed, and not where nothing did."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from obsnb.analysis.changes import change_points, find_incident
from obsnb.analysis.shift import find_shift
from obsnb.errors import FrameError
from obsnb.timerange import TimeRange
from tests.analysis.incidents import incident, incident_series
from tests.analysis.simulate import simulate

_T0 = datetime(2026, 11, 23, 18, tzinfo=UTC)
_S = 10**9


def _series(*rows, step_s=15, metric="m"):
    """SERIES of one row of values a series; None leaves a gap."""
    frames = []
    for number, values in enumerate(rows):
        moments = [_T0 + timedelta(seconds=step_s * k) for k in range(len(values))]
        frames.append(
            pl.DataFrame(
                {
                    "timestamp": moments,
                    "metric": metric,
                    "series_id": f"id{number}",
                    "value": [None if v is None else float(v) for v in values],
                },
                schema={
                    "timestamp": pl.Datetime("ns", "UTC"),
                    "metric": pl.String,
                    "series_id": pl.String,
                    "value": pl.Float64,
                },
            ).drop_nulls("value")
        )
    return pl.concat(frames)


def _at(row, name):
    """Number of the sample that a time is at."""
    return None if row[name] is None else round((row[name] - _T0).total_seconds() / 15)


def _noise(many, seed=0, level=10.0):
    return level + np.random.default_rng(seed).normal(size=many)


def _step(many, begin, end, by, seed=0):
    values = _noise(many, seed)
    values[begin:end] += by
    return values


# One series.


@pytest.mark.parametrize("many", [12, 40, 240, 1_000])
@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "rare counts", "like its neighbour"])
def test_noise_shows_a_change_no_more_often_than_the_p_value_says(kind, many):
    rng = np.random.default_rng(many)

    def draw():
        if kind == "normal":
            return rng.normal(size=many)
        if kind == "heavy-tailed":
            return rng.pareto(1.0, size=many)
        if kind == "rare counts":
            return rng.poisson(0.2, size=many).astype(float)
        return np.convolve(rng.normal(size=many + 1), [1.0, 0.4], mode="valid")

    found = [find_shift(draw()) for _ in range(150)]
    alarms = sum(shift is not None and shift.p_value < 0.05 for shift in found)
    # 5% of 150 are 7.5; 18 would be exceeded once in five hundred runs of a test that is right
    assert alarms <= (18 if many >= 40 or kind != "like its neighbour" else 30)


@pytest.mark.parametrize(("many", "begin", "end"), [(40, 28, 40), (240, 96, 190), (900, 300, 420)])
def test_a_clear_step_is_dated_to_the_sample_and_its_range_holds_it(many, begin, end):
    shifts = [find_shift(_step(many, begin, end, 4.0, seed)) for seed in range(25)]
    assert all(shift.p_value < (0.001 if many > 40 else 0.05) for shift in shifts)
    assert np.median([abs(shift.begin - begin) for shift in shifts]) <= 1
    assert np.median([abs(shift.end - end) for shift in shifts]) <= 1
    assert sum(shift.earliest <= begin <= shift.latest for shift in shifts) >= 22
    assert all(2 < shift.effect < 8 for shift in shifts)


def test_a_stretch_that_was_there_from_the_start_is_dated_by_its_end():
    shift = find_shift(_step(60, 0, 25, 5.0))
    assert (shift.begin, shift.end) == (25, 60)
    assert shift.effect < -3


def test_a_spike_of_two_samples_is_no_change():
    values = _noise(120)
    values[60:62] += 50
    assert find_shift(values).p_value > 0.05


def test_few_samples_and_constant_ones_say_nothing():
    assert find_shift(np.array([1.0, 1, 1, 9, 9, 9, 9])) is None
    assert find_shift(np.full(50, 3.0)) is None


def test_a_random_walk_is_seldom_a_change():
    rng = np.random.default_rng(4)
    walks = [find_shift(np.cumsum(rng.normal(size=200))) for _ in range(60)]
    assert sum(walk.p_value < 0.01 for walk in walks) <= 9


# Many series.


def test_only_the_series_that_changed_have_a_row_the_clearest_first():
    rows = [_noise(100, seed) for seed in range(30)]
    rows += [_step(100, 40, 70, 3.0, seed=50), _step(100, 40, 100, -20.0, seed=51)]
    out = change_points(_series(*rows))
    assert out["series_id"].to_list() == ["id31", "id30"]
    down, up = out.to_dicts()
    assert (down["direction"], down["recovery"]) == ("down", None)
    assert (_at(up, "onset"), up["direction"]) == (40, "up")
    assert abs(_at(up, "recovery") - 70) <= 1
    assert _at(up, "onset_low") <= 40 <= _at(up, "onset_high")
    assert up["before"] == pytest.approx(10, abs=0.5)
    assert up["during"] == pytest.approx(13, abs=0.5)
    assert out["confidence"].min() > 0.99


def test_a_thousand_series_of_noise_raise_hardly_an_alarm():
    out = change_points(_series(*(_noise(60, seed) for seed in range(1_000))))
    assert out.height <= 3


def test_a_counter_is_looked_at_as_a_rate_through_its_resets():
    rng = np.random.default_rng(3)
    steps = rng.poisson(30, 120).astype(float)
    steps[60:90] *= 5
    counter = np.cumsum(steps)
    counter[100:] -= counter[99]
    out = change_points(_series(counter, metric="http_requests_total"))
    row = out.row(0, named=True)
    assert row["kind"] == "counter"
    assert abs(_at(row, "onset") - 60) <= 1
    assert abs(_at(row, "recovery") - 90) <= 1
    assert row["before"] == pytest.approx(2.0, rel=0.15)  # thirty in fifteen seconds
    assert row["during"] == pytest.approx(10.0, rel=0.15)


def test_a_gauge_that_is_named_like_a_counter_is_a_gauge():
    row = change_points(_series(_step(80, 30, 60, 8.0), metric="pg_stat_activity_count")).row(0, named=True)
    assert (row["kind"], _at(row, "onset")) == ("gauge", 30)


def test_what_only_ever_rises_is_a_counter_without_the_name():
    rng = np.random.default_rng(8)
    values = np.cumsum(np.r_[rng.uniform(1, 2, 40), rng.uniform(6, 8, 40)])
    row = change_points(_series(values, metric="bytes_sent")).row(0, named=True)
    assert (row["kind"], _at(row, "onset")) == ("counter", 40)


def test_gaps_disorder_doubles_and_samples_that_are_no_numbers_do_no_harm():
    values = list(_step(120, 50, 90, 6.0))
    values[20:30] = [None] * 10
    values[70] = float("nan")
    values[71] = float("inf")
    frame = _series(values)
    again = pl.concat([frame, frame.head(40)]).sample(fraction=1.0, shuffle=True, seed=2)
    row = change_points(again).row(0, named=True)
    assert (_at(row, "onset"), _at(row, "recovery")) == (50, 90)


def test_a_baseline_that_is_not_clean_still_has_an_onset():
    values = _step(200, 120, 200, 6.0)
    values[[10, 45, 46, 80]] += 30
    values[60:70] += 2
    assert _at(change_points(_series(values)).row(0, named=True), "onset") == 120


def test_series_without_ids_are_told_apart_by_metric_service_and_labels():
    frame = _series(_step(60, 20, 60, 9.0), _noise(60, 1))
    frame = frame.with_columns(pod=pl.col("series_id")).drop("series_id")
    out = change_points(frame)
    assert out.select("metric", "pod").rows() == [("m", "id0")]
    assert change_points(frame, by=["pod"]).select("pod").rows() == [("id0",)]


def test_pandas_and_arrow_in_give_the_same_changes_out():
    pytest.importorskip("pandas")
    frame = _series(_step(60, 20, 40, 9.0), _noise(60, 1))
    expected = change_points(frame)
    assert pl.from_arrow(change_points(frame.to_arrow())).equals(expected)
    assert pl.from_pandas(change_points(frame.to_pandas())).equals(expected)


@pytest.mark.parametrize("many", [0, 1])
def test_no_sample_or_one_gives_no_row_and_all_columns(many):
    out = change_points(_series(_noise(60)).head(many))
    assert out.is_empty()
    assert out.columns == [
        *("series_id", "metric", "kind", "onset", "onset_low", "onset_high", "recovery"),
        *("direction", "before", "during", "effect", "p_value", "confidence"),
    ]


def test_a_column_that_is_missing_is_said():
    with pytest.raises(FrameError) as error:
        change_points(_series(_noise(10)), by=["pod"])
    assert str(error.value) == (
        "change_points needs the column pod of SERIES; the frame has timestamp, metric, series_id, value.\n"
        "Hint: obsnb.schema.SERIES lists what each column means; rename yours to match."
    )


@pytest.mark.parametrize(
    ("name", "metric", "service"),
    [
        ("slow-query", "container_cpu_usage_cores", "postgres"),
        ("datasource", "container_cpu_usage_cores", "loki"),
    ],
)
def test_a_real_incident_shows_in_the_resource_that_it_took(name, metric, service):
    it = incident(name)
    out = change_points(incident_series(name))
    resources = out.filter(pl.col("metric") == metric)
    assert resources["service"].to_list() == [service]
    row = resources.row(0, named=True)
    assert abs(row["onset"] - it.during.start) <= timedelta(seconds=60)
    assert abs(row["recovery"] - it.during.end) <= timedelta(seconds=60)


# An incident in all signals.


def _signals(name):
    it = incident(name)
    return {"logs": it.logs, "spans": it.spans, "series": incident_series(name)}


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
@pytest.mark.parametrize("only", [None, "logs", "spans", "series"])
def test_onset_and_recovery_are_found_within_a_minute_by_each_signal(name, only):
    it = incident(name)
    given = {kind: frame for kind, frame in _signals(name).items() if only in (None, kind)}
    window = TimeRange(it.baseline.start_ns, it.during.end_ns + 600 * _S)
    found = find_incident(**given, window=window)
    assert abs(found.onset_ns - it.during.start_ns) <= 60 * _S
    assert abs(found.recovery_ns - it.during.end_ns) <= 60 * _S
    assert found.onset_low <= found.onset <= found.onset_high
    assert found.confidence > 0.5
    assert found.why


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_before_and_after_an_incident_no_change_is_found(name):
    it = incident(name)
    after = TimeRange(it.during.end_ns + 120 * _S, it.during.end_ns + 540 * _S)
    assert find_incident(**_signals(name), window=it.baseline) is None
    assert find_incident(**_signals(name), window=after) is None


def test_what_had_begun_before_the_window_begins_with_it():
    it = incident("datasource")
    window = TimeRange(it.during.start_ns + 300 * _S, it.during.end_ns + 600 * _S)
    found = find_incident(**_signals("datasource"), window=window)
    assert found.onset_ns == window.start_ns
    assert abs(found.recovery_ns - it.during.end_ns) <= 60 * _S


def test_what_is_not_over_has_no_recovery():
    it = incident("slow-query")
    window = TimeRange(it.baseline.start_ns, it.during.end_ns - 300 * _S)
    found = find_incident(**_signals("slow-query"), window=window)
    assert found.recovery is None
    assert repr(found).startswith("Incident(2026-11-23T18:37:19Z")
    assert " to ongoing, confidence " in repr(found)


def test_nothing_given_or_a_window_outside_the_data_is_no_change():
    it = incident("slow-query")
    later = TimeRange(it.during.end_ns + 86_400 * _S, it.during.end_ns + 90_000 * _S)
    assert find_incident(window=later) is None
    assert find_incident(**_signals("slow-query"), window=later) is None


def test_other_systems_incidents_are_found_and_their_quiet_hours_are_not():
    missed, far = 0, 0
    for seed in range(12):
        it = simulate(seed, "failing middle" if seed % 2 else "slow leaf", services=8)
        onset = it.during.start_ns + int(it.style.active[0] * it.during.duration_ns)
        found = find_incident(
            it.logs, it.spans, it.series, window=TimeRange(it.baseline.start_ns, it.during.end_ns)
        )
        missed += found is None
        far += found is not None and abs(found.onset_ns - onset) > 60 * _S
    assert missed <= 4
    assert far <= 1
    for seed in range(8):
        it = simulate(seed, "quiet", services=8)
        window = TimeRange(it.baseline.start_ns, it.during.end_ns)
        assert find_incident(it.logs, it.spans, it.series, window=window) is None
