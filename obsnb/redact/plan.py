"""A policy made ready: which rules run where, and what stands in the place of what they find."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from obsnb.redact.addresses import V4_HINT, V6_HINT, VERSION_KEY, sub_v4, sub_v6
from obsnb.redact.cards import CARD_HINT, sub_cards
from obsnb.redact.credentials import HINTS, KEYS, RULES, SHIELDING
from obsnb.redact.emails import EMAIL_HINTS, sub_emails
from obsnb.redact.fields import Fields
from obsnb.redact.policy import Action, Policy
from obsnb.redact.pseudonyms import MASKED, Pseudonyms
from obsnb.redact.shapes import SHIELD, Rule

__all__ = ["Plan", "Step"]

_MASKED = re.compile(MASKED)


Act = Callable[[str, str], str]


@dataclass(frozen=True, repr=False)
class Step:
    """One thing that `re` looks for, and what a text must have in it to be worth a look.

    Attributes
    ----------
    sub
        The text with each find as the second argument has it.
    action
        What is done with a find of a kind.
    words, ignore_case, pattern
        Any of these words, or a pattern that `re` and polars both understand.
    versions
        Whether values of a key that says version are looked at.
    fields
        The named fields that it looks for, which a column has a faster way for.
    """

    sub: Callable[[str, Act], str]
    action: Callable[[str], Action]
    words: tuple[str, ...] = ()
    ignore_case: bool = False
    pattern: str = ""
    versions: bool = True
    fields: Fields | None = None

    def may(self, text: str) -> bool:
        """Whether the text is worth a look."""
        if self.pattern:
            return re.search(self.pattern, text) is not None
        where = text.lower() if self.ignore_case else text
        return any(word in where for word in self.words)

    def fits(self, key: str) -> bool:
        """Whether the values of a key are looked at: a version is no address."""
        return self.versions or not re.search(VERSION_KEY, key)


class Plan:
    """What is done with what, under one policy and one key.

    Attributes
    ----------
    masking
        Rules whose finds are masked: polars can run these over a whole column.
    steps
        All else, in order.
    named
        The kind and the action for all values of a key, where its name alone says them.
    """

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, known: Iterable[str] = ()) -> None:
        self._policy, self._pseudonyms = policy, pseudonyms
        self._known = tuple(known)
        kept = [rule for rule in RULES if policy.actions[rule.kind] != "keep"]
        self.masking = tuple(rule for rule in kept if policy.actions[rule.kind] == "mask")
        self._fields = tuple(_fields(policy))
        self.steps = tuple(self._steps([rule for rule in kept if policy.actions[rule.kind] != "mask"]))
        self.named = lru_cache(maxsize=4_096)(self._named)

    def _steps(self, other: Sequence[Rule]) -> Iterator[Step]:
        """Secrets that are not masked, named fields, personal data."""
        of = self._policy.actions.__getitem__
        if self._known and of("own-secret") != "keep":
            yield Step(partial(_sub_known, self._known), of, self._known)
        if other:
            yield Step(partial(_sub_shielded, other), of, HINTS, ignore_case=True)
        for fields, action in self._fields:
            of_fields = lambda _, action=action: action  # noqa: E731  # bound at once, in a loop
            yield Step(fields.sub, of_fields, fields.spellings, fields=fields)
        if of("email") != "keep":
            yield Step(sub_emails, of, EMAIL_HINTS)
        if (of("ip"), of("private-ip")) != ("keep", "keep"):
            yield Step(sub_v6, of, pattern=V6_HINT)
            yield Step(sub_v4, of, pattern=V4_HINT, versions=False)
        if of("card") != "keep":
            yield Step(sub_cards, of, pattern=CARD_HINT)

    def in_place_of(self, kind: str, action: Action, text: str) -> str:
        """What stands where a text of a kind stood; what was masked already stays."""
        if action == "keep" or _MASKED.fullmatch(text):
            return text
        if action == "mask":
            return f"[redacted:{kind}]"
        return self._pseudonyms.of(kind, text) if action == "pseudonym" else ""

    def digest(self, text: str, letters: int) -> str:
        """So many digits that stand for a text, by the plan's key."""
        return self._pseudonyms.digest(text, letters)

    def _named(self, key: str) -> tuple[str, Action] | None:
        for fields, action in self._fields:
            if fields.names_key(key):
                return fields.kind, action
        for kind, pattern in KEYS.items():
            if re.search(pattern, key):
                action = self._policy.actions[kind]
                return None if action == "keep" else (kind, action)
        return None

    def take(self, step: Step, text: str, counts: Counter[str]) -> str:
        """A text after a step; its finds are added to the counts."""

        def act(kind: str, found: str) -> str:
            made = self.in_place_of(kind, step.action(kind), found)
            if made != found:
                counts[kind] += 1
            return made

        return step.sub(text, act)


def _sub_known(known: Sequence[str], text: str, act: Act) -> str:
    for secret in known:
        if secret in text:
            made = act("own-secret", secret)
            text = text.replace(secret, made)
    return text


def _sub_shielded(rules: Sequence[Rule], text: str, act: Act) -> str:
    text = SHIELDING.in_text(text)
    for rule in rules:
        text = rule.sub(text, act)
    return text.replace(SHIELD, "")


def _fields(policy: Policy) -> Iterable[tuple[Fields, Action]]:
    """The stack's own first: what it says of a name goes before what is said of users."""
    for action in dict.fromkeys(policy.fields.values()):
        names = [name for name, said in policy.fields.items() if said == action]
        yield Fields.of("field", names), action
    users = [name for name in policy.user_fields if name not in policy.fields]
    if users and policy.actions["user"] != "keep":
        yield Fields.of("user", users), policy.actions["user"]
