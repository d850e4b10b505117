"""Fixtures of the sources' tests."""

import pytest

from tests.sources.asking_loki import RECORDINGS
from tests.standin.loki import LokiStandIn


@pytest.fixture(scope="session")
def slow_query() -> LokiStandIn:
    """The lines of an incident of an hour, and the edge cases that were recorded beside it."""
    return LokiStandIn.from_recordings(RECORDINGS / "slow-query" / "loki")
