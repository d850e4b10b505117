"""The values of named fields in a text: JSON, logfmt, query strings and SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["NO_VALUE", "Fields"]

_WS = r"[ \t]*"
#: What stands where no value is; it tells of nobody and stays.
NO_VALUE = (
    r"(?:%[a-z]|\{[A-Za-z0-9_.]*\}|\$\{?[A-Za-z0-9_]+\}?|<[^<>]*>|\*{3,}|x{3,}|-|\?|:[a-z_]+"
    r"|null|none|nil|true|false|undefined|unknown|anonymous|n/a|0)"
)
_NO_VALUE = re.compile(NO_VALUE, re.IGNORECASE)
_BARE = r"[^ \t-\r\"'`\\,;&|<>(){}\[\]]+"
#: What a column of another table looks like in SQL: ``orders.user_id=u.id``.
_COLUMN = r"(?!\w+\.\w*(?:id|name|email)\b)"

_GOES_ON = re.compile("[A-Za-z0-9_-]")
_VALUES = ("text", "rich", "number", "single", "double", "tight", "loose")


@dataclass(frozen=True)
class Fields:
    """A group of names whose values are treated alike.

    Attributes
    ----------
    spellings
        The names as they stand in texts: as they are written, in lower case, upper case and with a capital.
    behind
        What stands behind a name that has a value.
    """

    kind: str
    names: tuple[str, ...]
    spellings: tuple[str, ...]
    behind: re.Pattern[str]

    @classmethod
    def of(cls, kind: str, names: Iterable[str]) -> Fields:
        """The fields of these names."""
        known = tuple(names)
        spelt = [how for name in known for how in (name, name.lower(), name.upper(), name.capitalize())]
        spellings = tuple(sorted(dict.fromkeys(spelt), key=len, reverse=True))
        shapes = (
            rf"(?P<quote>(?:\\(?:\\\\)*)?\"){_WS}:{_WS}(?:(?P=quote)(?P<text>[^\"\\]+)(?=(?P=quote))"
            rf"|(?P<rich>\"(?:[^\"\\]|\\.)+\")|(?P<number>-?\d[\d.eE+-]*))",
            rf"'?{_WS}[:=]{_WS}'(?P<single>[^']+)(?=')",
            r"=\"(?P<double>(?:[^\"\\]|\\.)+)(?=\")",
            rf"={_COLUMN}(?P<tight>{_BARE})",
            rf"(?:[ \t]+=|:|=(?=[ \t])){_WS}(?P<loose>(?=[\w.+-]*\d)[\w.+-]+|[\w.+-]+@[\w.-]+)",
        )
        return cls(kind, known, spellings, re.compile("|".join(shapes)))

    def names_key(self, key: str) -> bool:
        """Whether a column or an attribute is one of them: by its name, or by what follows a dot in it."""
        low = key.lower()
        return any(low == name.lower() or low.endswith(f".{name.lower()}") for name in self.names)

    def sub(self, text: str, act: Callable[[str, str], str]) -> str:
        """The text with each value as ``act(kind, value)`` has it; JSON stays JSON."""
        out: list[str] = []
        done = 0
        for start, end in self._places(text):
            match = self.behind.match(text, end) if start >= done else None
            if match is None:
                continue
            part = next(name for name in _VALUES if match[name])
            value, mark = match[part], ""
            if part == "number":
                mark = match["quote"]
            elif part == "rich":
                value, mark = value[1:-1], '"'
            made = value if _NO_VALUE.fullmatch(value) else act(self.kind, value)
            if made != value:
                out += (text[done : match.start(part)], mark, made, mark)
                done = match.end(part)
        return "".join((*out, text[done:])) if out else text

    def _places(self, text: str) -> list[tuple[int, int]]:
        """Where the names begin and end, the longer first; `str.find` is many times faster than `re` here."""
        found = []
        for name in self.spellings:
            at = text.find(name)
            while at >= 0:
                if at == 0 or not _GOES_ON.match(text, at - 1):
                    found.append((at, at + len(name)))
                at = text.find(name, at + 1)
        return sorted(found, key=lambda place: (place[0], -place[1]))
