"""What would be sent is told before it is, and what is over a limit is not sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.errors import LimitError, QueryError, ServerError, SourceError, UnreachableError, UsageError
from obsnb.settings import Endpoint
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import ERRORS, HOUR, trace
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import Backend, serving
from tests.standin.tempo import TempoStandIn

S = 10**9
T0 = 1_795_457_600
WINDOW = TimeRange(T0 * S, (T0 + 60) * S)
SHOP = '{namespace="shop"}'
STREAM = (("namespace", "shop"),)


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's, and no obsnb.toml above."""
    for name in list(os.environ):
        if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_")) and name != "OBSNB_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


class Asked:
    """A stand-in that remembers the paths it was asked for."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.paths = inner, list[str]()

    def answer(self, method: str, path: str, params: Any, headers: Any) -> Any:
        self.paths.append(path.rpartition("/v1/")[2])
        return self.inner.answer(method, path, params, headers)


def lines(count: int = 30, *, length: int = 100) -> Asked:
    """A Loki with a line every second."""
    return Asked(LokiStandIn([Row((T0 + i) * S, STREAM, "x" * length) for i in range(count)]))


def metrics(series: int = 3) -> Asked:
    values = {(T0 + i) * 1_000: "1" for i in range(0, 60, 15)}
    pods = [{"__name__": "up", "pod": f"p{i}", "namespace": "shop"} for i in range(series)]
    return Asked(PrometheusStandIn([Recorded(labels, T0 * 1_000, 15_000, values) for labels in pods]))


@contextmanager
def connected(limits: dict[str, Any] | None = None, **backends: Any) -> Iterator[obsnb.Connection]:
    with ExitStack() as stack:
        given: dict[str, Any] = {
            kind: {name: stack.enter_context(serving(each)) for name, each in one.items()}
            if isinstance(one, dict)
            else stack.enter_context(serving(one))
            for kind, one in backends.items()
        }
        yield stack.enter_context(obsnb.connect(**given, limits=limits))


def row(frame: pl.DataFrame) -> dict[str, Any]:
    (only,) = frame.drop("start", "end").to_dicts()
    return {name: value for name, value in only.items() if value not in (None, "")}


# What is told


def test_a_plan_of_lines_tells_what_the_index_says_and_sends_nothing_else() -> None:
    loki = lines()
    with connected(loki=loki) as obs:
        plan = obs.plan("logs", f'{SHOP} |= "x"', WINDOW)
        told = {"requests": 2, "bytes": 3_000, "streams": 1, "lines": 30}
        assert row(plan) == {"source": "loki", "verb": "logs", "query": f'{SHOP} |= "x"', **told}
        assert plan.select("start", "end").cast(pl.Int64).row(0) == (WINDOW.start_ns, WINDOW.end_ns)
        assert loki.paths == ["index/stats"]
        assert [(one.kind, one.source, one.requests, one.complete) for one in obs.ledger] == [
            ("index", "loki", 1, "yes")
        ]
        assert obs.last is not None
        assert obs.last.reason == (
            "what the index says of the streams, before any filter, often more than there is"
        )


def test_a_plan_of_numbers_from_lines_counts_what_every_selector_reads_with_its_range() -> None:
    with connected(loki=lines()) as obs:
        late = TimeRange((T0 + 20) * S, (T0 + 60) * S)
        query = f'sum(rate({SHOP} [10s])) / sum(rate({{namespace="none"}} [5s]))'
        plan = row(obs.plan("metrics", query, late, source="loki", step="5s"))
        assert (plan["lines"], plan["bytes"], plan["requests"], plan["step_s"]) == (20, 2_000, 1, 5.0)
        assert obs.plan("metrics", f"rate({SHOP} [1m] offset 1d)", late, source="loki")["note"].to_list() == [
            "the query looks at another time as well (offset, @), which the index was not asked about"
        ]


def test_a_plan_of_series_counts_them_and_pieces_of_the_grid() -> None:
    prometheus = metrics()
    with connected(prometheus=prometheus) as obs:
        plan = row(obs.plan("metrics", 'sum(rate(up{pod=~"p[01]"}[1m]))', WINDOW, step="1ms"))
        assert (plan["series"], plan["requests"]) == (2, 6), "60,000 points, 11,000 at once"
        assert plan["note"] == "the server does not say how many samples there are"
        assert prometheus.paths == ["series", "query"]
        assert row(obs.plan("exemplars", "up", WINDOW))["series"] == 3
        assert row(obs.plan("metrics", "vector(1)", WINDOW))["note"] == "the query names no series"


def test_a_plan_of_spans_says_that_tempo_says_nothing_and_sends_nothing() -> None:
    tempo = Asked(TempoStandIn.of(trace(1, (0, 1_000, True))))
    with connected(tempo=tempo) as obs:
        plan = row(obs.plan("spans", ERRORS, HOUR, limit=40, whole=True))
        assert plan == {
            "source": "tempo",
            "verb": "spans",
            "query": ERRORS,
            "requests": 40,
            "note": "Tempo does not say beforehand what it has: a search that comes full is cut in two, and "
            "sent again, and a request more for each trace",
        }
        assert row(obs.plan("spans", ERRORS, HOUR))["requests"] == 1
        assert tempo.paths == []
        assert len(obs.ledger) == 0


AT = "2026-11-23T18:13:50Z"
AT_NS = (T0 + 30) * S


def test_a_plan_of_an_instant_tells_what_each_kind_of_server_says_of_it() -> None:
    tempo = Asked(TempoStandIn.of(trace(1, (0, 1_000, True))))
    with connected(loki=lines(), prometheus=metrics(), tempo=tempo) as obs:
        numbers = obs.plan("instant", "topk(2, up)", at=AT)
        assert numbers.select("start", "end").cast(pl.Int64).row(0) == (AT_NS, AT_NS + 10**6)
        told = {"source": "prometheus", "verb": "instant", "query": "topk(2, up)", "requests": 1, "series": 3}
        assert row(numbers) == told | {"note": "the server does not say how many samples there are"}
        query = f"sum(count_over_time({SHOP} [10s]))"
        told = {"source": "loki", "verb": "instant", "query": query, "requests": 1}
        assert row(obs.plan("instant", query, at=AT, source="loki")) == told | {
            "bytes": 1_000,
            "streams": 1,
            "lines": 10,
        }
        plan = row(obs.plan("instant", f"{ERRORS} | rate()", at=AT, over="3h", source="tempo"))
        assert plan == {
            "source": "tempo",
            "verb": "instant",
            "query": f"{ERRORS} | rate()",
            "requests": 1,
            "note": "Tempo does not say beforehand what it has",
        }
        assert tempo.paths == []


def test_a_plan_of_an_instant_of_several_servers_has_a_row_each() -> None:
    with connected(prometheus={"eu": metrics(), "us": metrics(5)}) as obs:
        plan = obs.plan("instant", "up", at=AT)
        assert plan.select("source", "series").rows() == [("prometheus.eu", 3), ("prometheus.us", 5)]


def test_how_long_an_instant_takes_is_told_by_instants() -> None:
    with connected(prometheus=metrics()) as obs:
        obs.metrics("up", WINDOW)
        assert obs.plan("instant", "up", at=AT)["seconds"].to_list() == [None]
        obs.instant("up", AT)
        assert obs.last is not None
        assert obs.plan("instant", "up", at=AT)["seconds"].to_list() == [pytest.approx(obs.ledger[2].seconds)]


@pytest.mark.parametrize(
    ("verb", "query", "given", "said"),
    [
        (
            "instant",
            "up",
            {"window": WINDOW},
            "An instant is planned at a moment, not for a window.\n"
            'Hint: Such as obs.plan("instant", query, at="2026-11-23T18:00Z").',
        ),
        (
            "instant",
            "up",
            {"at": AT, "over": "1h"},
            "Only TraceQL is asked over=...: PromQL and LogQL say in the query how far it looks back.\n"
            "Hint: Write the range into it, such as rate(http_requests_total[1h]).",
        ),
        (
            "logs",
            SHOP,
            {"at": AT},
            "Only an instant is planned at=... or over=..., and this is logs.\n"
            "Hint: Pass a window: obsnb.window(start, end).",
        ),
    ],
)
def test_an_instant_is_planned_as_it_is_asked(
    verb: Any, query: str, given: dict[str, Any], said: str
) -> None:
    with connected(loki=lines(), prometheus=metrics()) as obs, pytest.raises(UsageError) as refused:
        obs.plan(verb, query, **given)
    assert str(refused.value) == said


def test_exemplars_of_spans_are_planned_as_they_are_asked() -> None:
    with connected(tempo=TempoStandIn.of(trace(1, (0, 1_000, True)))) as obs:
        plan = row(obs.plan("exemplars", f"{ERRORS} | rate()", HOUR, source="tempo"))
        assert (plan["source"], plan["requests"]) == ("tempo", 1)


def test_a_server_without_an_index_is_not_known_rather_than_nothing() -> None:
    class Mute:
        def answer(self, method: str, path: str, params: Any, headers: Any) -> Any:
            return 404, {"content-type": "text/plain"}, b"404 page not found"

    with connected(loki=Mute(), prometheus=Mute()) as obs:
        plan = obs.plan("logs", SHOP, WINDOW)
        assert plan.select("requests", "bytes", "streams", "lines").row(0) == (None, None, None, None)
        assert plan["note"].to_list() == ["its index does not say"]
        plan = obs.plan("samples", "up", WINDOW)
        assert plan["note"].to_list() == ["the server does not say how many series there are"]
        assert [one.complete for one in obs.ledger] == ["unknown", "unknown"]


def test_each_of_several_is_a_row_and_one_that_is_not_there_says_so() -> None:
    with connected(loki={"eu": lines(3), "us": lines(5)}) as obs:
        assert obs.plan("logs", SHOP, WINDOW).select("source", "lines").rows() == [
            ("loki.eu", 3),
            ("loki.us", 5),
        ]
        assert obs.plan("logs", SHOP, WINDOW, source="us")["source"].to_list() == ["loki.us"]
    with serving(lines(3)) as url:
        gone = Endpoint("gone", "loki", "http://127.0.0.1:1", retries=0)
        with obsnb.connect(loki={"eu": url, "us": gone}) as obs:
            there, missing = obs.plan("logs", SHOP, WINDOW).select("lines", "note").rows()
            assert there == (3, "")
            assert missing == (None, "loki.us at http://127.0.0.1:1 takes no connections.")
            assert [one.complete for one in obs.ledger] == ["yes", "no"]
        with obsnb.connect(loki=gone) as obs, pytest.raises(UnreachableError):
            obs.plan("logs", SHOP, WINDOW)


def test_how_long_it_takes_is_told_by_what_earlier_answers_took() -> None:
    with connected(loki=lines()) as obs:
        assert obs.plan("logs", SHOP, WINDOW)["seconds"].to_list() == [None]
        obs.logs(SHOP, TimeRange(WINDOW.start_ns, (T0 + 10) * S))
        took = obs.ledger[1].seconds
        assert obs.plan("logs", SHOP, WINDOW)["seconds"].to_list() == [pytest.approx(took / 10 * 30)]
        assert obs.plan("logs", SHOP, WINDOW, limit=20)["seconds"].to_list() == [
            pytest.approx(took / 10 * 20)
        ]


def test_how_long_spans_take_is_told_by_the_time_that_was_searched_whole_or_not() -> None:
    with connected(tempo=TempoStandIn.of(trace(1, (0, 1_000, True)))) as obs:
        half = TimeRange(HOUR.start_ns, HOUR.start_ns + HOUR.duration_ns // 2)
        obs.spans(ERRORS, half, whole=True)
        took = obs.ledger[0].seconds
        obs.trace(obs.spans(ERRORS, half, whole=True)["trace_id"][0])
        both = took + obs.ledger[1].seconds
        told = obs.plan("spans", ERRORS, HOUR, whole=True)["seconds"].to_list()
        assert told == [pytest.approx(both)], "twice half an hour"
        assert obs.plan("spans", ERRORS, HOUR)["seconds"].to_list() == [None]


def test_what_is_on_this_disk_has_no_plan_and_a_wrong_verb_none_either() -> None:
    with pytest.raises(UsageError) as refused:
        obsnb.open_archive("slow-query").plan("logs", SHOP)
    assert str(refused.value) == (
        "Nothing would be sent: what is asked is on this disk.\nHint: Ask obs.logs(...)."
    )
    with connected(loki=lines()) as obs:
        with pytest.raises(UsageError) as wrong:
            obs.plan("lines", SHOP, WINDOW)  # type: ignore[arg-type]  # that is what is tested
        assert str(wrong.value) == (
            "There is no verb 'lines' to plan.\n"
            "Hint: It is one of logs, metrics, samples, exemplars, spans, instant."
        )
        with pytest.raises(QueryError):
            obs.plan("logs", "up", WINDOW)


def test_an_investigation_tells_every_query_that_it_would_send() -> None:
    loki, prometheus = lines(), metrics()
    with connected(loki=loki, prometheus=prometheus, limits={"max_series": 2, "max_bytes": 3_000}) as obs:
        plan = obsnb.investigate(obs, WINDOW, scope={"namespace": "shop"}).plan()
        logs = plan.filter(pl.col("verb") == "logs")
        assert logs.select("role", "bytes", "over").rows() == [("scope.logs", 3_000, None)]
        assert "requests.exemplars" in plan["role"].to_list()
        assert set(plan["source"]) == {"loki", "prometheus"}, "there is no Tempo"
        assert not {"query_range", "query_exemplars"} & {*loki.paths, *prometheus.paths}


# What is held back


def test_lines_of_too_many_bytes_are_not_asked_for() -> None:
    loki = lines()
    with connected(loki=loki, limits={"max_bytes": "2 kB"}) as obs:
        assert obs.plan("logs", SHOP, WINDOW)["over"].to_list() == ["max_bytes"]
        with pytest.raises(LimitError) as refused:
            obs.logs(SHOP, WINDOW)
        assert str(refused.value) == (
            "loki would read about 3.0 kB of lines, and max_bytes is 2.0 kB: the query was not sent.\n"
            f"  query:  {SHOP}\n"
            f"  window: {WINDOW}\n"
            "Hint: Narrow the selector or the window, ask it this once with anyway=True, stream it to disk "
            'with obs.download("logs", query, window, folder), or raise max_bytes in obsnb.toml or '
            "connect(limits=...)."
        )
        assert set(loki.paths) == {"index/stats"}
        assert obs.last is not None
        assert obs.last.reason.endswith("; the query was not sent: it is over a limit")


def test_each_way_that_the_error_names_leads_to_the_lines(tmp_path: Path) -> None:
    with connected(loki=lines(), limits={"max_bytes": "2 kB"}) as obs:
        assert obs.logs(SHOP, TimeRange(WINDOW.start_ns, (T0 + 20) * S)).height == 20
        assert obs.logs(SHOP, WINDOW, anyway=True).height == 30
        assert obs.download("logs", SHOP, WINDOW, tmp_path / "lines").collect().height == 30
    with connected(loki=lines(), limits={"max_bytes": "3 kB"}) as obs:
        assert obs.logs(SHOP, WINDOW).height == 30


def test_too_many_series_are_not_touched_whatever_the_verb() -> None:
    prometheus = metrics(3)
    with connected(prometheus=prometheus, limits={"max_series": 2}) as obs:
        for ask, rows in ((obs.metrics, 12), (obs.samples, 12), (obs.exemplars, 0)):
            with pytest.raises(
                LimitError, match="would touch 3 series, and max_series is 2: the query was not"
            ):
                ask("up", WINDOW)
            assert ask("up", WINDOW, anyway=True).height == rows
        assert obs.metrics('up{pod="p1"}', WINDOW).height == 4
        assert prometheus.paths.count("query_range") == 2


def test_too_many_requests_are_not_begun() -> None:
    with connected(
        prometheus=metrics(), tempo=TempoStandIn.of(trace(1, (0, 1_000, True))), limits={"max_requests": 5}
    ) as obs:
        with pytest.raises(LimitError) as refused:
            obs.metrics("up", WINDOW, step="1ms")
        assert refused.value.what == (
            "prometheus would get 6 requests or more, and max_requests is 5: the query was not sent."
        )
        with pytest.raises(LimitError, match="tempo would get 20 requests or more, and max_requests is 5"):
            obs.spans(ERRORS, HOUR, limit=20)
        assert obs.spans(ERRORS, HOUR).height == 1


def test_what_would_take_too_long_by_what_earlier_answers_took_is_not_asked() -> None:
    with connected(loki=lines(), limits={"max_seconds": 1e-9}) as obs:
        assert obs.logs(SHOP, WINDOW).height == 30, "nothing is known yet"
        with pytest.raises(
            LimitError, match="would take about 0 s, as earlier answers went, and max_seconds"
        ):
            obs.logs(SHOP, WINDOW)


@pytest.mark.parametrize(
    ("kind", "status", "error", "says"),
    [
        ("loki", 429, LimitError, "loki answered 429: it has too much to do."),
        ("loki", 503, ServerError, "loki answered 503: it is not ready."),
        ("prometheus", 503, ServerError, "prometheus answered 503: it is not ready."),
    ],
)
def test_a_server_that_is_too_busy_to_estimate_is_not_asked_for_the_rest(
    kind: Any, status: int, error: type[SourceError], says: str
) -> None:
    class Busy:
        def answer(self, method: str, path: str, params: Any, headers: Any) -> Any:
            return status, {"content-type": "text/plain"}, b"busy"

    busy = Asked(Busy())
    with serving(busy) as url:
        end = Endpoint(kind, kind, url, retries=0, max_bytes=1, max_series=1)
        with obsnb.connect(**{kind: end}) as obs:
            with pytest.raises(error) as refused:
                obs.logs(SHOP, WINDOW) if kind == "loki" else obs.metrics("up", WINDOW)
            assert refused.value.what == says
            assert busy.paths == ["index/stats" if kind == "loki" else "series"]


def test_limits_hold_for_each_of_several_and_for_what_an_investigation_asks() -> None:
    with connected(loki={"eu": lines(3), "us": lines(30)}, limits={"max_bytes": 1_000}) as obs:
        with pytest.raises(LimitError, match=r"loki\.us would read about 3\.0 kB"):
            obs.logs(SHOP, WINDOW)
        assert obs.logs(SHOP, WINDOW, source="eu").height == 3
        assert obs.logs(SHOP, WINDOW, anyway=True).height == 33
        with pytest.raises(LimitError) as refused:
            obsnb.investigate(obs, WINDOW, scope={"namespace": "shop"}).summary()
        assert refused.value.hint == (
            "Narrow the scope or the window, or raise max_bytes in obsnb.toml or connect(limits=...)."
        )


def test_without_limits_no_estimate_is_sent() -> None:
    prometheus = metrics()
    with connected(prometheus=prometheus) as obs:
        obs.metrics("up", WINDOW)
        assert prometheus.paths == ["query_range"]
    with connected(prometheus=prometheus, limits={"max_bytes": 1}) as obs:
        obs.metrics("up", WINDOW)
        assert prometheus.paths == ["query_range"] * 2, "it has no bytes to tell of"


def test_a_guarded_source_is_otherwise_what_it_was() -> None:
    with connected(loki=lines(), limits={"max_bytes": "1 GB"}) as obs:
        assert obs.labels(WINDOW) == ["namespace"]
        assert obs.logs(SHOP, WINDOW, verify=True).height == 30
        assert obs.health()["status"].to_list() == ["ok"]
        assert repr(obs) == "Connection(loki)"
