"""One way from bytes to a frame, alone in a process: ``python peer.py NAME FOLDER``.

It imports nothing of obsnb unless it is obsnb that is measured, so that it runs in another environment.
FOLDER holds the answers as ``*.json``. It prints, as JSON, the rows of the frame, the seconds of the fastest
of three runs, and how much memory the first took above what the process had before: the peak of the
resident memory, as Linux counts it.
"""
# ruff: noqa: T201 - a command prints

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_RUNS = 3


def obsnb_series() -> Callable[[Sequence[bytes]], Any]:
    from obsnb.conventions import DEFAULT
    from obsnb.sources.wire.prometheus import decode_matrix

    return lambda bodies: decode_matrix(*bodies, query="made_up", conventions=DEFAULT)


def obsnb_logs() -> Callable[[Sequence[bytes]], Any]:
    from obsnb.conventions import DEFAULT
    from obsnb.sources.wire.loki import LogDecoder

    def decode(bodies: Sequence[bytes]) -> Any:
        decoder = LogDecoder(DEFAULT)
        return decoder.frame([decoder.read(body) for body in bodies])

    return decode


def prometheus_api_client() -> Callable[[Sequence[bytes]], Any]:
    from prometheus_api_client import MetricRangeDataFrame

    return lambda bodies: MetricRangeDataFrame([one for body in bodies for one in _result(body)])


def prometheus_pandas() -> Callable[[Sequence[bytes]], Any]:
    """Its own frame has a column a series: melted, it is tidy."""
    from prometheus_pandas.query import to_pandas

    def decode(bodies: Sequence[bytes]) -> Any:
        (body,) = bodies
        return to_pandas(json.loads(body)["data"]).melt(ignore_index=False)

    return decode


def loki_reader_core() -> Callable[[Sequence[bytes]], Any]:
    """It has no frames and drops metadata: a row an entry is made of what it reads."""
    import pandas as pd
    from loki_reader_core.models import QueryResult

    def rows(bodies: Sequence[bytes]) -> Iterable[dict[str, Any]]:
        for body in bodies:
            for stream in QueryResult.from_loki_response(json.loads(body)).streams:
                for entry in stream.entries:
                    yield {**stream.labels, "timestamp": entry.timestamp, "line": entry.message}

    def decode(bodies: Sequence[bytes]) -> Any:
        frame = pd.DataFrame(list(rows(bodies)))
        return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], unit="ns", utc=True))

    return decode


def _result(body: bytes) -> Any:
    return json.loads(body)["data"]["result"]


_WAYS = {
    "obsnb-series": obsnb_series,
    "obsnb-logs": obsnb_logs,
    "prometheus-api-client": prometheus_api_client,
    "prometheus-pandas": prometheus_pandas,
    "loki-reader-core": loki_reader_core,
}


def _resident(name: str) -> float:
    """``VmRSS`` or its peak, ``VmHWM``, in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    decode = _WAYS[sys.argv[1]]()
    bodies = [path.read_bytes() for path in sorted(Path(sys.argv[2]).glob("*.json"))]
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, best, told = _resident("VmRSS"), float("inf"), {}
    for run in range(_RUNS):
        began = time.perf_counter()
        frame = decode(bodies)
        best = min(best, time.perf_counter() - began)
        if run == 0:
            told = {"rows": len(frame), "mb": _resident("VmHWM") - before}
        del frame
    print(json.dumps({**told, "seconds": best}))


if __name__ == "__main__":
    main()
