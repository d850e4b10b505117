"""As much of LogQL as a stand-in needs: log queries of filters and `json`, and their counts and rates."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Counting", "LogQuery", "Refused", "counting", "duration_ns", "log_query"]

Labels = Mapping[str, str]
#: Line, labels known so far, parsed labels so far (to be added to) → whether the entry stays.
Stage = Callable[[str, Labels, dict[str, str]], bool]

_STRING = r'"(?:\\.|[^"\\])*"|`[^`]*`'
_MATCHER = re.compile(
    rf"\s*(?P<name>[a-zA-Z_]\w*)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING})?\s*(?P<end>[,}}])?"
)
_STAGE = re.compile(
    rf"\s*(?:(?P<line>\|=|\|~|!=|!~)\s*(?P<text>{_STRING})"
    rf"|\|\s*(?P<parser>json|logfmt)(?!\w)"
    rf"|\|\s*(?P<label>[a-zA-Z_]\w*)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING}))\s*"
)
_COUNTING = re.compile(
    r"(?P<sum>sum\s*(?:by\s*\((?P<by>[\w\s,]*)\))?\s*\()?\s*(?P<how>count_over_time|rate)\s*"
    r"\((?P<query>.*)\[(?P<range>\w+)\]\s*\)\s*(?(sum)\))",
    re.DOTALL,
)
_DURATION = re.compile(r"(\d+)(ns|us|ms|s|m|h|d|w)")
_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 604_800 * 10**9,
}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Refused(Exception):
    """The stand-in's answer is a refusal, in Loki's words."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words, self.status = words, status


@dataclass(frozen=True)
class LogQuery:
    """A log query: which streams, and what their entries go through."""

    matchers: tuple[Callable[[Labels], bool], ...]
    stages: tuple[Stage, ...]

    def chooses(self, stream: Labels) -> bool:
        """Whether its selector matches a stream."""
        return all(matches(stream) for matches in self.matchers)

    def parsed(self, line: str, known: Labels) -> dict[str, str] | None:
        """The parsed labels of an entry with these labels and metadata; None where it is filtered out."""
        out: dict[str, str] = {}
        return out if all(stage(line, known, out) for stage in self.stages) else None


@dataclass(frozen=True)
class Counting:
    """``count_over_time`` or ``rate`` of a log query, summed or not."""

    query: str
    range_ns: int
    rate: bool
    summed: bool
    by: tuple[str, ...]


def _range_ns(text: str) -> int:
    """A range's length: of whole milliseconds, as the real one has it."""
    for unit in ("ns", "us"):
        if re.search(rf"\d{unit}", text):
            raise Refused(f'parse error at line 0, col 51: unknown unit "{unit}" in duration "{text}"')
    return duration_ns(text)


def duration_ns(text: str) -> int:
    """Nanoseconds of ``1h30m``."""
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise Refused(f'parse error : not a valid duration string: "{text}"')
    return sum(int(number) * _NS[unit] for number, unit in parts)


def counting(query: str) -> Counting | None:
    """The metric query that a text is, or None where it is another one."""
    found = _COUNTING.fullmatch(query.strip())
    if found is None:
        return None
    by = tuple(name.strip() for name in (found["by"] or "").split(",") if name.strip())
    return Counting(
        found["query"].strip(),
        _range_ns(found["range"]),
        found["how"] == "rate",
        found["sum"] is not None,
        by,
    )


def log_query(text: str) -> LogQuery:
    """The log query that a text is; `Refused` as Loki would where it is none."""
    if not text.lstrip().startswith("{"):
        raise _unexpected(text, len(text) - len(text.lstrip()), "IDENTIFIER")
    place, matchers, asks = text.index("{") + 1, [], False
    while True:
        found = _MATCHER.match(text, place)
        if found is None:
            raise _unexpected(text, place, "$end" if not text[place:].strip() else "}")
        if found["value"] is None:
            raise _unexpected(text, found.end("op"), "IDENTIFIER, expecting STRING")
        if found["end"] is None:
            raise _unexpected(text, found.end("value"), "$end" if not text[found.end() :] else "IDENTIFIER")
        matches = _label_test(found["name"], found["op"], _unquoted(found["value"]))
        matchers.append(matches)
        asks = asks or (found["op"] in {"=", "=~"} and not matches({}))
        place = found.end()
        if found["end"] == "}":
            break
    if not asks:
        raise Refused(
            "parse error : queries require at least one regexp or equality matcher that does not have an "
            'empty-compatible value. For instance, app=~".*" does not meet this requirement, '
            'but app=~".+" will'
        )
    stages = []
    while text[place:].strip():
        found = _STAGE.match(text, place)
        if found is None:
            raise _unexpected(text, place, "IDENTIFIER")
        stages.append(_stage(found))
        place = found.end()
    return LogQuery(tuple(matchers), tuple(stages))


def _unexpected(text: str, place: int, what: str) -> Refused:
    place += len(text[place:]) - len(text[place:].lstrip())
    line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
    return Refused(f"parse error at line {line}, col {column}: syntax error: unexpected {what}")


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]

    def char(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)) if code else _ESCAPES.get(found[4], found[4])

    return _ESCAPE.sub(char, text[1:-1])


def _python(pattern: str) -> str:
    """Go's regular expression as Python writes it: other numbers of letters, another end of the text."""
    ended = re.sub(r"\$$", r"\\Z", pattern)
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), ended)


def _label_test(name: str, op: str, value: str) -> Callable[[Labels], bool]:
    """A label that is not there is empty; a regular expression matches the whole value."""
    if op in {"=", "!="}:
        return lambda labels: (labels.get(name, "") == value) == (op == "=")
    pattern = re.compile(_python(value), re.DOTALL)
    return lambda labels: (pattern.fullmatch(labels.get(name, "")) is not None) == (op == "=~")


def _stage(found: re.Match[str]) -> Stage:
    if found["parser"]:
        return _json if found["parser"] == "json" else _logfmt
    if found["label"]:
        test = _label_test(found["label"], found["op"], _unquoted(found["value"]))
        return lambda line, known, parsed: test({**known, **parsed})
    text, op = _unquoted(found["text"]), found["line"]
    if op in {"|=", "!="}:
        return lambda line, known, parsed: (text in line) == (op == "|=")
    pattern = re.compile(_python(text))
    return lambda line, known, parsed: (pattern.search(line) is not None) == (op == "|~")


def _json(line: str, known: Labels, parsed: dict[str, str]) -> bool:
    """The fields of a JSON line, nested ones joined by ``_``; a name that is known gets ``_extracted``."""
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("no object")
    except ValueError:
        parsed["__error__"] = "JSONParserErr"
        parsed["__error_details__"] = "Value looks like object, but can't find closing '}' symbol"
        return True
    _fields("", fields, known, parsed)
    return True


def _fields(prefix: str, fields: Mapping[str, object], known: Labels, parsed: dict[str, str]) -> None:
    for key, value in fields.items():
        name = prefix + re.sub(r"\W", "_", key)
        if isinstance(value, dict):
            _fields(f"{name}_", value, known, parsed)
        elif isinstance(value, bool | str | int | float):
            text = value if isinstance(value, str) else json.dumps(value)
            parsed[f"{name}_extracted" if name in known else name] = text


def _logfmt(line: str, known: Labels, parsed: dict[str, str]) -> bool:
    for name, quoted, bare in re.findall(r'([\w.]+)=(?:"((?:\\.|[^"\\])*)"|([^\s"]*))', line):
        key = re.sub(r"\W", "_", name)
        parsed[f"{key}_extracted" if key in known else key] = quoted or bare
    return True
