"""What the tests of the Loki source share: recordings, and a source that asks a stand-in in process."""

import json
from pathlib import Path

from obsnb.conventions import DEFAULT
from obsnb.sources.loki import Loki
from obsnb.timerange import TimeRange
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn

RECORDINGS = Path(__file__).parents[1] / "recordings"
SECOND = 10**9
T0 = 1_795_460_599_000_000_000
EDGE = TimeRange(T0, T0 + 1_000_000)
PROD = '{namespace="shop-prod"}'
PLAIN = {"content-type": "text/plain; charset=utf-8"}


def truth(name: str) -> tuple[dict[str, object], TimeRange]:
    """What is known of a recorded incident, and its window."""
    told = json.loads((RECORDINGS / name / "truth.json").read_text("utf-8"))
    return told, TimeRange(int(told["start"]) * SECOND, (int(told["end"]) + 1) * SECOND)


INCIDENT = truth("slow-query")[1]


def loki(backend: LokiStandIn, **settings: int) -> Loki:
    """A source that asks a backend without a network."""
    return Loki(DirectTransport(backend), conventions=DEFAULT, **settings)
