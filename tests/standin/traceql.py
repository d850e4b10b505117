"""The part of TraceQL that the stand-in evaluates, span by span.

Stages joined by ``|``: span set filters of comparisons with ``&&``, ``||``, ``!`` and brackets,
``count()`` compared with a number, ``select(...)``, and ``with (...)`` at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_TOKEN = re.compile(
    r'\s*(?P<token>"(?:\\.|[^"\\])*"|`[^`]*`|&&|\|\||!=|!~|=~|>=|<=|[{}()|,=<>!]'
    r'|(?:resource|span|event|link|instrumentation)?\.(?:"(?:\\.|[^"\\])*"|[\w.\-/]+)'
    r"|-?\d[\w.]*|[A-Za-z_][\w:]*)"
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_WORDS = {
    *("ok", "error", "unset"),
    *("server", "client", "internal", "producer", "consumer", "unspecified"),
}
_INTRINSICS = {
    "span:name": "name",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "span:duration": "duration",
    "name": "name",
    "kind": "kind",
    "status": "status",
    "statusMessage": "statusMessage",
    "duration": "duration",
    "span:id": "span:id",
    "span:parentID": "span:parentID",
    "trace:id": "trace:id",
    "nestedSetParent": "nestedSetParent",
}
_OPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "=~": lambda a, b: re.fullmatch(b, a) is not None,
    "!~": lambda a, b: re.fullmatch(b, a) is None,
}


class Span(Protocol):
    """What a condition asks of a span."""

    def look_up(self, name: str) -> Any:
        """The value of an intrinsic or a scoped attribute; None where there is none."""


class ParseError(Exception):
    """The text is not of this part of TraceQL."""

    def __init__(self, column: int, unexpected: str) -> None:
        super().__init__(
            f"invalid TraceQL query: parse error at line 1, col {column}: syntax error: "
            f"unexpected {unexpected}"
        )


Condition = Callable[[Span], bool]
Stage = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Query:
    """A parsed query.

    Attributes
    ----------
    stages
        The text of each, and what it does: take the matching spans of a trace, give those that are
        left.
    named
        The intrinsics and attributes that it names: those come back in a search.
    hints
        What stands in ``with (...)``.
    """

    stages: tuple[tuple[str, Stage], ...]
    named: tuple[str, ...]
    hints: Mapping[str, str]


def parse(text: str) -> Query:
    """Parse a query. Raises `ParseError`."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, int]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ParseError(at + 1, repr(text[at]))
            self._tokens.append((found["token"], found.start("token") + 1))
            at = found.end()
        self._end = len(text) + 1
        self._at = 0
        self._named: list[str] = []

    def query(self) -> Query:
        stages = [self._told(self._stage)]
        hints: dict[str, str] = {}
        while self._peek() is not None:
            if self._peek() == "with":
                hints = self._hints()
                break
            self._take("|")
            stages.append(self._told(self._stage))
        if self._peek() is not None:
            raise self._unexpected()
        return Query(tuple(stages), tuple(dict.fromkeys(self._named)), hints)

    def _told(self, parse: Callable[[], Stage]) -> tuple[str, Stage]:
        first = self._at
        stage = parse()
        return " ".join(token for token, _ in self._tokens[first : self._at]), stage

    def _stage(self) -> Stage:
        if self._peek() == "{":
            self._take("{")
            condition = (lambda span: True) if self._peek() == "}" else self._either()
            self._take("}")
            return lambda spans: [span for span in spans if condition(span)]
        if self._peek() == "select":
            self._take("select")
            self._take("(")
            self._field()
            while self._peek() == ",":
                self._take(",")
                self._field()
            self._take(")")
            return lambda spans: spans
        if self._peek() == "count":
            for token in ("count", "(", ")"):
                self._take(token)
            compare, bound = self._operator(), self._value()
            return lambda spans: spans if compare(len(spans), bound) else []
        raise self._unexpected()

    def _either(self) -> Condition:
        left = self._both()
        while self._peek() == "||":
            self._take("||")
            left = _either(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self._peek() == "&&":
            self._take("&&")
            left = _both(left, self._one())
        return left

    def _one(self) -> Condition:
        if self._peek() == "!":
            self._take("!")
            inner = self._one()
            return lambda span: not inner(span)
        if self._peek() == "(":
            self._take("(")
            inner = self._either()
            self._take(")")
            return inner
        name = self._field()
        compare, value = self._operator(), self._value()
        return lambda span: _holds(compare, span.look_up(name), value)

    def _field(self) -> str:
        token = self._next()
        if token in _INTRINSICS:
            name = _INTRINSICS[token]
        elif "." in token and not token.startswith(('"', "`")) and not token[0].isdigit():
            scope, _, key = token.partition(".")
            name = f"{scope}.{_unquoted(key) if key.startswith(chr(34)) else key}"
        else:
            self._at -= 1
            raise self._unexpected()
        self._named.append(name)
        return name

    def _operator(self) -> Callable[[Any, Any], bool]:
        token = self._next()
        if token not in _OPS:
            self._at -= 1
            raise self._unexpected()
        return _OPS[token]

    def _value(self) -> Any:
        token = self._next()
        if token.startswith(('"', "`")):
            return _unquoted(token)
        if token in _WORDS:
            return token
        if token in {"true", "false"}:
            return token == "true"
        if token == "nil":
            return None
        if _NUMBER.fullmatch(token):
            return float(token) if "." in token else int(token)
        parts = _DURATION.findall(token)
        if parts and "".join(a + b for a, b in parts) == token:
            return sum(round(float(number) * _NS[unit]) for number, unit in parts)
        self._at -= 1
        raise self._unexpected()

    def _hints(self) -> dict[str, str]:
        hints = {}
        self._take("with")
        self._take("(")
        while self._peek() != ")":
            name = self._next()
            self._take("=")
            hints[name] = self._next()
            if self._peek() == ",":
                self._take(",")
        self._take(")")
        return hints

    def _peek(self) -> str | None:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek()
        if token is None:
            raise self._unexpected()
        self._at += 1
        return token

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise self._unexpected()
        self._at += 1

    def _unexpected(self) -> ParseError:
        if self._at < len(self._tokens):
            token, column = self._tokens[self._at]
            return ParseError(column, token)
        return ParseError(self._end, "$end")


def _either(a: Condition, b: Condition) -> Condition:
    return lambda span: a(span) or b(span)


def _both(a: Condition, b: Condition) -> Condition:
    return lambda span: a(span) and b(span)


def _holds(compare: Callable[[Any, Any], bool], have: Any, want: Any) -> bool:
    """A comparison: what is absent equals nil alone, other types never compare."""
    if have is None or want is None:
        return (compare is not _OPS["!="] and have is want) or (
            compare is _OPS["!="] and want is None and have is not None
        )
    numbers = isinstance(have, int | float) and isinstance(want, int | float)
    if isinstance(have, bool) is not isinstance(want, bool) or not (numbers or type(have) is type(want)):
        return False
    return compare(have, want)


def _unquoted(token: str) -> str:
    return token[1:-1] if token.startswith("`") else re.sub(r"\\(.)", r"\1", token[1:-1])
