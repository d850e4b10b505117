"""The stand-in for Loki, held against what a real one answered."""

import json
from pathlib import Path

import pytest

from tests.standin.loki import LokiStandIn, Row, body_of, rows_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
#: Recorded answers that go beyond what the stand-in holds or evaluates; the real one held both incidents.
BEYOND = {
    "detected-fields",
    "detected-labels",
    "errors-parquet",
    "errors-protobuf",
    "volume",
    "volume-range",
    "vector-top",
    "error-series",
    "index-stats",  # the index counts whole chunks
    "buildinfo",
    "label-values-service",  # the label's name is part of the path
}


def _asked():
    for incident in ("slow-query", "datasource"):
        for note in sorted((RECORDINGS / incident / "loki").glob("*.json")):
            if note.stem not in BEYOND and (incident, note.stem) != ("datasource", "labels"):
                yield pytest.param(note, id=f"{incident}-{note.stem}")


@pytest.fixture(scope="module")
def stand_ins():
    return {
        name: LokiStandIn.from_recordings(RECORDINGS / name / "loki") for name in ("slow-query", "datasource")
    }


def _answer(stand_in, note):
    params = {name: [str(value)] for name, value in note["params"].items()}
    headers = {name.lower(): value for name, value in note["request_headers"].items()}
    return stand_in.answer(note["method"], note["path"], params, headers)


def _comparable(body):
    """What an answer says, whatever the order of streams, and of entries that share a nanosecond."""
    data = json.loads(body)["data"]
    if isinstance(data, list):
        return sorted(map(json.dumps, (sorted(x.items()) if isinstance(x, dict) else x for x in data)))
    if data["resultType"] == "streams":
        return sorted(
            (sorted(stream["stream"].items()), entry[0], entry[1], json.dumps(entry[2:], sort_keys=True))
            for stream in data["result"]
            for entry in stream["values"]
        )
    return data["result"]


def _settled(told, note, recorded):
    """Without the entries at the last timestamp of a full page, of which a server gives any."""
    entries = [entry for stream in json.loads(recorded)["data"]["result"] for entry in stream["values"]]
    if len(entries) < note["params"].get("limit", 100):
        return told
    times = [entry[0] for entry in entries]
    edge = max(times) if note["params"].get("direction") == "forward" else min(times)
    return [entry for entry in told if entry[1] != edge]


@pytest.mark.parametrize("path", list(_asked()))
def test_it_answers_what_a_real_loki_answered(path, stand_ins):
    note = json.loads(path.read_text("utf-8"))
    recorded = body_of(path.with_name(note["body"]))
    status, _, body = _answer(stand_ins[path.parents[1].name], note)
    assert status == note["status"]
    if status != 200 or note["path"] == "/ready":
        assert body.decode().strip() == recorded.decode().strip()
    elif note["path"].endswith("query_range") and b'"resultType":"streams"' in recorded[:200]:
        settled = _settled(_comparable(recorded), note, recorded)
        assert settled == _settled(_comparable(body), note, recorded)
    else:
        assert _comparable(body) == _comparable(recorded)


def test_what_it_counts_is_what_loki_counted(stand_ins):
    stand_in = stand_ins["slow-query"]
    note = json.loads((RECORDINGS / "slow-query" / "loki" / "matrix-error-rate.json").read_text("utf-8"))
    recorded = stand_in.recorded[note["params"]["query"]]
    (series,) = json.loads(_answer(LokiStandIn(stand_in.rows), note)[2])["data"]["result"]
    assert series["metric"] == recorded[0]["metric"]
    assert series["values"] == recorded[0]["values"]


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_the_fields_that_it_detects_are_those_that_loki_detected(incident, stand_ins):
    folder = RECORDINGS / incident / "loki"
    note = json.loads((folder / "detected-fields.json").read_text("utf-8"))
    recorded = json.loads(body_of(folder / note["body"]))["fields"]
    told = json.loads(_answer(stand_ins[incident], note)[2])["fields"]

    def known(fields):
        # Of which lines is the server's choice, and with it how many values there are.
        return sorted(
            json.dumps({key: value for key, value in one.items() if key != "cardinality"}, sort_keys=True)
            for one in fields
        )

    assert known(told) == known(recorded)


def test_several_tenants_bear_their_names_and_an_unknown_one_has_nothing():
    folder = RECORDINGS / "otlp-and-tenants" / "loki"
    (note, one), (_, two), (_, none) = (
        (json.loads((folder / f"{name}.json").read_text("utf-8")), body_of(folder / f"{name}.body"))
        for name in ("tenant-one", "tenant-two", "tenant-unknown")
    )
    both = [row for row in rows_of(two) if ("__tenant_id__", "globex") in row.stream]
    globex = [
        Row(row.ns, tuple(pair for pair in row.stream if pair[0] != "__tenant_id__"), row.line, row.metadata)
        for row in both
    ]
    stand_in = LokiStandIn(tenants={"acme": list(rows_of(one))[:10], "globex": globex})
    for tenant, recorded in (("acme|globex", two), ("nobody", none)):
        asked = {**note, "request_headers": {**note["request_headers"], "X-Scope-OrgID": tenant}}
        assert _comparable(_answer(stand_in, asked)[2]) == _comparable(recorded)
    asked = {**note, "request_headers": {}}
    assert _answer(stand_in, asked)[::2] == (401, b"no org id\n")


def test_without_times_it_looks_at_the_last_hour_and_without_a_limit_gives_a_hundred_newest():
    import time

    now = time.time_ns()
    rows = [Row(now - second * 10**9, (("app", "a"),), str(second)) for second in (*range(1, 200), 4_000)]
    status, _, body = LokiStandIn(rows).answer(
        "GET", "/loki/api/v1/query_range", {"query": ['{app="a"}']}, {}
    )
    (stream,) = json.loads(body)["data"]["result"]
    assert status == 200
    assert [line for _, line in stream["values"]] == [str(second) for second in range(1, 101)]
