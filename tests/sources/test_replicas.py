"""Highly available pairs: what both replicas scraped is counted once, and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.settings.endpoint import REPLICA_LABELS
from obsnb.sources.prometheus import Prometheus
from obsnb.sources.replicas import Replicas, folded
from obsnb.sources.wire.prometheus import series_id
from obsnb.timerange import TimeRange
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import PrometheusStandIn, Recorded

SECOND = 1_000_000_000
START = 1_795_458_000
WINDOW = TimeRange(START * SECOND, (START + 600) * SECOND)
CENSUS = "count by (prometheus_replica, __replica__, receive_replica, replica) (up)"


def series(name: str, values: Sequence[float | None], *, shift: int = 0, **labels: str) -> Recorded:
    first = START * 1_000 + shift
    points = {first + 15_000 * i: str(v) for i, v in enumerate(values) if v is not None}
    return Recorded({"__name__": name, **labels}, first, 15_000, points)


def asking(
    held: Sequence[Recorded], *, labels: tuple[str, ...] = REPLICA_LABELS, **answers: Sequence[Recorded]
) -> Prometheus:
    standin = PrometheusStandIn(held, derived=answers)
    return Prometheus(DirectTransport(standin), conventions=DEFAULT, replica_labels=labels)


def test_series_of_two_replicas_come_as_one_whose_gaps_the_other_fills() -> None:
    pair = [
        series("m", [1, 2, None, 4, 5], job="x", prometheus_replica="a"),
        series("m", [10, None, 30, 40, None], job="x", prometheus_replica="b"),
        series("m", [7], job="y", prometheus_replica="a"),
    ]
    answer = asking(pair).series("m", WINDOW, step_ns=15 * SECOND)
    told = answer.frame.filter(pl.col("job") == "x")
    assert told["value"].to_list() == [1, 2, 30, 4, 5]
    assert told["series_id"].unique().to_list() == [series_id("m", {"job": "x"})]
    assert answer.record.warnings == (
        "obsnb: 1 series of further replicas (prometheus_replica: a, b) were folded into 1",
    )
    assert answer.record.complete == "yes"
    # What only one of them has keeps its label: it was not counted twice.
    assert answer.frame.filter(pl.col("job") == "y")["prometheus_replica"].to_list() == ["a"]


def test_an_exemplar_that_both_replicas_scraped_comes_once() -> None:
    def exemplar(at_s: float, value: str, **labels: str) -> dict[str, object]:
        return {"labels": labels, "value": value, "timestamp": START + at_s}

    def of(replica: str, *each: dict[str, object]) -> dict[str, object]:
        labels = {"__name__": "m_bucket", "le": "1", "prometheus_replica": replica}
        return {"seriesLabels": labels, "exemplars": each}

    seen, late = exemplar(1, "0.5", trace_id="ab"), exemplar(3.25, "0.5", trace_id="ab")
    others = [exemplar(2, "0.7", trace_id="cd"), exemplar(4, "0.9"), exemplar(5, "0.9")]
    standin = PrometheusStandIn([], exemplars=[of("a", seen, *others), of("b", late)])
    transport = DirectTransport(standin)
    source = Prometheus(transport, conventions=DEFAULT, replica_labels=REPLICA_LABELS)
    answer = source.exemplars("m_bucket", WINDOW)
    ms = (answer.frame["timestamp"].to_physical() // 10**6 - START * 1_000).to_list()
    assert list(zip(ms, answer.frame["value"], strict=True)) == [
        (1_000, 0.5),
        (2_000, 0.7),
        (4_000, 0.9),
        (5_000, 0.9),
    ]
    assert "prometheus_replica" not in answer.frame.columns
    assert answer.record.warnings == (
        "obsnb: 1 exemplars of further replicas (prometheus_replica) are left out",
    )
    assert (answer.record.complete, answer.record.rows) == ("yes", 4)
    plain = Prometheus(transport, conventions=DEFAULT).exemplars("m_bucket", WINDOW)
    assert plain.frame.height == 5


def test_it_can_be_switched_off() -> None:
    pair = [series("m", [1, 2], prometheus_replica=name) for name in "ab"]
    answer = asking(pair, labels=()).series("m", WINDOW, step_ns=15 * SECOND)
    assert (answer.frame.height, answer.record.warnings) == (4, ())


def test_raw_samples_of_another_replica_fill_only_what_the_fullest_lacks() -> None:
    pair = [
        series("m", [1, 2, None, None, None, 6, 7, 8], prometheus_replica="a"),
        series("m", [11, 12, 13, 14, 15, None], shift=7_000, prometheus_replica="b"),
    ]
    answer = asking(pair).samples("m", WINDOW)
    assert answer.frame["value"].to_list() == [1, 2, 13, 14, 6, 7, 8]


@pytest.mark.parametrize("known", [None, Replicas("prometheus_replica", {"a": 1, "b": 1})])
def test_replicas_of_something_else_are_left_alone(known: Replicas | None) -> None:
    frame = (
        asking([series("lag", [n], replica=str(n)) for n in (1, 2)], labels=())
        .series("lag", WINDOW, step_ns=15 * SECOND)
        .frame
    )
    kept, said = folded(frame, REPLICA_LABELS, known)
    assert kept.equals(frame)
    assert said == []
    kept, said = folded(frame, REPLICA_LABELS, Replicas("replica", {"1": 3, "2": 3}))
    assert kept["value"].to_list() == [1.0]
    assert "replica" not in kept.columns


PAIR = [
    {"metric": {"prometheus_replica": name}, "value": [0, count]} for name, count in (("a", "2"), ("b", "3"))
]
ONE = 'sum(m{prometheus_replica="b"})'
SAID = ("obsnb: every series is there once a replica (prometheus_replica): asked of b alone, not of a",)


@pytest.mark.parametrize(
    ("query", "census", "sent", "said"),
    [
        ("sum(m)", PAIR, ONE, SAID),
        ("sum(m)", PAIR[:1], "sum(m)", ()),
        ("sum(m)", [*PAIR, {"metric": {}, "value": [0, "1"]}], "sum(m)", ()),  # some targets are in no pair
        ("sum(m)", [], "sum(m)", ()),
        ("max without (prometheus_replica) (m)", PAIR, "max without (prometheus_replica) (m)", ()),
    ],
)
def test_what_is_added_up_is_asked_of_the_fullest_replica_alone(
    query: str, census: Sequence[Mapping[str, object]], sent: str, said: tuple[str, ...]
) -> None:
    standin = PrometheusStandIn(
        derived={query: [series("", [2.0])], ONE: [series("", [1.0])]},
        instants={(CENSUS, (START + 600) * 1_000 - 1): {"resultType": "vector", "result": census}},
    )
    source = Prometheus(DirectTransport(standin), conventions=DEFAULT, replica_labels=REPLICA_LABELS)
    record = source.series(query, WINDOW, step_ns=15 * SECOND).record
    assert (record.asked, record.query, record.warnings) == (query, sent, said)
    assert record.complete == "yes"


def test_where_the_server_does_not_tell_of_replicas_the_query_is_asked_as_it_is() -> None:
    standin = PrometheusStandIn(
        derived={"sum(m)": [series("", [2.0])]}, refusals={CENSUS: (422, "execution", "no")}
    )
    source = Prometheus(DirectTransport(standin), conventions=DEFAULT, replica_labels=REPLICA_LABELS)
    record = source.series("sum(m)", WINDOW, step_ns=15 * SECOND).record
    assert (record.query, record.warnings, record.complete) == ("sum(m)", (), "yes")


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=8), min_size=2, max_size=4
    )
)
def test_a_fold_has_each_moment_that_any_replica_has_once(values: list[list[int | None]]) -> None:
    pair = [
        series("m", [v if v is None else v * 10 + n for v in one], prometheus_replica=str(n))
        for n, one in enumerate(values)
    ]
    frame = asking(pair).series("m", WINDOW, step_ns=15 * SECOND).frame
    there = {place for one in values for place, value in enumerate(one) if value is not None}
    assert (frame["timestamp"].cast(pl.Int64) // SECOND - START).to_list() == [
        15 * place for place in sorted(there)
    ]


def test_samples_as_far_apart_as_downsampled_ones_are_said_to_be() -> None:
    sparse = [
        Recorded({"__name__": "m"}, START * 1_000, 300_000, {(START + s) * 1_000: "1" for s in (0, 300)})
    ]
    assert asking(sparse).samples("m", WINDOW).record.warnings == (
        "obsnb: the samples lie 300 s apart, as downsampled ones do: what was between is not in them, and a "
        "range needs more than 600 s to hold two",
    )
