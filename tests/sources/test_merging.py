"""Answers of several sources as one: every row there, in order, and told from its like elsewhere."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.schema import EVENTS, digest
from obsnb.sources.base import Answer
from obsnb.sources.merging import absent, marked, merged
from tests.archive.conftest import answer, exemplars, logs, series, spans

hexes = st.text("0123456789abcdef", min_size=16, max_size=16)
ids = st.lists(hexes | st.text(max_size=20), min_size=1, max_size=8)


def of(source: str, frame: pl.DataFrame, kind: str = "logs", **more: object) -> Answer:
    return marked(answer(kind, "q", frame, source=source, **more))


def with_ids(texts: list[str]) -> pl.DataFrame:
    return logs(*texts).with_columns(row_id=pl.Series(texts, dtype=pl.String))


@settings(max_examples=30)
@given(ids)
def test_ids_of_one_source_stay_equal_where_they_were_and_are_the_same_again(texts: list[str]) -> None:
    first, again = of("loki.eu", with_ids(texts)), of("loki.eu", with_ids(texts))
    made = first.frame["row_id"].to_list()
    assert made == again.frame["row_id"].to_list()
    assert all(len(one) == 16 for one in made)
    assert [texts.index(text) for text in texts] == [made.index(one) for one in made]


@settings(max_examples=30)
@given(ids)
def test_an_id_does_not_depend_on_the_others_beside_it(texts: list[str]) -> None:
    together = of("loki.eu", with_ids(texts)).frame["row_id"].to_list()
    assert together == [of("loki.eu", with_ids([text])).frame["row_id"][0] for text in texts]


@settings(max_examples=30)
@given(ids)
def test_ids_of_two_sources_are_never_equal(texts: list[str]) -> None:
    one, other = of("loki.eu", with_ids(texts)), of("loki.us", with_ids(texts))
    assert not set(one.frame["row_id"]) & set(other.frame["row_id"])


@settings(max_examples=30)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=2, max_size=4))
def test_every_line_of_every_source_is_there_in_order_of_time(each: list[list[str]]) -> None:
    parts = [of(f"loki.{i}", logs(*lines)) for i, lines in enumerate(each)]
    whole = merged(parts)
    wanted = Counter((f"loki.{i}", line) for i, lines in enumerate(each) for line in lines)
    assert Counter(whole.frame.select("source", "line").rows()) == wanted
    assert whole.frame["timestamp"].is_sorted()
    assert whole.frame["row_id"].n_unique() == whole.frame.height
    assert (whole.record.rows, whole.record.digest) == (whole.frame.height, digest(whole.frame))
    assert [part.record.source for part in whole.parts] == [f"loki.{i}" for i in range(len(each))]


def test_columns_are_the_core_then_the_source_then_labels_then_fields() -> None:
    us = logs("x").rename({"namespace": "zone"})
    whole = merged([of("loki.eu", logs("a")), of("loki.us", us)]).frame
    assert whole.columns[8:] == ["source", "namespace", "zone", "metadata.pod"]
    assert whole["zone"].to_list() == [None, "shop"]


def test_a_histogram_and_series_come_one_source_after_another() -> None:
    whole = merged(
        [of("prometheus.eu", series(1, 2), "series"), of("prometheus.us", series(3), "series")]
    ).frame
    assert whole["value"].to_list() == [1.0, 2.0, 3.0]
    assert whole["series_id"].n_unique() == 2


def test_exemplars_come_in_order_of_time() -> None:
    parts = [of(f"prometheus.{i}", exemplars(*at), "exemplars") for i, at in enumerate([(1, 5), (3,)])]
    assert merged(parts).frame["source"].to_list() == ["prometheus.0", "prometheus.1", "prometheus.0"]


def test_spans_of_one_id_that_differ_in_something_else_both_stay() -> None:
    server = spans((1, 0))
    client = server.with_columns(name=pl.lit("another"))
    assert merged([of("tempo.eu", server, "spans"), of("tempo.us", client, "spans")]).frame.height == 2
    assert merged([of("tempo.eu", server, "spans"), of("tempo.us", server, "spans")]).frame.height == 1


def test_events_keep_the_source_that_they_have() -> None:
    frame = EVENTS.empty()
    assert of("grafana", frame, "events").frame.columns == frame.columns


@pytest.mark.parametrize(
    ("verdicts", "complete", "reason"),
    [
        (("yes", "yes"), "yes", "all of it came"),
        (("yes", "unknown"), "unknown", "loki.1: all of it came"),
        (("no", "unknown"), "no", "loki.0: all of it came; loki.1: all of it came"),
    ],
)
def test_the_whole_is_as_complete_as_the_least(verdicts: tuple[str, str], complete: str, reason: str) -> None:
    parts = [of(f"loki.{i}", logs("a"), complete=one) for i, one in enumerate(verdicts)]
    record = merged(parts).record
    assert (record.complete, record.reason, record.source) == (complete, reason, "loki.0, loki.1")
    assert (record.pages, record.requests, record.bytes) == (2, 2, 18)


def test_a_source_without_an_answer_has_the_columns_and_no_rows() -> None:
    eu = of("loki.eu", logs("a"))
    us = absent(eu.record, "loki.us", "it broke", complete="no", marks=True)
    assert us.frame.columns == [*eu.frame.columns[:8], "source"]
    assert (us.record.source, us.record.rows, us.record.requests, us.record.complete) == (
        "loki.us",
        0,
        0,
        "no",
    )
    assert merged([us, eu]).frame["line"].to_list() == ["a"]
