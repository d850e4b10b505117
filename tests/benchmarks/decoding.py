"""Decoders against the floor that parsing alone is.

    python -m tests.benchmarks loki prometheus tempo

Each of them is the best of as many runs as fit into some seconds, at least five, in turn with its floor.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from obsnb.conventions import DEFAULT
from obsnb.digest import digest
from obsnb.sources.wire.loki import LogDecoder
from obsnb.sources.wire.otlp_spans import add_together, read_attribute, read_reply
from obsnb.sources.wire.prometheus import decode_matrix
from obsnb.sources.wire.span_table import SpanTable
from tests.benchmarks.made_up import matrix
from tests.benchmarks.measuring import Row, fastest, parser
from tests.standin.loki import body_of

__all__ = ["INCIDENT", "loki", "loki_pages", "prometheus", "tempo"]

INCIDENT = Path(__file__).parents[1] / "recordings" / "slow-query"
_LOKI, _PROMETHEUS, _SPANS_S = 2.5, 2.0, 100_000
_TRACES = 1_800  # about four megabytes: as many as are entered at once


def loki_pages() -> list[bytes]:
    """The recorded pages of an incident's lines."""
    return [body_of(path) for path in sorted((INCIDENT / "loki").glob("all-page-*.body*"))]


def loki() -> list[Row]:
    """Recorded pages of lines to a finished LOGS frame."""
    pages = loki_pages()
    name, parse = parser()

    def decode() -> object:
        decoder = LogDecoder(DEFAULT)
        return decoder.frame([decoder.read(page) for page in pages])

    frame = decode()
    ours, floor, hashing = fastest(decode, lambda: _discard(parse, pages), lambda: digest(frame))
    size = sum(map(len, pages)) / 1e6
    what = f"Loki's recorded pages to LOGS ({frame.height:,} lines, {size:.1f} MB)"
    return [
        _against(what, ours, floor, name, _LOKI),
        Row("its digest", f"{hashing * 1e3:.0f} ms", "decoding", f"{hashing / ours:.2f}"),
    ]


def prometheus() -> list[Row]:
    """A matrix of a million points to a finished SERIES frame."""
    body = matrix()
    name, parse = parser()

    def decode() -> object:
        return decode_matrix(body, query="made_up", conventions=DEFAULT)

    frame = decode()
    ours, floor, hashing = fastest(decode, lambda: _discard(parse, [body]), lambda: digest(frame))
    what = f"Prometheus' matrix to SERIES ({frame.height:,} points, {len(body) / 1e6:.1f} MB)"
    return [
        _against(what, ours, floor, name, _PROMETHEUS),
        Row("its digest", f"{hashing * 1e3:.0f} ms", "decoding", f"{hashing / ours:.2f}"),
    ]


def tempo() -> list[Row]:
    """Recorded whole traces, in protobuf, to a finished SPANS frame."""
    with zipfile.ZipFile(INCIDENT / "tempo" / "traces-v2-protobuf.zip") as members:
        bodies = [members.read(name) for name in members.namelist()]

    def decode() -> object:
        table = SpanTable(read_attribute)
        for first in range(0, len(bodies), _TRACES):
            some = bodies[first : first + _TRACES]
            add_together(table, [(read_reply(body).trace, True) for body in some])
        return table.frame(DEFAULT)

    spans = decode().height
    (ours,) = fastest(decode)
    what = f"Tempo's recorded traces to SPANS ({len(bodies):,} traces, {spans:,} spans)"
    speed = spans / ours
    goal = f"at least {_SPANS_S:,} spans/s"
    return [Row(what, f"{ours * 1e3:.0f} ms", "", f"{speed:,.0f} spans/s", goal, speed >= _SPANS_S)]


def _discard(parse: Callable[[bytes], object], bodies: Sequence[bytes]) -> None:
    for body in bodies:
        parse(body)


def _against(what: str, ours: float, floor: float, name: str, target: float) -> Row:
    ratio = ours / floor
    against = f"{floor * 1e3:.0f} ms to parse with {name}"
    return Row(
        what, f"{ours * 1e3:.0f} ms", against, f"{ratio:.2f} times", f"{target:g} times", ratio <= target
    )
