"""Whether a dataset is complete, in one record of all its slices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from obsnb.instants import format_ns
from obsnb.ledger import Complete, QueryRecord
from obsnb.store.manifest import Manifest, Slice

__all__ = ["record_of"]

_SHOWN = 3


def record_of(manifest: Manifest, *, until_ns: int, stopped: str | None) -> QueryRecord:
    """The record of a dataset: sums over its slices, the least complete of them, and why.

    The digest is that of the rows where one slice has them all, else SHA-256 of the slices' digests,
    a line each, in order of time.
    """
    question, slices = manifest.question, manifest.slices
    complete, reason = _verdict(manifest, until_ns=until_ns, stopped=stopped)
    selections = dict.fromkeys(one.selection for one in slices if one.selection)
    return QueryRecord(
        question.kind,
        question.source,
        slices[-1].sent if slices else question.query,
        question.query,
        question.window,
        MappingProxyType(dict(question.params)),
        pages=sum(one.pages for one in slices),
        requests=sum(one.requests for one in slices),
        retries=sum(one.retries for one in slices),
        rows=sum(one.rows for one in slices),
        bytes=sum(one.bytes for one in slices),
        seconds=sum(one.seconds for one in slices),
        warnings=tuple(dict.fromkeys(text for one in slices for text in one.warnings)),
        complete=complete,
        reason=reason,
        selection="; ".join(selections) or None,
        digest=_digest(slices),
    )


def _verdict(manifest: Manifest, *, until_ns: int, stopped: str | None) -> tuple[Complete, str]:
    window, slices = manifest.question.window, manifest.slices
    told = [_told(one, alone=len(slices) == 1) for one in slices if one.complete == "no"]
    if stopped is not None:
        there = sum(one.window.duration_ns for one in slices) / window.duration_ns
        told.insert(0, f"{stopped}, when {there:.0%} of the window was there")
    if told:
        return "no", _first_of(told)
    told = [_told(one, alone=len(slices) == 1) for one in slices if one.complete == "unknown"]
    if window.end_ns > until_ns:
        told.append(f"the window ends after {format_ns(until_ns)}, when it was asked")
    if told:
        return "unknown", _first_of(told)
    reasons = _first_of(dict.fromkeys(one.reason for one in slices))
    return "yes", reasons if len(slices) == 1 else f"in each of {len(slices):,} slices: {reasons}"


def _told(one: Slice, *, alone: bool) -> str:
    return one.reason if alone else f"{one.window}: {one.reason}"


def _first_of(words: Iterable[str]) -> str:
    each = list(words)
    more = f" (and {len(each) - _SHOWN:,} more)" if len(each) > _SHOWN else ""
    return "; ".join(each[:_SHOWN]) + more


def _digest(slices: Sequence[Slice]) -> str:
    digests = [one.digest for one in slices if one.rows]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
