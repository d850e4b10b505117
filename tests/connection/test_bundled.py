"""The bundled incidents are what the recorded servers answer today, through today's loaders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import obsnb
from obsnb.query.roles import role_queries
from tests.standin import capture

_NAME = "datasource"


@pytest.fixture(scope="module")
def live() -> Iterator[obsnb.Connection]:
    with ExitStack() as stack:
        yield capture.connected(stack, _NAME)


@pytest.fixture(scope="module")
def frozen() -> obsnb.Connection:
    return obsnb.open_archive(_NAME)


def test_its_window_and_scope_are_the_recordings(frozen: obsnb.Connection) -> None:
    truth, window = capture.truth_of(_NAME)
    assert (frozen.window, dict(frozen.scope)) == (window, {"namespace": truth["namespace"]})


def test_every_query_was_answered_whole(frozen: obsnb.Connection) -> None:
    assert {record.role: record.complete for record in frozen.recorded} == {
        role: "yes"
        for role in role_queries(frozen.scope, frozen.conventions)
        if role not in {"errors.logs", "slow.logs", "deployments.logs"}
    }


@pytest.mark.parametrize(
    "role",
    [
        "scope.logs",
        "requests.total",
        "requests.duration",
        "resources",
        "builds",
        "alerts",
        "requests.exemplars",
    ],
)
def test_lines_and_numbers_are_the_same(live: obsnb.Connection, frozen: obsnb.Connection, role: str) -> None:
    assert frozen.window is not None
    theirs = live.role(role, frozen.window, scope=frozen.scope)
    ours = frozen.role(role, frozen.window, scope=frozen.scope)
    assert theirs is not None
    assert ours is not None
    assert ours.equals(theirs)


def test_traces_are_the_same(live: obsnb.Connection, frozen: obsnb.Connection) -> None:
    assert frozen.window is not None
    spans = frozen.role("errors.spans", frozen.window, scope=frozen.scope)
    assert spans is not None
    for trace_id in spans["trace_id"].unique().sort().head(5):
        ours, theirs = frozen.trace(trace_id), live.trace(trace_id)
        assert ours.height > 1
        shared = [name for name in ours.columns if name in theirs.columns]
        assert ours.select(shared).equals(theirs.select(shared))
        assert all(ours[name].null_count() == ours.height for name in ours.columns if name not in shared)


def test_a_part_of_the_lines_is_what_the_servers_filter_gives(
    live: obsnb.Connection, frozen: obsnb.Connection
) -> None:
    assert frozen.window is not None
    found = live.logs('{namespace="data-prod"} |= "error"', frozen.window)
    whole = frozen.logs('{namespace="data-prod"}')
    kept = whole.filter(whole["line"].str.contains("error", literal=True))
    core = ["timestamp", "line", "row_id"]
    assert 0 < found.height < whole.height
    assert found.select(core).equals(kept.select(core))
