"""The stand-in answers as the recorded Tempo did."""

import json

import pytest

from tests.sources.asking_tempo import (
    INCIDENTS,
    RECORDINGS,
)
from tests.standin.tempo import TempoStandIn, recorded_body


@pytest.fixture(scope="module")
def slow_query():
    return TempoStandIn.from_recordings(RECORDINGS / "slow-query" / "tempo")


def told_of(body):
    """A search's answer, so that orders which the server does not keep do not matter."""
    return [
        (
            one["traceID"],
            one["startTimeUnixNano"],
            one.get("durationMs", 0),
            [
                (
                    part["matched"],
                    {
                        (
                            span["spanID"],
                            span.get("name"),
                            span["startTimeUnixNano"],
                            span.get("durationNanos"),
                            frozenset(
                                (item["key"], json.dumps(item["value"])) for item in span["attributes"]
                            ),
                        )
                        for span in part["spans"]
                    },
                )
                for part in one["spanSets"]
            ],
        )
        for one in json.loads(body)["traces"]
    ]


@pytest.mark.parametrize("search", ["search-errors", "search-slow-db", "search-empty"])
@pytest.mark.parametrize("incident", INCIDENTS)
def test_the_stand_in_finds_what_the_recorded_server_found(incident, search):
    folder = RECORDINGS / incident / "tempo"
    note = json.loads((folder / f"{search}.json").read_text("utf-8"))
    params = {name: [str(value)] for name, value in note["params"].items()}
    status, headers, body = TempoStandIn.from_recordings(folder).answer("GET", note["path"], params, {})
    assert (status, headers["content-type"]) == (note["status"], note["response_headers"]["content-type"])
    assert told_of(body) == told_of(recorded_body(folder / f"{search}.json"))


@pytest.mark.parametrize(
    "name",
    [
        *("error-parse", "error-start-after-end", "trace-bad-id", "trace-missing-v1", "trace-missing-v2"),
        *("trace-00-v1-json", "trace-01-v2-protobuf", "ready", "echo"),
    ],
)
def test_the_stand_in_answers_and_refuses_in_the_recorded_servers_words(name, slow_query):
    note = json.loads((RECORDINGS / "slow-query" / "tempo" / f"{name}.json").read_text("utf-8"))
    params = {key: [str(value)] for key, value in note["params"].items()}
    headers = {key.lower(): value for key, value in note["request_headers"].items()}
    status, _, body = slow_query.answer("GET", note["path"], params, headers)
    recorded = recorded_body(RECORDINGS / "slow-query" / "tempo" / f"{name}.json")
    assert status == note["status"]
    if name.endswith("v1-json"):
        assert json.loads(body) == json.loads(recorded)
    elif name.endswith("protobuf"):
        assert body[: len(body) - 2] == recorded[: len(body) - 2]  # metrics follow
    else:
        assert body.strip() == recorded.strip()


def test_the_stand_in_gives_recorded_metrics_at_the_recorded_times(slow_query):
    folder = RECORDINGS / "slow-query" / "tempo"
    note = json.loads((folder / "metrics-rate.json").read_text("utf-8"))
    params = {name: [str(value)] for name, value in note["params"].items()}
    body = json.loads(slow_query.answer("GET", note["path"], params, {})[2])
    recorded = json.loads(recorded_body(folder / "metrics-rate.json"))["series"]
    assert body["series"] == [{name: one[name] for name in ("labels", "samples")} for one in recorded]
