"""Where it started: on real incidents, on made-up systems, alone and with all signals, and not at all."""

import polars as pl
import pytest

from obsnb.analysis.events import deployments
from obsnb.analysis.resources import role_of
from obsnb.analysis.suspects import suspects
from obsnb.errors import FrameError
from obsnb.schema import EVENTS
from obsnb.timerange import TimeRange
from tests.analysis.incidents import incident, incident_series
from tests.analysis.made_up import S, lines, spans
from tests.analysis.simulate import Style, simulate

_MINUTE = 60 * S
_COLUMNS = ["rank", "service", "score", "since", "cause_kind", "cause", "within", "reasons", "evidence"]


def _signals(name):
    it = incident(name)
    return {
        "logs": it.logs,
        "spans": it.spans,
        "series": incident_series(name),
        "events": deployments(it.logs),
    }


def _of(name, *only, **windows):
    it = incident(name)
    given = {kind: frame for kind, frame in _signals(name).items() if not only or kind in only}
    return suspects(**given, **({"during": it.during, "baseline": it.baseline} | windows))


def _score(frame, service):
    return frame.filter(pl.col("service") == service)["score"].to_list()


# Real incidents.


def test_the_database_comes_first_with_its_statement_and_the_deployment_before_it():
    out = _of("slow-query")
    assert out.columns == _COLUMNS
    first = out.row(0, named=True)
    assert (first["rank"], first["service"], first["cause_kind"]) == (1, "postgres", "statement")
    assert first["score"] > 0.9
    assert "saved_searches" in first["cause"]
    assert "after the deployment (observastack-backend 1.8.0 rolled out at 18:36:34 UTC)" in first["cause"]
    assert "45 s before the onset" in first["cause"]
    assert abs(first["since"] - incident("slow-query").during.start).total_seconds() <= 60
    assert "tenant.id in acme, globex" in first["within"]
    assert out["score"][1] < 0.3
    assert out["score"].is_sorted(descending=True)
    assert out["rank"].to_list() == list(range(1, out.height + 1))


def test_the_data_source_comes_first_and_the_database_is_not_blamed():
    out = _of("datasource")
    first = out.row(0, named=True)
    assert (first["service"], first["cause_kind"]) == ("loki", "resource")
    assert first["score"] > 0.9
    assert _score(out, "postgres") == [0.0]
    assert out["score"][1] < 0.3


def test_every_service_that_a_signal_names_is_a_candidate():
    named = set(_of("slow-query")["service"])
    assert {"postgres", "redis", "keycloak", "loki", "prometheus", "tempo", "deployer"} <= named
    assert {"observastack-backend", "observastack-frontend"} <= named


def test_every_piece_of_evidence_is_a_row_of_a_frame():
    given = _signals("slow-query")
    first = _of("slow-query").row(0, named=True)
    kinds = {one.split(":")[0] for one in first["evidence"]}
    assert kinds == {"span", "log", "series"}
    for one in first["evidence"]:
        kind, _, place = one.partition(":")
        if kind == "span":
            trace, span = place.split("/")
            rows = given["spans"].filter((pl.col("trace_id") == trace) & (pl.col("span_id") == span))
        elif kind == "log":
            rows = given["logs"].filter(pl.col("row_id") == place)
        else:
            series, ns = place.split("@")
            at = pl.col("timestamp").to_physical() == int(ns)
            rows = given["series"].filter((pl.col("series_id") == series) & at)
        assert rows.height == 1, one


def test_reasons_are_sentences_with_numbers():
    reasons = _of("slow-query")["reasons"][0].to_list()
    assert len(reasons) >= 4
    assert all(reason.endswith(".") and any(letter.isdigit() for letter in reason) for reason in reasons)


def test_a_caller_is_told_what_it_waits_for():
    caller = _of("slow-query").row(1, named=True)
    assert caller["service"] == "observastack-backend"
    assert caller["reasons"][-1] == "What speaks of waiting is put down to postgres, which it depends on."


@pytest.mark.parametrize(
    ("name", "only", "expected"),
    [
        ("slow-query", "spans", "postgres"),
        ("slow-query", "series", "postgres"),
        ("slow-query", "logs", "observastack-backend"),  # no line names the database
        ("datasource", "spans", "loki"),
        ("datasource", "series", "loki"),
        ("datasource", "logs", "observastack-backend"),
    ],
)
def test_one_signal_alone_finds_what_it_can_show(name, only, expected):
    out = _of(name, only)
    assert out["service"][0] == expected
    assert out["score"][0] > 0.3
    assert out["score"][1] < out["score"][0]


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
@pytest.mark.parametrize("shift_s", [-60, 60])
def test_a_window_that_is_a_minute_off_changes_nothing(name, shift_s):
    it = incident(name)
    onset = it.during.start_ns + shift_s * S
    out = _of(
        name,
        during=TimeRange(onset, it.during.end_ns - shift_s * S),
        baseline=TimeRange(it.baseline.start_ns, onset),
    )
    assert out["service"][0] == {"slow-query": "postgres", "datasource": "loki"}[name]
    assert out["score"][0] > 0.9
    assert out["score"][1] < 0.3


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_a_baseline_of_one_minute_is_enough(name):
    it = incident(name)
    out = _of(name, baseline=TimeRange(it.during.start_ns - _MINUTE, it.during.start_ns))
    assert out["service"][0] == {"slow-query": "postgres", "datasource": "loki"}[name]
    assert out["score"][0] > 0.5
    assert out["score"][1] < 0.3


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_nobody_is_suspected_where_nothing_is_wrong(name):
    start = incident(name).baseline.start_ns
    for minutes in (3, 6, 9):
        middle = start + minutes * _MINUTE
        out = _of(
            name,
            during=TimeRange(middle, middle + 3 * _MINUTE),
            baseline=TimeRange(middle - 3 * _MINUTE, middle),
        )
        assert out["score"].max() < 0.3


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
@pytest.mark.parametrize(
    "dropped",
    [
        ("status", "status_message"),
        ("kind",),
        ("kind", "status", "status_message"),
        ("events", "links", "resource"),
    ],
)
def test_spans_without_status_or_kind_are_enough(name, dropped):
    it = incident(name)
    out = suspects(spans=it.spans.drop(dropped), during=it.during, baseline=it.baseline)
    assert out["service"][0] == {"slow-query": "postgres", "datasource": "loki"}[name]
    assert out["score"][1] < 0.3


def test_other_names_give_the_same_answer():
    it = incident("datasource")
    swapped = {
        "loki": "zeta",
        "observastack-backend": "alpha",
        "observastack-frontend": "beta",
        "postgres": "pq",
    }

    def renamed(frame):
        text = [name for name, kind in frame.schema.items() if kind == pl.String or kind == pl.Categorical]
        return frame.with_columns(pl.col(text).cast(pl.String).str.replace_many(swapped))

    given = {kind: renamed(frame) for kind, frame in _signals("datasource").items()}
    given["spans"] = given["spans"].drop("attributes", "resource", "events")
    out = suspects(**given, during=it.during, baseline=it.baseline)
    plain = _of("datasource")
    assert out["service"][0] == "zeta"
    assert out["score"][0] == pytest.approx(plain["score"][0], abs=0.02)


def test_without_a_baseline_it_is_said_less_surely_and_said_so():
    out = _of("datasource", baseline=None)
    assert out["service"][0] == "loki"
    assert out["score"][0] < _of("datasource")["score"][0]
    assert any("there is no baseline" in reason for reason in out["reasons"][0])


def test_what_is_given_as_one_service_is_one():
    out = suspects(
        spans=incident("slow-query").spans,
        during=incident("slow-query").during,
        baseline=incident("slow-query").baseline,
        services={"postgres": "orders-db"},
    )
    assert out["service"][0] == "orders-db"
    assert "postgres" not in out["service"]


# Made-up systems of other shapes.


def _simulated(fault, seeds, **given):
    ranks, scores = [], []
    for seed in seeds:
        it = simulate(seed, fault, **given)
        out = suspects(it.logs, it.spans, it.series, it.events, during=it.during, baseline=it.baseline)
        scores.append(out["score"][0])
        ranks += out.filter(pl.col("service") == it.culprit)["rank"].to_list() if it.culprit else []
    return ranks, scores


@pytest.mark.parametrize(
    "fault",
    [
        "slow leaf",
        "slow middle",
        "failing leaf",
        "failing middle",
        "failing peer",
        "cpu burn",
        "down",
        "deployment slow",
        "deployment failing",
    ],
)
def test_the_service_that_broke_is_among_the_first(fault):
    ranks, _ = _simulated(fault, range(40, 43), services=10)
    assert sum(rank == 1 for rank in ranks) >= 2
    assert max(ranks) <= 3


@pytest.mark.parametrize("fault", ["slow peer", "network delay", "deployment slow statement"])
def test_what_shows_only_at_its_callers_is_found_where_their_calls_are_traced(fault):
    ranks, _ = _simulated(fault, range(50, 53), services=10, style=Style(sampled=0.3))
    assert sum(rank == 1 for rank in ranks) >= 2


def test_forty_services_are_no_harder_than_ten():
    ranks, _ = _simulated("slow leaf", range(60, 62), services=40)
    assert ranks == [1, 1]


def test_no_quiet_system_has_a_confident_suspect():
    _, scores = _simulated("quiet", range(70, 76), services=12)
    assert max(scores) < 0.3


def test_a_deployment_right_before_is_named_as_the_cause():
    it = simulate(42, "deployment failing", services=10)
    out = suspects(it.logs, it.spans, it.series, it.events, during=it.during, baseline=it.baseline)
    first = out.row(0, named=True)
    assert (first["service"], first["cause_kind"]) == (it.culprit, "deployment")
    assert first["cause"].startswith(f"deployment (deployment {it.culprit} rolled out at ")


def test_a_deployment_alone_is_no_suspicion():
    it = simulate(3, "quiet", services=8)
    event = it.events.head(0).vstack(_deployment(it.services[2], it.during.start_ns - 20 * S))
    out = suspects(it.logs, it.spans, it.series, event, during=it.during, baseline=it.baseline)
    assert out["score"].max() < 0.3


def _deployment(service, ns):
    row = {
        "timestamp": ns,
        "end": None,
        "kind": "deploy",
        "title": "rolled out",
        "service": service,
        "source": "logs",
    }
    frame = pl.DataFrame(
        [row],
        schema={"timestamp": pl.Int64, "end": pl.Int64}
        | dict.fromkeys(("kind", "title", "service", "source"), pl.String),
    )
    return frame.with_columns(pl.col("timestamp", "end").cast(pl.Datetime("ns", "UTC")))


# Causes and places, each made for its test.

_DURING, _BEFORE = TimeRange(600 * S, 1200 * S), TimeRange(0, 600 * S)


def _requests(work, *, count=120, **further):
    """A request every ten seconds through web and api; `work` gives the api's milliseconds and failure."""
    rows = []
    for n in range(count):
        at = n * 10_000
        took, failed = work(n)
        status = {"status": "error" if failed else "ok"} | {key: told(n) for key, told in further.items()}
        rows += [
            {"is": f"t{n} a - web GET", "at": (at, took + 10), "kind": "server", "status": status["status"]},
            {
                "is": f"t{n} b a web call",
                "at": (at + 2, took + 5),
                "kind": "client",
                "status": status["status"],
            },
            {"is": f"t{n} c b api serve", "at": (at + 4, took), "kind": "server"} | status,
        ]
    return spans(*rows)


def _slow_from(n, share=1):
    return (900 if n >= 60 and n % share == 0 else 40 + n % 7, False)


def test_a_version_that_spans_carry_for_the_first_time_is_a_deployment_without_events():
    frame = _requests(_slow_from, **{"service.version": lambda n: "2.0" if n >= 59 else "1.9"})
    first = suspects(spans=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (first["service"], first["cause_kind"]) == ("api", "deployment")
    assert "version 2.0 of api first seen" in first["cause"]


def test_what_happens_in_one_pod_only_is_narrowed_to_it():
    frame = _requests(
        lambda n: _slow_from(n, share=3),
        **{"k8s.pod.name": lambda n: f"api-{n % 3}", "tenant.id": lambda n: f"x{n % 7}"},
    )
    first = suspects(spans=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert first["service"] == "api"
    assert first["within"] == "k8s.pod.name=api-0"


def test_a_pod_is_named_although_every_request_passes_several_and_nothing_is_where_all_pods_are_slow():
    def passing(slow):
        rows = []
        for n in range(120):
            first, second = (900 if n >= 60 and slow(n, k) else 40 + n % 7 for k in (0, 1))
            rows += [
                {"is": f"t{n} a - web GET", "at": (n * 10_000, first + second + 20), "kind": "server"},
                {"is": f"t{n} b a api serve", "at": (n * 10_000 + 4, first), "kind": "server"},
                {"is": f"t{n} c a api serve", "at": (n * 10_000 + first + 8, second), "kind": "server"},
            ]
            for row, pod in zip(rows[-2:], (n % 3, (n + 1) % 3), strict=True):
                row["k8s.pod.name"] = f"api-{pod}"
        frame = spans(*rows)
        return suspects(spans=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)

    one = passing(lambda n, k: (n + k) % 3 == 0)
    assert (one["service"], one["within"]) == ("api", "k8s.pod.name=api-0")
    every = passing(lambda n, k: n % 4 < 2)
    assert (every["service"], every["within"]) == ("api", None)


def test_what_a_database_does_to_the_calls_of_one_tenant_only_is_told_by_who_calls():
    rows = []
    for n in range(120):
        took = 800 if n >= 60 and n % 4 == 0 else 8 + n % 3
        serve = {"is": f"t{n} a - api serve", "at": (n * 10_000, took + 20), "kind": "server"}
        call = {"is": f"t{n} b a api SELECT", "at": (n * 10_000 + 5, took), "kind": "client"}
        database = {"db.system": "mysql", "server.address": "orders-db:3306"}
        rows += [serve | {"tenant.id": f"x{n % 4}"}, call | database]
    first = suspects(spans=spans(*rows), during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (first["service"], first["within"]) == ("orders-db", "tenant.id=x0")


def test_a_statement_that_a_deployment_made_slow_is_told_at_the_database():
    rows = []
    for n in range(120):
        took = 800 if n >= 60 else 8 + n % 3
        rows += [
            {"is": f"t{n} a - api serve", "at": (n * 10_000, took + 20), "kind": "server"},
            {
                "is": f"t{n} b a api SELECT",
                "at": (n * 10_000 + 5, took),
                "kind": "client",
                "db.system": "mysql",
                "server.address": "orders-db:3306",
                "db.query.text": f"SELECT * FROM orders WHERE id = {n}",
            },
        ]
    events = _deployment("api", 560 * S)
    first = suspects(spans=spans(*rows), events=events, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (first["service"], first["cause_kind"]) == ("orders-db", "statement")
    assert first["cause"].startswith("SELECT (SELECT * FROM orders WHERE id = ")
    assert "after the deployment of api (rolled out at 00:09:20 UTC), 40 s before the onset" in first["cause"]


def test_spans_whose_service_nobody_named_come_after_a_suspect_with_a_name_and_before_the_others():
    frame = _requests(_slow_from).with_columns(pl.lit("unknown_service:python").alias("service"))
    failing = [(650 + n, "identity", f"ERROR user store unavailable {n}") for n in range(80)]
    said = lines(*[(at, "identity", "INFO asked") for at in range(0, 1200, 5)], *failing)
    alone = suspects(spans=frame, during=_DURING, baseline=_BEFORE)
    assert alone["service"][0] == "unknown_service:python"
    out = suspects(logs=said.sort("timestamp"), spans=frame, during=_DURING, baseline=_BEFORE)
    assert out["service"].to_list()[:2] == ["identity", "unknown_service:python"]
    assert out["score"][1] > out["score"][0] >= 0.3
    assert out["rank"].to_list() == [1, 2]


def test_addresses_that_are_only_set_aside_are_no_resource():
    assert role_of("process_virtual_memory_bytes") == "other"
    assert role_of("process_resident_memory_bytes") == role_of("go_memstats_alloc_bytes") == "resource"


def test_of_two_deployments_the_one_next_to_the_onset_is_told_and_not_the_one_that_ended_it():
    frame = _requests(_slow_from)
    events = _deployment("api", 601 * S).vstack(_deployment("api", 640 * S))
    for given in (events, events.reverse()):
        first = suspects(spans=frame, events=given, during=_DURING, baseline=_BEFORE).row(0, named=True)
        assert first["cause_kind"] == "deployment"
        assert "at 00:10:01 UTC), 1 s after the onset as dated" in first["cause"]


def test_how_many_times_slower_a_statement_is_does_not_depend_on_the_others_beside_it():
    rows = []
    for n in range(120):
        slow = 400 if n >= 60 else 4
        rows += [
            {"is": f"t{n} a - api serve", "at": (n * 10_000, slow + 60), "kind": "server"},
            _statement(f"t{n} b a api SELECT", (n * 10_000 + 5, slow), "orders"),
            *(_statement(f"t{n} c{k} a api SELECT", (n * 10_000 + 410 + k, 4), f"t{k}") for k in range(9)),
        ]
    first = suspects(spans=spans(*rows), during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert first["cause_kind"] == "statement"
    assert first["cause"].startswith("SELECT (orders), asked by api, takes ")
    assert 60 <= float(first["cause"].split(" takes ")[1].split()[0]) <= 100


def _statement(what, at, table):
    more = {"db.system": "mysql", "server.address": "orders-db:3306", "db.collection.name": table}
    return {"is": what, "at": at, "kind": "client"} | more


def _asked(many, *, failed=False):
    """Requests that ask a table so many times each, each time as fast as ever."""
    rows = []
    for n in range(120):
        times, took = many(n), 2 * many(n) + 40
        rows.append({"is": f"t{n} a - api serve", "at": (n * 10_000, took), "kind": "server"})
        for k in range(times):
            status = "error" if failed and k < times - 1 else "ok"
            asked = _statement(f"t{n} s{k} a api SELECT", (n * 10_000 + 2 * k, 2), "items")
            rows.append(asked | {"status": status})
    return spans(*rows)


def test_a_statement_in_a_loop_speaks_against_who_asks_and_not_the_database():
    frame = _asked(lambda n: 30 if n >= 60 else 1)
    first = suspects(spans=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert first["service"] == "api"
    assert first["score"] > 0.5
    assert first["reasons"][0] == (
        "Requests spend 58 ms more on average in api's calls of orders-db, of which it makes more than in "
        "the baseline: 100 % of all the time that was added."
    )


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(_asked(lambda n: 30 if n % 4 else 5), id="as many as ever"),
        pytest.param(_asked(lambda n: 3 if n >= 60 else 1), id="a few more"),
    ],
)
def test_calls_that_are_no_more_than_usual_speak_against_nobody(frame):
    out = suspects(spans=frame, during=_DURING, baseline=_BEFORE)
    assert not any("of which it makes more" in each for row in out["reasons"] for each in row)


def test_calls_that_are_made_again_since_they_failed_are_not_the_callers_fault():
    frame = _asked(lambda n: 8 if n >= 60 else 1, failed=True)
    out = suspects(spans=frame, during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "orders-db"
    assert not any("of which it makes more" in each for row in out["reasons"] for each in row)


def test_more_load_is_the_cause_where_a_resource_follows_it():
    moments = [15 * n for n in range(80)]
    rows = []
    for n, at in enumerate(moments):
        busy = at >= 600
        rows.append(
            (at, "http_requests_total", "a", "api", 150.0 * n if not busy else 6_000.0 + 900.0 * (n - 40))
        )
        for k in range(6):
            hot = busy and k == 0
            rows.append(
                (
                    at,
                    "container_cpu_usage_cores",
                    f"c{k}",
                    f"s{k}" if k else "api",
                    (0.9 if hot else 0.2) + 0.01 * ((n * 7 + k) % 5),
                )
            )
    frame = pl.DataFrame(rows, schema=["timestamp", "metric", "series_id", "service", "value"], orient="row")
    frame = frame.with_columns((pl.col("timestamp") * S).cast(pl.Datetime("ns", "UTC")))
    first = suspects(series=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (first["service"], first["cause_kind"]) == ("api", "load")
    assert first["cause"].startswith("6.0 times the requests; container_cpu_usage_cores of api went from ")


def test_a_pool_that_ran_out_is_the_cause_where_no_callee_is_slower():
    said = [
        (n * 10, "api", "ERROR could not get a connection: pool limit of 10 reached") for n in range(60, 120)
    ]
    first = suspects(lines(*said), during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (first["service"], first["cause_kind"]) == ("api", "pool")


def test_a_line_is_about_the_service_that_it_names_unless_that_one_called():
    said = [(n * 10, "api", "ERROR upstream ledger refused the connection") for n in range(60, 120)]
    said += [(n, "ledger", "INFO ready") for n in range(0, 1_200, 100)]
    out = suspects(lines(*said), during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "ledger"
    asked = [(n * 10, "api", "ERROR request from ledger was refused") for n in range(60, 120)]
    asked += [(n, "ledger", "INFO ready") for n in range(0, 1_200, 100)]
    assert suspects(lines(*asked), during=_DURING, baseline=_BEFORE)["service"][0] == "api"


def test_of_the_error_lines_of_a_request_the_first_raised_it():
    said = []
    for n in range(60, 120):
        said += [(n * 10, "api", {"level": "error", "message": "boom", "trace_id": f"{n:032x}"})]
        said += [
            (n * 10 + 1, "web", {"level": "error", "message": "request failed", "trace_id": f"{n:032x}"})
        ]
    out = suspects(lines(*said), during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "api"
    assert _score(out, "web") == [0.0]


def test_who_no_longer_answers_is_found_by_the_calls_that_no_longer_reach_it():
    rows = []
    for n in range(120):
        gone = n >= 60
        web = {"status": "error", "status_message": "connection refused"} if gone else {}
        rows += [
            {"is": f"t{n} a - web GET", "at": (n * 10_000, 50), "kind": "server"} | web,
            {"is": f"t{n} b a auth check", "at": (n * 10_000 + 2, 5), "kind": "server"},
        ]
        if not gone:
            rows.append({"is": f"t{n} c a cart serve", "at": (n * 10_000 + 9, 30), "kind": "server"})
    out = suspects(spans=spans(*rows), during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "cart"
    assert (
        "0 of 60 visits that used to call cart still reach it; 60 of 60 did in the baseline."
        in out["reasons"][0]
    )


def test_a_series_that_stops_while_its_like_go_on_speaks_against_its_service():
    rows = [(15 * n, f"s{k}", 1.0) for n in range(80) for k in range(8) if k or n < 44]
    frame = pl.DataFrame(rows, schema=["timestamp", "service", "value"], orient="row").with_columns(
        (pl.col("timestamp") * S).cast(pl.Datetime("ns", "UTC")),
        metric=pl.lit("up"),
        series_id=pl.col("service"),
    )
    out = suspects(series=frame, during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "s0"
    assert out["reasons"][0].to_list() == ["up of s0 stops at 00:10:45 UTC, while others go on."]


# Frames that are not as one would wish.


def test_pandas_and_arrow_in_give_the_same_suspects_out():
    pytest.importorskip("pandas")
    it = incident("slow-query")
    keep = ["trace_id", "span_id", "parent_span_id", "service", "name", "kind", "status", "start", "duration"]
    frame = it.spans.select(*keep, "peer.service", "db.sql.table").head(4_000)
    frame = frame.with_columns(pl.col("service", "kind", "status").cast(pl.String))
    windows = {"during": it.during, "baseline": it.baseline}
    expected = suspects(spans=frame, **windows)
    assert suspects(spans=frame.lazy(), **windows).equals(expected)
    assert pl.from_arrow(suspects(spans=frame.to_arrow(), **windows)).equals(expected)
    back = pl.from_pandas(suspects(spans=frame.to_pandas(), **windows))
    assert back.select("rank", "service", "score", "cause").equals(
        expected.select("rank", "service", "score", "cause")
    )


def test_spans_in_any_order_twice_and_with_negative_durations_give_the_same_answer():
    it = incident("datasource")
    mixed = pl.concat([it.spans, it.spans.head(2_000)]).sample(fraction=1.0, shuffle=True, seed=9)
    broken = mixed.with_columns(
        pl.when(pl.int_range(pl.len()) % 50 == 0)
        .then(-pl.col("duration"))
        .otherwise("duration")
        .alias("duration")
    )
    plain = suspects(spans=it.spans, during=it.during, baseline=it.baseline)
    again = suspects(spans=mixed, during=it.during, baseline=it.baseline)
    assert again["service"].to_list() == plain["service"].to_list()
    assert again["score"].to_list() == pytest.approx(plain["score"].to_list(), abs=0.01)
    worse = suspects(spans=broken, during=it.during, baseline=it.baseline)
    assert worse["service"][0] == "loki"
    assert worse["score"][1] < 0.3


@pytest.mark.parametrize("kind", ["logs", "spans", "series", "events"])
def test_an_empty_frame_names_nobody(kind):
    out = suspects(**{kind: _signals("slow-query")[kind].head(0)}, during=_DURING, baseline=_BEFORE)
    assert out.is_empty()
    assert out.columns == _COLUMNS


@pytest.mark.parametrize("kind", ["logs", "spans", "series"])
def test_one_row_is_no_ground_for_a_suspicion(kind):
    it = incident("slow-query")
    out = suspects(**{kind: _signals("slow-query")[kind].head(1)}, during=it.during, baseline=it.baseline)
    assert out["score"].to_list() == [0.0]


def test_nothing_given_is_nobody():
    assert suspects(during=_DURING, baseline=_BEFORE).is_empty()


def test_rows_whose_every_optional_column_is_null_do_no_harm():
    it = incident("slow-query")
    frame = it.spans.head(3_000)
    core = ("trace_id", "span_id", "service", "name", "start", "duration")
    nulls = frame.with_columns(
        pl.lit(None, frame.schema[name]).alias(name) for name in frame.columns if name not in core
    )
    assert suspects(spans=nulls, during=it.during, baseline=it.baseline).height >= 3
    unnamed = frame.with_columns(pl.lit(None, pl.String).alias("service"))
    assert "unknown" in suspects(spans=unnamed, during=it.during, baseline=it.baseline)["service"]


@pytest.mark.parametrize("kind", ["logs", "spans", "series"])
def test_a_window_outside_the_data_suspects_nobody(kind):
    it = incident("slow-query")
    later = TimeRange(it.during.end_ns + 86_400 * S, it.during.end_ns + 90_000 * S)
    out = suspects(**{kind: _signals("slow-query")[kind]}, during=later, baseline=it.baseline)
    assert out["score"].max() == 0.0


def test_timestamps_and_lines_alone_are_enough_of_logs():
    it = incident("slow-query")
    out = suspects(it.logs.select("timestamp", "line"), during=it.during, baseline=it.baseline)
    assert out["service"].to_list() == ["unknown"]
    assert out["score"][0] > 0.3


def test_what_is_missing_is_said():
    with pytest.raises(FrameError) as error:
        suspects(spans=pl.DataFrame({"trace_id": ["t"]}), during=_DURING, baseline=_BEFORE)
    assert str(error.value) == (
        "suspects needs the columns span_id, service, name, start, duration of SPANS; "
        "the frame has trace_id.\n"
        "Hint: obsnb.schema.SPANS lists what each column means; rename yours to match."
    )


def test_events_without_a_service_are_passed_over():
    events = EVENTS.conform(
        pl.DataFrame({"timestamp": [580 * S], "kind": ["deploy"], "title": ["?"]}).with_columns(
            pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))
        )
    )
    assert suspects(events=events, during=_DURING, baseline=_BEFORE).is_empty()


def test_durations_in_log_lines_stand_in_for_spans():
    said = []
    for n in range(240):
        took = 900 if n >= 120 else 40 + n % 5
        said += [(n * 5, "api", {"level": "info", "message": f"finished GET /orders duration_ms={took}"})]
        said += [
            (n * 5 + 1, "auth", {"level": "info", "message": f"finished GET /me duration_ms={9 + n % 3}"})
        ]
    out = suspects(lines(*said), during=_DURING, baseline=_BEFORE)
    assert out["service"][0] == "api"
    assert out["score"][0] > 0.3
    assert _score(out, "auth") == [0.0]


def test_without_a_baseline_error_lines_count_by_their_part_of_all_lines_and_not_by_how_long_it_went():
    kinds = {"timestamp": pl.Datetime("ns", "UTC")}
    scores = []
    for hours in (1, 10):
        texts = ["failed to read"] + ["all is well"] * 49
        rows = [(at * S, "api", texts[at % 50]) for at in range(500 * hours)]
        lines = pl.DataFrame(rows, schema=["timestamp", "service", "line"], orient="row").cast(kinds)
        found = suspects(lines, during=TimeRange(0, 500 * hours * S), baseline=None).row(0, named=True)
        many = 10 * hours
        assert found["reasons"][0] == (
            f"api wrote {many} error lines of {50 * many:,}, the first “failed to read”; "
            "there is no baseline."
        )
        scores.append(found["score"])
    assert scores[0] == scores[1] < 0.1


def _flag(kind, title, service):
    noted = {"timestamp": [299 * S], "kind": [kind], "title": [title], "service": [service]}
    return EVENTS.conform(
        pl.DataFrame(noted, schema_overrides={"service": pl.String}).with_columns(
            pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))
        )
    )


def _failing_cart():
    rows = [(at, "cart", {"level": "info", "msg": "served"}) for at in range(0, 600, 5)]
    rows += [(at, "shop", {"level": "info", "msg": "served"}) for at in range(0, 600, 5)]
    rows += [(at, "cart", {"level": "error", "msg": "no price for this item"}) for at in range(300, 600, 3)]
    return lines(*rows)


@pytest.mark.parametrize(
    ("kind", "title", "service", "cause_kind"),
    [
        ("annotation", "feature flag newPricing enabled", "cart", "configuration"),
        ("annotation", "config map of cart changed", None, "configuration"),
        ("annotation", "config map of shop changed", None, "unknown"),
        ("annotation", "lunch", "cart", "unknown"),
        ("deploy", "cart 1.2.0", "cart", "deployment"),
    ],
)
def test_an_annotation_of_a_change_of_settings_is_a_cause_of_its_service(kind, title, service, cause_kind):
    out = suspects(
        _failing_cart(),
        events=_flag(kind, title, service),
        during=TimeRange(300 * S, 600 * S),
        baseline=TimeRange(0, 300 * S),
    )
    assert (out["service"][0], out["cause_kind"][0]) == ("cart", cause_kind)


def test_a_latency_that_only_a_sum_and_a_count_tell_is_noticed():
    """Micrometer's timers have no buckets unless they are asked for."""
    moments = range(0, 1200, 15)
    took = [0.02 if at < 600 else 0.5 for at in moments]
    many = 30.0  # requests in every 15 s
    parts = []
    for service, times in (("cart", took), ("shop", [0.02] * len(took))):
        for what, each in (("count", [many] * len(times)), ("sum", [many * one for one in times])):
            parts.append(
                pl.DataFrame(
                    {
                        "timestamp": [at * S for at in moments],
                        "metric": f"http_server_requests_seconds_{what}",
                        "series_id": f"{service}{what}",
                        "service": service,
                        "value": pl.Series(each).cum_sum(),
                    }
                )
            )
    series = pl.concat(parts).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    out = suspects(series=series, during=TimeRange(600 * S, 1200 * S), baseline=TimeRange(0, 600 * S))
    assert out["service"][0] == "cart"
    assert out["score"][0] > 0.2
    assert out["score"][1] == 0
    assert (
        "The latency (http_server_requests_seconds, mean) of cart went from 20 ms to 500 ms."
        in out["reasons"][0].to_list()
    )


def _chain():
    """Lines alone: the edge says that shop failed, shop that cart timed out; cart says nothing of it."""
    rows = [
        (at, name, {"level": "info", "msg": "served"}) for at in range(0, 600, 5) for name in ("edge", "shop")
    ]
    for at in range(300, 600, 2):
        rows.append((at, "edge", {"level": "error", "msg": "upstream shop failed: 503 from shop"}))
        rows.append((at, "shop", {"level": "error", "msg": "error calling cart: read timed out"}))
        rows.append((at, "edge", f'10.0.0.1 - - [23/Nov/2026:18:00:00 +0000] "GET /{at} HTTP/1.1" 503 7'))
    rows += [(at, "cart", {"level": "info", "msg": "served"}) for at in range(0, 600, 5)]
    return lines(*rows)


def test_without_spans_it_is_the_last_whom_error_lines_name_one_after_another():
    windows = {"during": TimeRange(300 * S, 600 * S), "baseline": TimeRange(0, 300 * S)}
    out = suspects(_chain(), **windows)
    assert out["service"][0] == "cart"
    assert out["score"][0] >= 0.3
    assert out["score"][1] < out["score"][0]


def test_a_host_with_dots_is_found_in_the_words_of_errors():
    rows = [(at, "shop", {"level": "info", "msg": "served"}) for at in range(0, 600, 5)]
    rows += [
        (at, "shop", {"level": "error", "msg": "call api.pay.example: 503"}) for at in range(300, 600, 2)
    ]
    calls = [
        {
            "is": f"{at:032x} {at:016x} - shop POST",
            "at": (at * 1000, 20),
            "kind": "client",
            "server.address": "api.pay.example",
        }
        for at in range(0, 600, 5)
    ]
    windows = {"during": TimeRange(300 * S, 600 * S), "baseline": TimeRange(0, 300 * S)}
    out = suspects(lines(*rows), spans(*calls), **windows)
    assert (out["service"][0], out["cause_kind"][0]) == ("api.pay.example", "dependency")


def test_in_a_baseline_of_a_minute_a_latency_that_is_far_above_it_is_seen():
    moments = range(0, 240, 15)
    parts = []
    for service, slow in (("cart", 0.4), ("shop", 0.02)):
        took = [0.02 if at < 60 else slow for at in moments]
        for what, each in (("count", [30.0] * len(took)), ("sum", [30 * one for one in took])):
            columns = {"timestamp": [at * S for at in moments], "value": pl.Series(each).cum_sum()}
            parts.append(
                pl.DataFrame(columns).with_columns(
                    metric=pl.lit(f"http_server_requests_seconds_{what}"),
                    series_id=pl.lit(service + what),
                    service=pl.lit(service),
                )
            )
    series = pl.concat(parts).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    out = suspects(series=series, during=TimeRange(60 * S, 240 * S), baseline=TimeRange(0, 60 * S))
    assert out["service"][0] == "cart"
    assert out["score"][0] > 0.2
    assert _score(out, "shop") == [0]
