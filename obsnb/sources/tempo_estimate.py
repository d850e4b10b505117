"""What a question would ask of Tempo, which says nothing of it beforehand."""

from __future__ import annotations

from obsnb.ledger import QueryRecord
from obsnb.sources.estimates import Estimate, Question

__all__ = ["tempo_estimate"]

#: A longer range is refused by Tempo, and searched in parts.
_LONGEST_NS = 168 * 3_600 * 10**9
#: Parts of the window that a sample of traces is spread over.
_SAMPLES = 60
_DAY_NS = 86_400 * 10**9

_SEARCH = "Tempo does not say beforehand what it has: a search that comes full is cut in two, and sent again"


def tempo_estimate(name: str, question: Question) -> Estimate:
    """The fewest requests that the question takes; nothing is sent."""
    length, note = question.window.duration_ns, _SEARCH
    parts = -(-length // _LONGEST_NS)
    if question.verb in {"metrics", "exemplars"}:
        note = "Tempo does not say beforehand what it has"
        parts = -(-length // _DAY_NS)
    elif question.limit is not None:
        parts = max(parts, min(question.limit, _SAMPLES))
    if question.whole:
        note += ", and a request more for each trace"
    text = question.query
    record = QueryRecord("index", name, text, text, question.window, {"of": "estimate"}, reason=note)
    return Estimate(name, question, record, requests=parts, note=note)
