"""Histograms of both kinds: PromQL's answers, counters with resets, heat maps."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import obsnb
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError, UsageError
from obsnb.schema import dtype
from obsnb.sources.wire.prometheus import decode_matrix
from tests.real_prometheus import RealPrometheus, running_prometheus

RECORDED = Path(__file__).parents[1] / "recordings" / "datasource" / "prometheus"
SECOND = 1_000_000_000
QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0, -1.0, 2.0)


def classic(
    samples: dict[int, dict[str, float]], *, metric: str = "took_bucket", **labels: str
) -> pl.DataFrame:
    """SERIES of a classic histogram: second → bound → cumulative count."""
    rows = [
        {"timestamp": second * SECOND, "metric": metric, "series_id": f"id-{le}", "le": le, "value": value}
        | labels
        for second, counts in samples.items()
        for le, value in counts.items()
    ]
    return pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(dtype("time")))


def native(*samples: tuple[float, float, list[tuple[float, float, float]]]) -> pl.DataFrame:
    """SERIES of a native histogram, a sample a second: count, sum, buckets of lower, upper and count."""
    histograms = [
        {
            "count": float(count),
            "sum": float(total),
            "buckets": [
                {"boundaries": 0, "lower": float(low), "upper": float(high), "count": float(n)}
                for low, high, n in buckets
            ],
        }
        for count, total, buckets in samples
    ]
    frame = pl.DataFrame(
        {
            "timestamp": [second * SECOND for second in range(len(samples))],
            "metric": "native",
            "series_id": "n",
        },
        schema_overrides={"timestamp": pl.Int64},
    )
    return frame.with_columns(
        pl.col("timestamp").cast(dtype("time")),
        pl.lit(None, pl.Float64).alias("value"),
        pl.Series("histogram", histograms, dtype=dtype("histogram")),
    )


def values(frame: Any) -> list[float]:
    return frame["value"].to_list()  # type: ignore[no-any-return]  # polars types lists as Any


SINGLE = native((4, 5, [(0.5, 1, 1), (1, 2, 2), (2, 4, 1)]))
MIRRORED = native((4, -5, [(-4, -2, 1), (-2, -1, 2), (-1, -0.5, 1)]))
BOTH = native((8, 0, [(-4, -2, 1), (-2, -1, 2), (-1, -0.5, 1), (0.5, 1, 1), (1, 2, 2), (2, 4, 1)]))
ABOVE_ZERO = native((12, 100, [(-0.001, 0.001, 2), (0.5, 1, 2), (1, 2, 3), (4, 8, 1), (8, 16, 4)]))
BELOW_ZERO = native((12, 100, [(-16, -8, 4), (-8, -4, 1), (-2, -1, 3), (-1, -0.5, 2), (-0.001, 0.001, 2)]))
NEAR_ZERO = native((1, 0.25, [(-0.5, 0.5, 1)]))


@pytest.mark.parametrize(
    ("frame", "q", "answer"),
    [
        (SINGLE, 0.5, 1.414213562373095),
        (MIRRORED, 0.5, -1.414213562373095),
        (BOTH, 0.5, 0.5),
        (NEAR_ZERO, 0.5, 0.0),
        (ABOVE_ZERO, 1.001, math.inf),
        (ABOVE_ZERO, 1.0, 16.0),
        (ABOVE_ZERO, 0.99, 15.67072476139083),
        (ABOVE_ZERO, 0.9, 12.99603834169977),
        (ABOVE_ZERO, 0.6, 4.594793419988138),
        (ABOVE_ZERO, 0.5, 1.5874010519681994),
        (ABOVE_ZERO, 0.1, 0.0006),
        (ABOVE_ZERO, 0.0, 0.0),
        (ABOVE_ZERO, -1.0, -math.inf),
        (BELOW_ZERO, 1.0, 0.0),
        (BELOW_ZERO, 0.99, -0.00006),
        (BELOW_ZERO, 0.9, -0.0006),
        (BELOW_ZERO, 0.5, -1.5874010519681996),
        (BELOW_ZERO, 0.1, -12.996038341699768),
    ],
)
def test_quantiles_of_native_histograms_are_those_that_prometheus_3_states(
    frame: pl.DataFrame, q: float, answer: float
) -> None:
    """The answers are those of Prometheus' own acceptance tests (promqltest, native_histograms.test)."""
    found = values(obsnb.histogram_quantile(frame, q, counters=False))
    assert found == pytest.approx([answer], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("frame", "lower", "upper", "answer"),
    [
        (SINGLE, 1, 2, 0.5),
        (SINGLE, 0, 8, 1.0),
        (MIRRORED, -2, -1, 0.5),
        (NEAR_ZERO, -0.5, 0.5, 1.0),
        (BOTH, 0, 4, 0.5),
        (SINGLE, 1, math.sqrt(2), 0.25),
        (SINGLE, 2, 1, 0.0),
        (SINGLE, -math.inf, math.inf, 1.0),
    ],
)
def test_fractions_of_native_histograms_are_those_that_prometheus_3_states(
    frame: pl.DataFrame, lower: float, upper: float, answer: float
) -> None:
    found = values(obsnb.histogram_fraction(frame, lower, upper, counters=False))
    assert found == pytest.approx([answer])


@pytest.mark.parametrize("lowest", [[(-math.inf, 5, 1)], [(0, 5, 1)]])
def test_bounds_that_lie_on_no_standard_schema_are_interpolated_linearly(
    lowest: list[tuple[float, float, float]],
) -> None:
    custom = native((4, 40, [*lowest, (5, 10, 2), (10, math.inf, 1)]))
    answers = [values(obsnb.histogram_quantile(custom, q, counters=False))[0] for q in (0.1, 0.5, 1.0)]
    assert answers == [5.0 if math.isinf(lowest[0][0]) else 2.0, 7.5, 10.0]


def test_a_highest_bucket_without_an_end_is_none_of_a_standard_schema_below_the_largest_float() -> None:
    # Custom bounds may be powers of two; those of a standard schema reach infinity where floats do.
    custom = native((4, 40, [(1, 2, 1), (2, 4, 1), (4, math.inf, 2)]))
    answers = [values(obsnb.histogram_quantile(custom, q, counters=False))[0] for q in (0.125, 0.375, 0.9)]
    assert answers == [1.5, 3.0, 4.0]
    highest = native((4, 40, [(1, 2, 3), (2.0**1023, math.inf, 1)]))
    assert values(obsnb.histogram_quantile(highest, 0.375, counters=False)) == pytest.approx([2**0.5])


def test_an_empty_native_histogram_has_no_quantile_no_fraction_and_no_average() -> None:
    empty = native((0, 0, []))
    assert math.isnan(values(obsnb.histogram_quantile(empty, 0.5, counters=False))[0])
    assert math.isnan(values(obsnb.histogram_fraction(empty, 0, 1, counters=False))[0])
    assert math.isnan(values(obsnb.histogram_average(empty, counters=False))[0])
    assert values(obsnb.histogram_count(empty, counters=False)) == [0.0]


def random_histograms(count: int = 60) -> list[dict[str, float]]:
    """Bound → cumulative count: with and without +Inf, negative bounds, empty buckets and decreases."""
    rng = random.Random(20)
    found = []
    for index in range(count):
        bounds = sorted(rng.sample([-2.0, -1.0, 0.0, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0], rng.randint(1, 6)))
        counts = [float(rng.choice((0, 0, 1, 3, 20))) for _ in bounds]
        cumulative = [sum(counts[: place + 1]) for place in range(len(counts))]
        if index % 9 == 0:
            cumulative[0] += 2.0  # a decrease, as between two scrapes
        one = {repr(bound): value for bound, value in zip(bounds, cumulative, strict=True)}
        if index % 10:
            one["+Inf"] = cumulative[-1] + rng.choice((0, 2))
        found.append(one)
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Any:
    lines = ["# TYPE took_bucket gauge"]
    for index, one in enumerate(random_histograms()):
        lines += [
            f'took_bucket{{number="{index:02}",le="{le}"}} {value} 1793491200' for le, value in one.items()
        ]
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), "\n".join([*lines, "# EOF\n"])) as server:
        yield server


def ask(server: RealPrometheus, query: str) -> bytes:
    status, _, body = server.answer("GET", "/api/v1/query", {"query": [query], "time": ["1793491200"]}, {})
    assert status == 200, body
    return body


@pytest.mark.parametrize("q", QUANTILES)
def test_quantiles_of_classic_histograms_are_those_of_a_real_prometheus(
    real: RealPrometheus, q: float
) -> None:
    asked = f"histogram_quantile({q}, took_bucket)"
    answers = json.loads(ask(real, asked))["data"]["result"]
    there = {one["metric"]["number"]: float(one["value"][1]) for one in answers}
    buckets = decode_matrix(ask(real, "took_bucket"), query="took_bucket", conventions=DEFAULT)
    frame = obsnb.histogram_quantile(buckets, q, counters=False)
    here = dict(zip(frame["number"].to_list(), values(frame), strict=True))
    assert len(there) == len(random_histograms())
    assert here == pytest.approx(there, nan_ok=True)


def test_recorded_native_counters_give_the_increase_that_their_count_shows() -> None:
    body = (RECORDED / "native-histogram-raw.body").read_bytes()
    series = decode_matrix(body, query="native_latency_seconds", conventions=DEFAULT)
    counts = [one["count"] for one in series["histogram"].to_list() if one is not None]
    assert all(later >= earlier for earlier, later in pairwise(counts))
    found = obsnb.histogram_count(series)
    assert values(found) == [later - earlier for earlier, later in pairwise(counts)]
    assert found["interval_s"].to_list() == [60.0] * (len(counts) - 1)
    assert obsnb.heat_map(series)["count"].sum() == pytest.approx(counts[-1] - counts[0])


def test_what_a_server_computed_is_taken_as_it_is_without_being_told() -> None:
    body = (RECORDED / "native-histogram.body").read_bytes()
    rates = decode_matrix(
        body, query='rate(native_latency_seconds{namespace="edge"}[2m])', conventions=DEFAULT
    )
    found = obsnb.histogram_count(rates)
    assert values(found) == [one["count"] for one in rates["histogram"].to_list()]
    assert found["interval_s"].null_count() == rates.height


def test_after_a_reset_a_histogram_is_taken_whole_even_where_one_bucket_has_grown() -> None:
    series = classic({0: {"1": 5.0, "+Inf": 20.0}, 10: {"1": 7.0, "+Inf": 9.0}, 20: {"1": 8.0, "+Inf": 12.0}})
    assert values(obsnb.histogram_count(series)) == [9.0, 3.0]
    counts = obsnb.heat_map(series).select("lower", "upper", "count").rows()
    assert counts == [(0.0, 1.0, 7.0), (1.0, math.inf, 2.0), (0.0, 1.0, 1.0), (1.0, math.inf, 2.0)]


def test_a_native_histogram_that_became_coarser_is_no_reset() -> None:
    fine = (4.0, 8.0, [(1.0, 2.0, 1.0), (2.0, 4.0, 3.0)])
    coarse = (9.0, 20.0, [(1.0, 4.0, 9.0)])
    series = native(fine, coarse)
    assert values(obsnb.histogram_count(series)) == [5.0]
    assert values(obsnb.histogram_sum(series)) == [12.0]
    assert obsnb.heat_map(series).select("lower", "upper", "count").rows() == [(1.0, 4.0, 5.0)]


def test_a_classic_histogram_takes_its_sum_from_the_series_beside_it() -> None:
    buckets = classic({0: {"1": 2.0, "+Inf": 4.0}, 60: {"1": 3.0, "+Inf": 8.0}}, pod="a")
    sums = classic({0: {"": 6.0}, 60: {"": 16.0}}, metric="took_sum", pod="a")
    sums = sums.with_columns(pl.lit(None, pl.String).alias("le"))
    both = pl.concat([buckets, sums])
    found = obsnb.histogram_average(both)
    assert found.columns == ["timestamp", "series_id", "interval_s", "metric", "pod", "value"]
    assert found.select("series_id", "metric", "pod", "value").rows() == [("id-+Inf", "took", "a", 2.5)]
    assert math.isnan(values(obsnb.histogram_average(buckets))[0])


def test_a_heat_map_adds_up_by_intervals() -> None:
    series = classic({second: {"1": second * 1.0, "+Inf": second * 3.0} for second in range(0, 130, 10)})
    found = obsnb.heat_map(series, every="1m")
    assert found.schema == {
        "timestamp": pl.Datetime("ns", "UTC"),
        "metric": pl.String,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "count": pl.Float64,
    }
    assert found["count"].to_list() == [50.0, 100.0, 60.0, 120.0, 10.0, 20.0]


def test_a_heat_map_does_not_add_up_rates() -> None:
    rates = classic({0: {"1": 1.0, "+Inf": 2.0}}, metric="rate(took_bucket[1m])")
    with pytest.raises(UsageError) as raised:
        obsnb.heat_map(rates, every="1m")
    assert str(raised.value) == (
        "heat_map(every=...) adds up counts, and this frame holds histograms taken as they are.\n"
        "Hint: Ask for the counters themselves, such as x_bucket without rate(), or leave every= out."
    )


def test_a_frame_without_histograms_is_refused_with_what_to_ask_for() -> None:
    with pytest.raises(FrameError) as raised:
        obsnb.histogram_quantile(classic({0: {"1": 1.0}}).drop("le"), 0.5)
    assert str(raised.value) == (
        "histogram_quantile needs histograms; the frame has neither a histogram column nor a label le.\n"
        "Hint: Ask for a native histogram, or for a classic one's buckets: "
        "obs.metrics('rate(x_bucket[1m])', ...)."
    )


@pytest.mark.parametrize("kind", ["pandas", "pyarrow"])
def test_other_peoples_frames_come_back_as_their_kind(kind: str) -> None:
    series = classic({0: {"1": 2.0, "+Inf": 4.0}})
    given_frame = series.to_pandas() if kind == "pandas" else series.to_arrow()
    found = obsnb.histogram_quantile(given_frame, 0.5, counters=False)
    assert type(found).__module__.split(".")[0] == kind
    assert found["value"].tolist() == [1.0] if kind == "pandas" else found["value"].to_pylist() == [1.0]


counted = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any)


@given(counted, st.floats(0, 1), st.sampled_from(["native", "classic"]))
def test_the_fraction_up_to_a_quantile_is_the_quantile(counts: list[int], q: float, kind: str) -> None:
    if kind == "native":
        buckets = [(2.0**i, 2.0 ** (i + 1), float(n)) for i, n in enumerate(counts)]
        series = native((float(sum(counts)), 1.0, buckets))
    else:
        cumulative = {repr(float(i + 1)): float(sum(counts[: i + 1])) for i in range(len(counts))}
        series = classic({0: cumulative | {"+Inf": float(sum(counts))}})
    at = values(obsnb.histogram_quantile(series, q, counters=False))[0]
    if math.isnan(at):  # the rank 0 in an empty first bucket of a classic histogram
        assert (kind, counts[0], q) == ("classic", 0, 0)
        return
    assert values(obsnb.histogram_fraction(series, -math.inf, at, counters=False))[0] == pytest.approx(q)


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=8))
def test_increases_add_up_to_what_was_counted(steps: list[list[int]]) -> None:
    reached, samples = [0, 0, 0], {0: {"1": 0.0, "2": 0.0, "+Inf": 0.0}}
    for index, step in enumerate(steps):
        reached = [old + new for old, new in zip(reached, step, strict=True)]
        samples[index + 1] = {
            "1": float(reached[0]),
            "2": float(reached[0] + reached[1]),
            "+Inf": float(sum(reached)),
        }
    found = obsnb.heat_map(classic(samples)).group_by("lower").agg(pl.col("count").sum()).sort("lower")
    assert found["count"].to_list() == [float(count) for count in reached]
