"""Made-up traces, and a Tempo to ask for them that fails where it is told to."""

import collections
import json
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from obsnb.conventions import DEFAULT
from obsnb.errors import UnreachableError
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from tests.standin.direct import DirectTransport
from tests.standin.tempo import TempoStandIn
from tests.standin.traces import key_value

RECORDINGS = Path(__file__).parents[1] / "recordings"
INCIDENTS = ("slow-query", "datasource")
SECOND = 10**9
BASE_S = 1_795_460_000
HOUR = TimeRange(BASE_S * SECOND, (BASE_S + 3_600) * SECOND)
ERRORS = "{ status = error }"
BROKEN = {"content-type": "text/plain; charset=utf-8"}


tenths = st.integers(0, 50).map(lambda number: number / 10)
made_spans = st.builds(
    lambda base_s, spans: [(base_s + later_s, duration, failed) for later_s, duration, failed in spans],
    tenths,  # seconds
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.1, 0.5, 2.0]),
            st.sampled_from([0, 1, 1, 2, 3, SECOND // 2, 4 * SECOND]),
            st.sampled_from([True, True, False]),
        ),
        min_size=1,
        max_size=6,
    ),
)


def window_of(incident):
    truth = json.loads((RECORDINGS / incident / "truth.json").read_text("utf-8"))
    return TimeRange(int(truth["start"]) * SECOND, (int(truth["end"]) + 1) * SECOND)


def asking(backend, **changes):
    return Tempo(DirectTransport(backend, name="tempo"), conventions=DEFAULT, **changes)


def trace(number, *spans):
    """A made-up trace; a span is (start in seconds after BASE, duration in ns, whether it failed)."""
    made = []
    for index, (start_s, duration, failed) in enumerate(spans, 1):
        start = BASE_S * SECOND + round(start_s * SECOND)
        made.append(
            Span(
                trace_id=number.to_bytes(16, "big"),
                span_id=index.to_bytes(8, "big"),
                parent_span_id=b"" if index == 1 else (1).to_bytes(8, "big"),
                name=f"operation {index}",
                kind=2,
                start_time_unix_nano=start,
                end_time_unix_nano=start + duration,
                status=Status(code=2 if failed else 0),
                attributes=[key_value("http.route", f"/{index}")],
            )
        )
    resource = Resource(attributes=[key_value("service.name", "shop")])
    return TracesData(resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])])


def many(count, *, apart_s=1.0, at_s=0.0):
    """So many traces of one failed span each."""
    return [trace(number + 1, (at_s + number * apart_s, 1_000, True)) for number in range(count)]


def keys(frame):
    return collections.Counter(frame.select("trace_id", "span_id").rows())


@dataclass
class Flaky:
    """A stand-in of which some requests fail, by their number or by what they ask."""

    backend: TempoStandIn
    fails: object
    answer_with: tuple = (500, BROKEN, b"internal error")
    asked: list = field(default_factory=list)

    def answer(self, method, path, params, headers):
        self.asked.append((path, params))
        if self.fails(len(self.asked), path, params):
            return self.answer_with
        return self.backend.answer(method, path, params, headers)


@dataclass
class Cut(DirectTransport):
    """A transport whose connection breaks at some requests."""

    breaks_at: frozenset = frozenset()

    def send(self, request):
        if len(self.requests) + 1 in self.breaks_at:
            self.requests.append(request)
            raise UnreachableError("tempo did not answer: the connection broke.")
        return super().send(request)
