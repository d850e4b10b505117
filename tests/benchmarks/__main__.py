"""Measure, and print one table.

    python -m tests.benchmarks                    all of them, some minutes
    python -m tests.benchmarks loki prometheus    just some

============  ==========================================================================================
loki          recorded pages to a finished frame, against parsing them alone
prometheus    a matrix of a million points to a finished frame, against parsing it alone
tempo         whole traces to a finished frame, spans a second
pull          a whole pull from a real Prometheus, against downloading the same bytes
peers         the same bytes to a tidy frame, against other packages: time and memory
redaction     what is found, missed and wrongly taken of a made-up corpus, and half a million lines
download      lines streamed to Parquet: peak memory
scale         the analysis on large frames: seconds and memory
widgets       in a JupyterLab in Chromium: first paint and scrolling of a million lines, ten thousand spans
============  ==========================================================================================
"""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from tests.benchmarks import decoding, drawing, peers, pulling, redacting, scaling
from tests.benchmarks.measuring import Row, table

BENCHMARKS: Mapping[str, Callable[[], list[Row]]] = {
    "loki": decoding.loki,
    "prometheus": decoding.prometheus,
    "tempo": decoding.tempo,
    "pull": pulling.pull,
    "peers": peers.peers,
    "download": pulling.download,
    "scale": scaling.scale,
    "widgets": drawing.widgets,
    "redaction": redacting.redaction,
}


def main(words: list[str] | None = None) -> int:
    """Measure what is named, or all; 1 where a target was missed."""
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure obsnb.")
    reader.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; all where none is named")
    names = reader.parse_args(words).names or list(BENCHMARKS)
    rows: list[Row] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += BENCHMARKS[name]()
    print(table(rows))
    return 1 if any(row.reached is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
