"""Windows that begin before what a Tempo still has are not called whole."""

import pytest

from obsnb.instants import format_ns, now_ns
from obsnb.sources.tempo_reach import CONFIG_PATH
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import BROKEN, ERRORS, SECOND, Flaky, asking
from tests.standin.tempo import TempoStandIn

HOUR = 3_600 * SECOND
CONFIG = """\
compactor:
    compaction:
        block_retention: 24h0m0s
overrides:
    defaults:
        compaction:
            block_retention: {tenants}
"""


def telling(config, *, status=200):
    """A Tempo without a span that tells its configuration."""
    return asking(
        Flaky(TempoStandIn.of(), lambda _n, path, _p: path == CONFIG_PATH, (status, BROKEN, config))
    )


def ago(start_h, end_h=1):
    now = now_ns()
    return TimeRange(now - start_h * HOUR, now - end_h * HOUR)


@pytest.mark.parametrize(("tenants", "kept_h"), [("0s", 24), ("40h0m0s", 40)])
def test_a_window_of_whose_beginning_nothing_came_is_held_to_the_servers_retention(tenants, kept_h):
    source = telling(CONFIG.format(tenants=tenants).encode())
    window = ago(kept_h + 1)
    record = source.spans(ERRORS, window).record
    edge = format_ns(record.asked_at_ns - kept_h * HOUR)
    assert (record.complete, record.reason) == (
        "unknown",
        f"the window begins earlier, and the server keeps nothing from before {edge} (block_retention)",
    )
    again = source.spans(ERRORS, window).record
    assert (again.complete, again.requests) == ("unknown", record.requests - 1)  # it is asked for it once
    assert source.spans(ERRORS, ago(kept_h - 1)).record.complete == "yes"


@pytest.mark.parametrize(
    ("config", "status"), [(b"target: all\n", 200), (CONFIG.encode(), 404), (b"\xff block_retention: x", 200)]
)
def test_a_server_that_does_not_tell_changes_nothing(config, status):
    assert telling(config, status=status).spans(ERRORS, ago(100)).record.complete == "yes"
