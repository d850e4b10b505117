"""How much memory a download takes, and how fast it is: made-up lines from loopback into Parquet.

    python -m tests.benchmarks.streaming --lines 10000000

Three processes: a server that makes its pages up as they are asked for, the download, and this one,
which checks what came. The peak of the download's resident memory is the operating system's own.
The parts are checked: as many rows as there are lines, each once, in order of time.
"""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.standin.serving import serving

_START_NS = 1_795_456_800_000_000_000
_EVERY_NS = 720_000  # so that ten million lines last two hours
_STREAMS = 4
_TEXTS = 50_000
_TARGET_MB = 600
_HEAD = '{"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":['
_LABELS = '{{"stream":{{"namespace":"prod","service_name":"service-{0}","pod":"pod-{0}"}},"values":['


class MadeUp:
    """A Loki with so many lines, one every 0.72 ms, in turn from four streams.

    Their texts repeat after fifty thousand, so that the server has less to do than what is measured.
    """

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self._rests = [_rest(number) for number in range(_TEXTS)]

    def answer(
        self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        first, end = (self._number(int(params[name][0])) for name in ("start", "end"))
        if path.endswith("/index/stats"):
            body = json.dumps({"streams": _STREAMS, "chunks": 1, "bytes": 1, "entries": end - first})
        else:
            body = self._page(first, min(end, first + int(params["limit"][0])))
        return 200, {"content-type": "application/json"}, body.encode()

    def _number(self, ns: int) -> int:
        """How many lines come before a nanosecond."""
        return min(max(0, -(-(ns - _START_NS) // _EVERY_NS)), self.lines)

    def _page(self, first: int, end: int) -> str:
        streams = []
        for stream in range(_STREAMS):
            numbers = range(first + (stream - first) % _STREAMS, end, _STREAMS)
            if numbers:
                entries = [f'["{_START_NS + n * _EVERY_NS}{self._rests[n % _TEXTS]}' for n in numbers]
                streams.append(_LABELS.format(stream) + ",".join(entries) + "]}")
        return _HEAD + ",".join(streams) + "]}}"


def _rest(number: int) -> str:
    """An entry after its time: the line, and the structured metadata."""
    line = f'level=info msg=\\"request {number} was served\\" method=GET path=/items status=200 took=12ms'
    trace = f"{number * 0x9E3779B97F4A7C15 & (1 << 64) - 1:032x}"
    return (
        f'","{line}",{{"structuredMetadata":{{"detected_level":"info","trace_id":"{trace}"}},"parsed":{{}}}}]'
    )


@contextmanager
def _served(lines: int) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(lines, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("enough")
        process.join()


def _serve(lines: int, pipe: multiprocessing.connection.Connection) -> None:
    with serving(MadeUp(lines)) as url:
        pipe.send(url)
        pipe.recv()


def _download(url: str, lines: int, folder: str) -> None:
    """What is measured: a process that downloads, and says what it took as one line of JSON."""
    import obsnb

    window = obsnb.TimeRange(_START_NS, _START_NS + lines * _EVERY_NS)
    began = time.perf_counter()
    with obsnb.connect(loki=url) as obs:
        obs.download("logs", '{namespace="prod"}', window, folder)
        record = obs.ledger[0]
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    told = {
        "seconds": seconds,
        "cpu_s": cpu,
        "bytes": record.bytes,
        "rows": record.rows,
        "pages": record.pages,
    }
    print(json.dumps(told | {"complete": record.complete, "peak_mb": peak}))


def measure(lines: int, *, folder: Path) -> dict[str, object]:
    """Rows, bytes, seconds and peak memory (MB) of a download of so many lines."""
    with _served(lines) as url:
        words = [sys.executable, "-m", "tests.benchmarks.streaming", "--download", url]
        words += ["--lines", str(lines), "--folder", str(folder)]
        ran = subprocess.run(words, check=True, capture_output=True, text=True)
    told: dict[str, object] = json.loads(ran.stdout)
    _check(lines, folder)
    return told


def _check(lines: int, folder: Path) -> None:
    """Every line once, in order of time."""
    import polars as pl

    at = 0
    for part in sorted(folder.glob("part-*.parquet")):
        times = pl.read_parquet(part, columns=["timestamp"])["timestamp"].to_physical()
        due = pl.int_range(at, at + len(times), eager=True) * _EVERY_NS + _START_NS
        assert (times == due).all(), f"{part.name} does not hold the lines that are due"
        at += len(times)
    assert at == lines, f"{at:,} of {lines:,} lines came"


def main(words: list[str] | None = None) -> int:
    """Measure, and print a line a figure; 1 where the target of memory was missed."""
    parser = argparse.ArgumentParser(description="The memory and the speed of a download.")
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--folder", help="where the dataset goes (a temporary folder, removed)")
    parser.add_argument("--download", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.download:
        _download(asked.download, asked.lines, asked.folder)
        return 0
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="obsnb-benchmark-"))
    try:
        told = measure(asked.lines, folder=folder / "dataset")
        stored = sum(path.stat().st_size for path in (folder / "dataset").iterdir())
    finally:
        if not asked.folder:
            shutil.rmtree(folder)
    seconds, size, peak = float(str(told["seconds"])), int(str(told["bytes"])), float(str(told["peak_mb"]))
    pages, mb = told["pages"], size / 1e6
    print(f"lines        {asked.lines:>12,}     each once, in order; complete: {told['complete']}")
    print(f"answers      {mb:>12,.0f} MB  in {pages:,} pages; {stored / 1e6:,.0f} MB on disk")
    print(
        f"wall time    {seconds:>12,.1f} s   {asked.lines / seconds:,.0f} lines/s, {mb / seconds:,.0f} MB/s"
    )
    print(f"CPU time     {told['cpu_s']:>12,.1f} s   of the download alone, its start included")
    print(f"peak memory  {peak:>12,.0f} MB  target: under {_TARGET_MB}")
    return 0 if peak < _TARGET_MB else 1


if __name__ == "__main__":
    sys.exit(main())
