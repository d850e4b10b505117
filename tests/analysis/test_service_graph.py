"""Who calls whom, whose time and whose failure a span is, and which names mean one service."""

import polars as pl
import pytest

from obsnb.analysis.border import to_polars
from obsnb.analysis.nodes import nodes_of
from obsnb.analysis.service_graph import service_graph
from obsnb.analysis.service_names import service_names
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from tests.analysis.incidents import incident
from tests.analysis.made_up import MS, spans


def _server(number, parent, start, length, service, **further):
    above = "-" if parent is None else f"s{parent}"
    return {"is": f"t s{number} {above} {service} serve", "at": (start, length), "kind": "server"} | further


def _client(number, parent, start, length, service, **further):
    return {"is": f"t s{number} s{parent} {service} call", "at": (start, length), "kind": "client"} | further


def _edges(frame, **arguments):
    out = service_graph(frame, **arguments)
    return {(row["caller"], row["callee"]): row for row in out.to_dicts()}


def _nodes(*rows):
    return nodes_of(to_polars(spans(*rows), SPANS, needs=(), what="a test")).spans


def _origins(*rows):
    return _nodes(*rows)["origin"].drop_nulls().to_list()


_CALL = (_server(0, None, 0, 100, "shop"), _client(1, 0, 10, 60, "shop"), _server(2, 1, 12, 40, "stock"))


def test_a_call_counts_once_as_its_caller_saw_it():
    edges = _edges(spans(*_CALL))
    assert list(edges) == [("shop", "stock")]
    edge = edges["shop", "stock"]
    assert (edge["count"], edge["errors"], edge["peer"]) == (1, 0, False)
    assert edge["p50"].total_seconds() == edge["p95"].total_seconds() == 0.06


def test_a_call_without_a_client_span_is_the_callees_span_below_another_service():
    edges = _edges(spans(_server(0, None, 0, 100, "shop"), _server(1, 0, 10, 30, "stock", status="error")))
    assert edges["shop", "stock"]["errors"] == 1
    assert edges["shop", "stock"]["p50"].total_seconds() == 0.03


def test_what_has_no_spans_of_its_own_is_a_peer_under_the_name_that_its_callers_give_it():
    row = _client(1, 0, 10, 60, "shop") | {"db.system": "mysql", "server.address": "orders-db.prod:3306"}
    edges = _edges(spans(_server(0, None, 0, 100, "shop"), row))
    assert edges["shop", "orders-db.prod"]["peer"]


def test_an_address_or_a_spelling_of_a_known_service_is_that_service():
    rows = [
        _server(0, None, 0, 100, "shop"),
        _client(1, 0, 10, 6, "shop", **{"server.address": "stock-api.prod.svc.cluster.local:80"}),
        _client(2, 0, 20, 6, "shop", **{"server.address": "Stock_API"}),
        {"is": "u s0 - stock-api serve", "at": (0, 5), "kind": "server"},
    ]
    edges = _edges(spans(*rows))
    assert edges["shop", "stock-api"]["count"] == 2
    assert not edges["shop", "stock-api"]["peer"]


def test_an_alias_that_is_given_comes_before_what_is_found():
    row = _client(1, 0, 10, 60, "shop", **{"peer.service": "10.0.0.7"})
    edges = _edges(spans(_server(0, None, 0, 100, "shop"), row), services={"10.0.0.7": "ledger"})
    assert list(edges) == [("shop", "ledger")]


def test_a_kind_of_system_means_the_one_known_service_that_begins_like_it():
    rows = [
        _server(0, None, 0, 100, "shop"),
        _client(1, 0, 10, 6, "shop", **{"db.system": "postgresql"}),
        {"is": "u s0 - postgres exporter", "at": (0, 5), "kind": "internal"},
    ]
    assert ("shop", "postgres") in _edges(spans(*rows))


def test_a_call_of_its_own_host_is_nobodys_else():
    row = _client(1, 0, 10, 60, "shop", **{"server.address": "localhost"})
    assert _edges(spans(_server(0, None, 0, 100, "shop"), row)) == {}


def test_a_call_that_names_nobody_went_where_the_others_of_the_operation_went():
    rows = []
    for n in range(4):
        rows += [
            {"is": f"t{n} a - shop serve", "at": (0, 9), "kind": "server"},
            {"is": f"t{n} b a shop call", "at": (1, 5), "kind": "client"},
        ]
        if n:  # the first call was not answered
            rows.append({"is": f"t{n} c b stock serve", "at": (2, 3), "kind": "server"})
    assert _edges(spans(*rows))["shop", "stock"]["count"] == 4


def test_without_kinds_a_span_whose_children_are_all_elsewhere_is_a_call():
    kindless = [{key: value for key, value in row.items() if key != "kind"} for row in _CALL]
    assert list(_edges(spans(*kindless))) == [("shop", "stock")]
    table = _nodes(*kindless)
    assert table["edge"].to_list() == [0, 20 * MS, 0]


def test_a_statement_makes_a_span_without_a_kind_a_call_of_its_address():
    row = {"is": "t s1 s0 shop query", "at": (10, 20), "db.query.text": "SELECT 1", "server.address": "db-7"}
    assert list(_edges(spans({"is": "t s0 - shop serve", "at": (0, 100)}, row))) == [("shop", "db-7")]


def test_an_address_on_a_server_span_is_its_own_and_makes_no_call():
    row = _server(1, 0, 10, 20, "shop", **{"server.address": "shop.example"})
    assert _edges(spans(_server(0, None, 0, 100, "shop"), row)) == {}


def test_time_of_a_call_is_the_peers_and_time_on_the_way_is_the_edges():
    peer = _client(3, 0, 75, 20, "shop", **{"peer.service": "db"})
    table = _nodes(*_CALL, peer)
    assert table["node"].to_list() == ["shop", "shop", "stock", "db"]
    assert table["own"].to_list() == [20 * MS, 0, 40 * MS, 20 * MS]
    assert table["edge"].to_list() == [0, 20 * MS, 0, 0]


def test_a_clock_that_is_ahead_takes_no_time_from_the_way():
    late = (*_CALL[:2], _server(2, 1, 500, 40, "stock"))
    assert _nodes(*late)["edge"].to_list() == [0, 20 * MS, 0]


def test_a_failure_belongs_to_the_deepest_span_that_failed():
    failed = [row | {"status": "error"} for row in _CALL]
    assert _origins(*failed) == ["stock"]


def test_a_failure_is_followed_through_spans_that_say_nothing():
    rows = [_CALL[0] | {"status": "error"}, _CALL[1] | {"status": "unset"}, _CALL[2] | {"status": "error"}]
    assert _origins(*rows) == ["stock"]


def test_a_failed_call_of_what_has_no_spans_is_the_peers_failure():
    row = _client(1, 0, 10, 60, "shop", status="error", **{"peer.service": "db"})
    assert _origins(_server(0, None, 0, 100, "shop", status="error"), row) == ["db"]


def test_a_peer_that_found_the_request_wrong_did_not_fail():
    row = _client(1, 0, 10, 60, "shop", status="error", **{"peer.service": "db", "http.status_code": "400"})
    assert _origins(_server(0, None, 0, 100, "shop"), row) == ["shop"]


def test_who_waited_in_vain_is_not_at_fault_but_whoever_took_the_time():
    rows = [
        _server(0, None, 0, 100, "shop", status="error", status_message="deadline exceeded"),
        _client(1, 0, 1, 99, "shop"),
        _server(2, 1, 2, 150, "stock"),
        _client(3, 2, 3, 140, "stock", **{"peer.service": "db"}),
    ]
    assert _origins(*rows) == ["db"]


def test_without_statuses_http_and_grpc_codes_tell_who_failed():
    bare = [{key: value for key, value in row.items() if key != "kind"} for row in _CALL]
    http = [bare[0], bare[1], bare[2] | {"http.response.status_code": "503"}]
    assert _origins(*http) == ["stock"]
    grpc = [bare[0], bare[1], bare[2] | {"rpc.grpc.status_code": "13"}]
    assert _origins(*grpc) == ["stock"]


def test_an_exception_that_was_dealt_with_is_no_failure_where_statuses_are_set():
    handled = _CALL[2] | {"error.type": "NotFound", "status": "ok"}
    assert _origins(*_CALL[:2], handled) == []
    assert _origins(*_CALL[:2], _CALL[2] | {"error.type": "NotFound"}) == ["stock"]


def test_the_graph_of_a_real_incident_has_its_database_and_its_data_source():
    edges = _edges(incident("datasource").spans)
    backend = "observastack-backend"
    assert edges[backend, "postgres"]["peer"]
    assert edges[backend, "postgres"]["errors"] == 0
    assert not edges[backend, "loki"]["peer"]
    assert edges[backend, "loki"]["errors"] > 1_000
    assert edges[backend, "loki"]["p95"].total_seconds() > 8
    assert edges["observastack-frontend", backend]["count"] > edges[backend, "loki"]["count"]


@pytest.mark.parametrize("dropped", [("kind",), ("status", "status_message"), ("kind", "status")])
def test_the_graph_is_the_same_without_kinds_or_statuses(dropped):
    frame = incident("datasource").spans
    whole, less = _edges(frame), _edges(frame.drop(dropped))
    assert set(whole) == set(less)
    assert all(whole[edge]["count"] == less[edge]["count"] for edge in whole)
    errors = [abs(whole[edge]["errors"] - less[edge]["errors"]) for edge in whole]
    assert max(errors) <= 0.02 * max(row["errors"] for row in whole.values())


def test_names_of_one_service_are_folded_under_the_spelling_that_comes_first():
    names = service_names(
        pl.Series(["orders_api", "pay"]), pl.Series(["prod/Orders-API", "pay-7d4b9f6c8d-x2k4q"])
    )
    assert names.service("Orders-API") == "orders_api"
    assert names.service("prod/orders-api") == "orders_api"
    assert names.service("pay-7d4b9f6c8d-x2k4q") == "pay"
    assert names.service("svc-7") == "svc-7"
    assert sorted(names.known.values()) == ["orders_api", "pay"]


def test_services_with_numbers_are_not_pods_of_one():
    names = service_names(pl.Series(["svc-1", "svc-2"]))
    assert names.service("svc-1") == "svc-1"
    assert names.peer("svc-2:8080") == "svc-2"
    assert names.peer("svc-2-0.svc-2.prod.svc") == "svc-2"


def test_aliases_of_the_conventions_hold():
    conventions = DEFAULT.override({"service_aliases": {"pg": "orders-db"}})
    assert service_names(pl.Series(["shop"]), conventions=conventions).peer("pg") == "orders-db"


def test_pandas_and_arrow_in_give_the_same_graph_out():
    pytest.importorskip("pandas")
    frame = incident("slow-query").spans.head(800)
    frame = frame.select(
        "trace_id",
        "span_id",
        "parent_span_id",
        "service",
        "name",
        "kind",
        "start",
        "duration",
        "peer.service",
    )
    frame = frame.with_columns(pl.col("service", "kind").cast(pl.String))
    expected = service_graph(frame)
    assert pl.from_arrow(service_graph(frame.to_arrow())).equals(expected)
    back = pl.from_pandas(service_graph(frame.to_pandas()))
    assert back.drop("p50", "p95").equals(expected.drop("p50", "p95"))
    assert back["p95"].cast(pl.Int64).equals(expected["p95"].cast(pl.Int64))


def test_an_empty_frame_has_no_edges():
    out = service_graph(incident("slow-query").spans.head(0))
    assert out.is_empty()
    assert out.columns == ["caller", "callee", "peer", "count", "errors", "p50", "p95"]


def test_what_is_missing_is_said():
    with pytest.raises(FrameError) as error:
        service_graph(pl.DataFrame({"trace_id": ["t"]}))
    assert str(error.value) == (
        "service_graph needs the columns span_id, service, name, start, duration of SPANS; "
        "the frame has trace_id.\n"
        "Hint: obsnb.schema.SPANS lists what each column means; rename yours to match."
    )
