"""Found against missed, and wrongly taken against left alone."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from obsnb.redact import Redactor
from tests.redact.corpus.held_out import HELD_OUT
from tests.redact.corpus.lookalikes import LOOKALIKES
from tests.redact.corpus.places import PLACES
from tests.redact.corpus.sentences import SENTENCES
from tests.redact.corpus.values import VALUES

__all__ = ["Measured", "measure_held_out", "measure_lookalikes", "measure_secrets"]


@dataclass(frozen=True)
class Measured:
    """How many there were, how many came off well, and which did not.

    Attributes
    ----------
    good, of
        By kind.
    bad
        Kind and sentence or place → how often it went wrong.
    """

    good: Counter[str]
    of: Counter[str]
    bad: Counter[tuple[str, str]]

    def share(self, kind: str) -> float:
        """How much of a kind came off well, 0 to 1."""
        return self.good[kind] / self.of[kind]


def _left(secret: str, text: str) -> bool:
    """Whether half of a secret in one piece, or five letters of it, is still in a text."""
    piece = min(len(secret), max(5, len(secret) // 2))
    return any(secret[at : at + piece] in text for at in range(len(secret) - piece + 1))


def measure_secrets(redactor: Redactor, *, hard: bool, everywhere: bool = True, seed: int = 7) -> Measured:
    """Every kind in every sentence in every place; found is what no half is left of.

    Parameters
    ----------
    hard
        The sentences that were thought hard, or the others.
    everywhere
        Else each sentence stands in one place, the next one in the next.
    """
    chosen = {}
    for kind, sentences in SENTENCES.items():
        easy = sentences.index(None) if None in sentences else len(sentences)
        chosen[kind] = [
            one for one in (sentences[easy + 1 :] if hard else sentences[:easy]) if one is not None
        ]
    return _measure(redactor, chosen, everywhere=everywhere, seed=seed)


def measure_held_out(redactor: Redactor, *, everywhere: bool = True, seed: int = 13) -> Measured:
    """The same of the sentences that nothing was bettered by."""
    return _measure(redactor, HELD_OUT, everywhere=everywhere, seed=seed)


def _measure(
    redactor: Redactor, chosen: Mapping[str, Sequence[str]], *, everywhere: bool, seed: int
) -> Measured:
    chance = random.Random(seed)
    good, of, bad = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    every = list(PLACES.values())
    turns = itertools.cycle([one] for one in every)
    for kind, sentences in chosen.items():
        for sentence in sentences:
            for redacted in every if everywhere else next(turns):
                secret = VALUES[kind](chance)
                text = sentence.format(secret, j=json.dumps(secret, ensure_ascii=False)[1:-1])
                found = not _left(secret, redacted(redactor, text))
                of[kind] += 1
                good[kind] += found
                bad[kind, sentence] += not found
    return Measured(good, of, +bad)


def measure_lookalikes(redactor: Redactor, *, times: int = 20, seed: int = 11) -> Measured:
    """Every look-alike, many times; well is one that stays letter for letter."""
    chance = random.Random(seed)
    good, of, bad = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for what, line in LOOKALIKES.items():
        for _ in range(times):
            text = line(chance)
            kept = redactor.text(text)[0] == text
            of[what] += 1
            good[what] += kept
            bad[what, text] += not kept
    return Measured(good, of, +bad)
