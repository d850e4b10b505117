"""Single texts, and plain values with texts in them, masked with `re`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from obsnb.redact.credentials import HINTS, SHIELDING
from obsnb.redact.fields import NO_VALUE
from obsnb.redact.plan import Plan
from obsnb.redact.shapes import MASK, SHIELD

__all__ = ["more", "redact_text", "redact_value"]


def redact_text(plan: Plan, text: str) -> tuple[str, dict[str, int]]:
    """A text with what the plan finds replaced, and how much of each kind there was."""
    counts: Counter[str] = Counter()
    out = text
    if plan.masking and _may_hold(text):
        out = SHIELDING.in_text(out)
        for rule in plan.masking:
            out = rule.in_text(out)
        out = out.replace(SHIELD, "")
        if out != text:
            counts.update(more(Counter(re.findall(MASK, out)), Counter(re.findall(MASK, text))))
    for step in plan.steps:
        if step.may(out):
            out = plan.take(step, out, counts)
    return out, dict(counts)


def _may_hold(text: str) -> bool:
    """Whether a secret can be in it: each has a hint in ASCII, in which other letters may pass for these."""
    low = text.lower()
    return not text.isascii() or any(word in low for word in HINTS)


def redact_value(plan: Plan, value: Any, counts: Counter[str]) -> Any:
    """Plain values (texts, lists, tables) with their texts redacted; what was found is added to the counts.

    The value of a key whose name alone says what it is goes whole, as in a frame's column of that name.
    """
    if isinstance(value, str):
        masked, found = redact_text(plan, value)
        counts.update(found)
        return masked
    if isinstance(value, Mapping):
        return {_key(plan, key, counts): _of_key(plan, key, inner, counts) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([redact_value(plan, inner, counts) for inner in value])
    return value


def _key(plan: Plan, key: Any, counts: Counter[str]) -> Any:
    return redact_value(plan, key, counts) if isinstance(key, str) else key


def _of_key(plan: Plan, key: Any, value: Any, counts: Counter[str]) -> Any:
    named = plan.named(key) if isinstance(key, str) and isinstance(value, str) else None
    if named is None or not value or re.fullmatch(NO_VALUE, value, re.IGNORECASE):
        return redact_value(plan, value, counts)
    made = plan.in_place_of(*named, value)
    if made != value:
        counts[named[0]] += 1
    return made


def more(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What there is more of: a mask that was there already is not counted again."""
    return dict(Counter(after) - Counter(before))
