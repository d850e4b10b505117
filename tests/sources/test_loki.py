"""Every line exactly once, or a plain word that it is not: Loki, recorded and made up."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError, SourceError
from obsnb.instants import now_ns
from obsnb.schema import LOGS
from obsnb.settings import Endpoint
from obsnb.sources.base import LogSource
from obsnb.sources.loki import Loki
from obsnb.timerange import TimeRange
from obsnb.transport.http import HttpTransport
from tests.sources.asking_loki import EDGE, INCIDENT, PLAIN, PROD, RECORDINGS, SECOND, T0, loki, truth
from tests.standin.loki import LokiStandIn, Row, body_of, rows_of
from tests.standin.serving import serving


def came(answer):
    """Each line as (ns, labels, line, metadata), so often as it came."""
    frame = answer.frame.with_columns(
        pl.col("timestamp").to_physical(), pl.col(pl.Categorical).cast(pl.String)
    )
    labels = [name for name in frame.columns[8:] if not name.startswith(("metadata.", "parsed."))]
    fields = [name for name in frame.columns if name.startswith("metadata.")]
    return Counter(
        (
            row["timestamp"],
            tuple((name.removeprefix("label."), row[name]) for name in labels if row[name] is not None),
            row["line"],
            tuple((name.removeprefix("metadata."), row[name]) for name in fields if row[name] is not None),
        )
        for row in frame.to_dicts()
    )


def there(rows, window):
    return Counter(
        (row.ns, tuple(sorted(row.stream)), row.line, tuple(sorted(row.metadata)))
        for row in rows
        if row.ns in window
    )


def test_it_is_a_source_of_logs(slow_query):
    source: LogSource = loki(slow_query)
    assert source.name == "loki"
    assert repr(source) == "Loki('loki')"


@pytest.mark.parametrize("page_limit", [5_000, 777])
@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_every_line_of_an_incident_comes_once_whatever_the_page_size(name, page_limit):
    told, window = truth(name)
    stand_in = LokiStandIn.from_recordings(RECORDINGS / name / "loki")
    answer = loki(stand_in, page_limit=page_limit).logs(f'{{namespace="{told["namespace"]}"}}', window)
    assert answer.frame.height == told["log_lines"] == answer.record.rows
    assert answer.frame["row_id"].n_unique() == told["log_lines"]
    assert answer.frame["timestamp"].is_sorted()
    assert answer.record.complete == "yes"
    assert answer.record.reason == (
        "every page ended before its limit, or was followed from its last timestamp on"
    )
    assert answer.record.pages >= told["log_lines"] / page_limit
    ideal = told["log_lines"] / page_limit
    assert answer.record.requests <= 2 * ideal + 10


def test_over_http_and_several_at_once_it_is_the_same_frame(slow_query):
    with serving(slow_query) as url:
        transport = HttpTransport(Endpoint("loki", "loki", url, parallel=4))
        answer = Loki(transport, conventions=DEFAULT, page_limit=1_000).logs(PROD, INCIDENT)
        transport.close()
    assert answer.frame.equals(loki(slow_query).logs(PROD, INCIDENT).frame)
    assert answer.record.complete == "yes"
    assert answer.record.bytes > 10_000_000


def test_the_frame_and_its_digest_do_not_depend_on_how_it_was_paged(slow_query):
    window = TimeRange(T0 - 300 * SECOND, T0)
    answers = [loki(slow_query, page_limit=n).logs(PROD, window) for n in (5_000, 97)]
    assert answers[0].frame.equals(answers[1].frame)
    assert answers[0].record.digest == answers[1].record.digest


def test_the_window_starts_inclusive_and_ends_exclusive_to_the_nanosecond(slow_query):
    query = '{namespace="edge", case="nanoseconds"}'
    frame = loki(slow_query, page_limit=3).logs(query, TimeRange(T0 + 12, T0 + 20)).frame
    assert frame["timestamp"].to_physical().to_list() == list(range(T0 + 12, T0 + 20))
    assert frame["line"].to_list() == [f"ns {n}" for n in range(2, 10)]


def test_seven_hundred_lines_in_one_nanosecond_come_whole_at_a_page_of_a_hundred(slow_query):
    answer = loki(slow_query, page_limit=100).logs('{namespace="edge", case="ties"}', EDGE)
    assert answer.frame["timestamp"].to_physical().to_list() == [T0] * 700 + [T0 + 1]
    assert answer.frame["line"].n_unique() == 701
    assert answer.record.complete == "yes"


def test_equal_lines_of_two_streams_are_two_lines(slow_query):
    frame = loki(slow_query).logs('{namespace="edge", case=~"equal-.*"}', EDGE).frame
    assert frame["line"].to_list() == ["same line, other stream"] * 2
    assert frame["case"].to_list() == ["equal-a", "equal-b"]
    assert frame["row_id"].n_unique() == 2


def test_control_characters_hostile_text_and_very_long_lines_come_as_they_are(slow_query):
    lines = loki(slow_query).logs('{namespace="edge", case="text"}', EDGE).frame["line"].to_list()
    assert lines[0] == ""
    assert "nul \x00 byte" in lines
    assert "\x1b[31mERROR\x1b[0m ansi" in lines
    assert '<script>alert("x")</script><img src=x onerror=alert(1)>' in lines
    assert max(len(line) for line in lines) == 100_000


def test_label_values_keep_their_quotes_and_metadata_stays_apart_from_labels(slow_query):
    labels = loki(slow_query).logs('{namespace="edge", case="labels"}', EDGE).frame.row(0, named=True)
    assert labels["quote"] == 'a "quoted" \\ value'
    assert labels["unicode"] == "größe"
    shadow = loki(slow_query).logs('{namespace="edge", case="metadata"}', EDGE).frame
    assert shadow["namespace"].unique().to_list() == ["edge"]
    assert shadow["metadata.namespace_extracted"].unique().to_list() == ["shadowed"]
    assert shadow["metadata.level"].unique().to_list() == ["shadow"]
    assert shadow["trace_id"].to_list() == [f"{n:032d}" for n in range(5)]


def test_core_columns_are_derived_and_the_raw_ones_stand_beside_them(slow_query):
    frame = loki(slow_query).logs(f'{PROD} |= "Slow query"', INCIDENT).frame
    assert frame.columns == [
        *LOGS.names,
        *("label.level", "namespace", "pod", "service_name", "metadata.detected_level", "metadata.trace_id"),
    ]
    assert frame["level"].unique().to_list() == ["warning"]
    assert frame["metadata.detected_level"].unique().to_list() == ["warn"]
    assert frame["service"].equals(frame["service_name"].alias("service"))
    assert frame["trace_id"].str.contains("^[0-9a-f]{32}$").all()


def test_lines_that_a_parser_rejects_are_there_with_its_error(slow_query):
    path = RECORDINGS / "otlp-and-tenants" / "loki" / "otlp-logs.body"
    stand_in = LokiStandIn(list(rows_of(body_of(path))))
    window = TimeRange(1_795_464_035 * SECOND, 1_795_464_050 * SECOND)
    frame = loki(stand_in).logs('{service_name="orders"} | json', window).frame
    assert frame.height == len(stand_in.rows)
    assert frame["parsed.__error__"].unique().to_list() == ["JSONParserErr"]


def test_a_limit_gives_exactly_the_first_or_last_lines_and_is_said(slow_query):
    source = loki(slow_query, page_limit=500)
    everything = source.logs(PROD, INCIDENT).frame
    first = source.logs(PROD, INCIDENT, limit=1_234)
    last = source.logs(PROD, INCIDENT, limit=1_234, direction="backward")
    assert first.frame["row_id"].to_list() == everything["row_id"].head(1_234).to_list()
    assert last.frame["row_id"].to_list() == everything["row_id"].tail(1_234).to_list()
    assert first.record.selection == "the first 1,234 lines, as the limit asked"
    assert last.record.selection == "the last 1,234 lines, as the limit asked"
    assert first.record.params == {"limit": 1_234, "direction": "forward"}
    assert (first.record.complete, first.record.requests) == ("yes", 3)


def test_a_limit_that_is_not_reached_selects_nothing(slow_query):
    record = loki(slow_query).logs('{namespace="edge", case="labels"}', EDGE, limit=10).record
    assert (record.rows, record.selection, record.complete) == (1, None, "yes")
    assert record.reason == "as many lines as the limit asked for, or all there are"


def test_backward_without_a_limit_is_the_same_frame(slow_query):
    source = loki(slow_query, page_limit=97)
    window = TimeRange(T0 - 60 * SECOND, T0)
    assert source.logs(PROD, window, direction="backward").frame.equals(source.logs(PROD, window).frame)


def test_lines_of_one_nanosecond_and_stream_keep_their_order_in_both_directions():
    backend = LokiStandIn([Row(T0, (("app", "a"),), f"{n:02d}") for n in (3, 1, 4, 15, 9, 2, 6)])
    for direction in ("forward", "backward"):
        frame = loki(backend).logs('{app="a"}', EDGE, limit=5, direction=direction).frame
        kept = ["03", "01", "04", "15", "09", "02", "06"]
        assert frame["line"].to_list() == (kept[:5] if direction == "forward" else kept[2:])


def test_a_limit_below_one_is_refused_before_anything_is_sent(slow_query):
    source = loki(slow_query)
    with pytest.raises(QueryError) as caught:
        source.logs(PROD, EDGE, limit=0)
    assert str(caught.value) == (
        f"A limit of 0 lines gives none.\n  query:  {PROD}\nHint: Leave it out to get all lines."
    )
    assert not source.transport.requests


def test_a_limit_may_ask_for_some_of_more_than_the_profile_allows(slow_query):
    answer = loki(slow_query, max_rows=1_000).logs(PROD, INCIDENT, limit=1_500)
    assert answer.frame.height == 1_500


_STREAMS = [
    (("app", "a"),),
    (("app", "a"), ("pod", "1")),
    (("app", "a"), ("pod", 'quoted "2" \\ \n{}')),
    (("app", "a"), ("level", "größe"), ("pod", "1")),
]
_ROWS = st.lists(
    st.builds(
        Row,
        ns=st.integers(0, 40).map(lambda n: T0 + n),
        stream=st.sampled_from(_STREAMS),
        line=st.sampled_from(["x", "y", "", "é\x00"]),
        metadata=st.sampled_from([(), (("k", "1"),), (("k", "2"), ("trace_id", "AB"))]),
    ),
    max_size=70,
)
_DIRECTIONS = st.sampled_from(["forward", "backward"])


@settings(max_examples=120, deadline=None)
@given(
    _ROWS,
    st.integers(1, 12),
    st.integers(1, 12),
    st.tuples(st.integers(0, 30), st.integers(1, 30)),
    st.none() | st.integers(0, 10**7),
    _DIRECTIONS,
)
def test_for_any_lines_page_size_window_and_slicing_what_is_there_comes_once_or_is_said_missing(
    rows, page_limit, most, window, estimate, direction
):
    def guess(path, params):
        if not path.endswith("stats"):
            return None
        return (404, PLAIN, b"") if estimate is None else (200, {}, b'{"entries":%d}' % estimate)

    backend = LokiStandIn(rows, most=most, before=guess)
    where = TimeRange(T0 + window[0], T0 + sum(window))
    answer = loki(backend, page_limit=page_limit).logs('{app="a"}', where, direction=direction)
    held = there(backend.rows, where)
    assert not came(answer) - held
    if answer.record.complete == "yes":
        assert came(answer) == held
    else:
        assert answer.record.complete == "no"
        crowds = Counter((ns, stream) for ns, stream, *_ in held.elements())
        assert max(crowds.values()) >= most


@settings(max_examples=80, deadline=None)
@given(_ROWS, st.integers(1, 12), st.integers(1, 70), _DIRECTIONS)
def test_for_any_lines_a_limit_gives_just_so_many_from_its_end(rows, page_limit, count, direction):
    backend = LokiStandIn(rows)
    window = TimeRange(T0, T0 + 100)
    source = loki(backend, page_limit=page_limit)
    answer = source.logs('{app="a"}', window, limit=count, direction=direction)
    times = sorted(row.ns for row in backend.rows)
    wanted = times[:count] if direction == "forward" else times[-count:]
    assert answer.frame["timestamp"].to_physical().to_list() == wanted
    assert not came(answer) - there(backend.rows, window)


def test_a_window_that_reaches_into_the_present_is_not_called_complete():
    now = now_ns()
    backend = LokiStandIn([Row(now - SECOND, (("app", "a"),), "x")])
    record = loki(backend).logs('{app="a"}', TimeRange(now - 60 * SECOND, now)).record
    assert (record.rows, record.complete) == (1, "unknown")
    assert record.reason == (
        "the window ends less than 30 s before it was asked, when lines may still be on their way"
    )


def test_nothing_found_is_an_empty_frame_with_every_core_column(slow_query):
    answer = loki(slow_query).logs('{namespace="nowhere"}', EDGE)
    assert answer.frame.equals(LOGS.empty())
    assert answer.record.complete == "yes"


class Watch:
    def __init__(self):
        self.told, self.closed = [], 0

    def update(self, *, done, rows, bytes):
        self.told.append((done, rows, bytes))

    def close(self):
        self.closed += 1


def test_progress_is_told_page_by_page_and_closed_well_or_not(slow_query):
    watch = Watch()
    answer = loki(slow_query, page_limit=500).logs(PROD, INCIDENT, progress=watch)
    assert len(watch.told) == answer.record.pages
    assert watch.told[-1] == (1.0, 33_356, answer.record.bytes)
    assert watch.closed == 1
    with pytest.raises(SourceError):
        loki(slow_query).logs("{a=b}", EDGE, progress=watch)
    assert watch.closed == 2


def test_labels_and_their_values_are_those_of_the_window(slow_query):
    source = loki(slow_query)
    assert source.labels(EDGE) == ["case", "namespace", "quote", "service_name", "unicode"]
    assert source.label_values("namespace", EDGE) == ["edge"]
    assert "shop-prod" in source.label_values("namespace", INCIDENT)


def test_labels_that_cannot_be_had_are_an_error_with_the_window():
    backend = LokiStandIn(before=lambda path, _: (503, PLAIN, b"empty ring"))
    with pytest.raises(SourceError) as caught:
        loki(backend).labels(EDGE)
    assert str(caught.value) == (
        "loki answered 503: it is not ready.\n"
        "  window: 2026-11-23T19:03:19Z to 2026-11-23T19:03:19.001Z\n"
        "  server: empty ring\n"
        "Hint: Try again in a little while; obs.health() asks how the sources are doing."
    )
