"""Hit rates: of counters in the forms that exporters have, of log lines, against a baseline."""

import polars as pl
import pytest

import obsnb
from obsnb.analysis.caches import cache_drops
from obsnb.timerange import TimeRange
from tests.analysis.lines import lines_of, samples_of

_S = 10**9
_BEFORE, _DURING = TimeRange(0, 180 * _S), TimeRange(180 * _S, 360 * _S)


def _total(frame):
    sums = frame.group_by("cache").agg(pl.col("hits", "misses").sum()).sort("cache")
    return {cache: (hits, misses) for cache, hits, misses in sums.rows()}


@pytest.mark.parametrize(
    ("series", "cache"),
    [
        (
            [
                samples_of("cache_lookups_total", [0, 8], result="hit"),
                samples_of("cache_lookups_total", [0, 2], result="miss"),
            ],
            "cache_lookups",
        ),
        (
            [
                samples_of("cache_gets_total", [0, 8], result="hit", cache="books"),
                samples_of("cache_gets_total", [0, 2], result="miss", cache="books"),
            ],
            "books",
        ),
        (
            [
                samples_of("redis_keyspace_hits_total", [0, 8]),
                samples_of("redis_keyspace_misses_total", [0, 2]),
            ],
            "redis_keyspace",
        ),
        (
            [
                samples_of("pg_stat_database_blks_hit", [0, 8], datname="shop"),
                samples_of("pg_stat_database_blks_read", [0, 2], datname="shop"),
            ],
            "shop",
        ),
        (
            [samples_of("my_cache_hits_total", [0, 8]), samples_of("my_cache_requests_total", [0, 10])],
            "my_cache",
        ),
    ],
    ids=["label", "micrometer", "redis", "postgres", "hits of all"],
)
def test_the_counters_that_exporters_have_are_read_alike(series, cache):
    out = obsnb.cache_hit_rates(pl.concat(series, how="diagonal"))
    assert _total(out) == {cache: (8, 2)}
    assert out["rate"].to_list() == [0.8]
    assert out["evidence"][0].to_list()[0].endswith(f"@{60 * _S}")


def test_a_size_is_no_count_of_look_ups_and_a_lone_counter_of_hits_is_no_rate():
    series = pl.concat([samples_of("cache_size", [5, 3, 9]), samples_of("other_cache_hits_total", [0, 3, 9])])
    assert obsnb.cache_hit_rates(series).height == 0


def test_lines_and_fields_that_tell_of_a_look_up_are_counted():
    out = obsnb.cache_hit_rates(
        None,
        lines_of(
            [
                "cache hit key=1",
                "cache miss for x",
                '{"cache.result":"hit","cache.name":"geo"}',
                "upstream_cache_status=MISS cache=edge",
                "cache cleared",
                None,
            ]
        ),
    )
    assert _total(out) == {None: (1, 1), "edge": (0, 1), "geo": (1, 0)}


def _counted(hits, misses):
    return pl.concat(
        [
            samples_of("lru_cache_total", hits, outcome="hit"),
            samples_of("lru_cache_total", misses, outcome="miss"),
        ]
    )


def test_a_rate_that_fell_is_told_with_both_numbers_at_its_first_low_interval():
    series = _counted([0, 90, 180, 270, 280, 290, 300], [0, 10, 20, 30, 120, 210, 300])
    out = obsnb.cache_hit_rates(series, during=_DURING, baseline=_BEFORE)
    assert out["fell"].unique().to_list() == [True]
    assert out["before"][0] == pytest.approx(0.9)
    assert out["within"][0] == pytest.approx(0.1)
    (event,) = cache_drops(out, during=_DURING).to_dicts()
    assert event["title"] == "hit rate of lru_cache fell from 90.0 % to 10.0 %"
    assert event["timestamp"].timestamp() == 240


def test_a_cache_that_missed_half_and_more_before_has_fallen_where_its_hits_halved():
    series = _counted([0, 40, 80, 120, 130, 140, 150], [0, 60, 120, 180, 270, 360, 450])
    out = obsnb.cache_hit_rates(series, during=_DURING, baseline=_BEFORE)
    assert (out["before"][0], out["within"][0]) == (pytest.approx(0.4), pytest.approx(0.1))
    assert out["fell"].unique().to_list() == [True]
    milder = _counted([0, 40, 80, 120, 150, 180, 210], [0, 60, 120, 180, 250, 320, 390])
    assert obsnb.cache_hit_rates(milder, during=_DURING, baseline=_BEFORE)["fell"].unique().to_list() == [
        False
    ]


def test_a_rate_that_stayed_has_not_fallen_and_without_a_baseline_nobody_knows():
    series = _counted([0, 90, 180, 270, 360, 450], [0, 10, 20, 30, 40, 50])
    assert obsnb.cache_hit_rates(series, during=_DURING, baseline=_BEFORE)["fell"].unique().to_list() == [
        False
    ]
    alone = obsnb.cache_hit_rates(series, during=_DURING)
    assert alone["fell"].unique().to_list() == [None]
    assert cache_drops(alone, during=_DURING).height == 0


@pytest.mark.parametrize("series", [None, _counted([], []), _counted([3], [1]), samples_of("up", [1, 1])])
def test_nothing_counted_gives_an_empty_frame_with_every_column(series):
    out = obsnb.cache_hit_rates(series, lines_of([]), during=_DURING, baseline=_BEFORE)
    assert out.shape == (0, 11)
    assert cache_drops(out, during=_DURING).height == 0


def test_a_restarted_process_is_no_negative_count():
    assert _total(obsnb.cache_hit_rates(_counted([50, 60, 5], [5, 6, 1]))) == {"lru_cache": (15, 2)}


def test_the_labs_cache_has_a_rate_every_minute():
    inv = obsnb.investigate(obsnb.open_archive("lab-slow-query"))
    out = inv.cache_hit_rates()
    assert out["cache"].unique().to_list() == ["cache_lookups"]
    assert out.height >= 7
    assert out["fell"].unique().to_list() == [False]
