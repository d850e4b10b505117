r"""Stack traces of Rust, Ruby, PHP and Elixir, and what C++ says of an exception, as their runtimes print it.

Rust names the place of a panic and then what it says; calls follow only with ``RUST_BACKTRACE``. Ruby
names the place first and the exception's class last, Rails and Elixir the other way round. PHP's
numbered calls say where something was called, so that the place where it was raised stands above them.
"""

from __future__ import annotations

import re

from obsnb.analysis.stacks import Stack, frame_of, message_of, named

__all__ = ["MORE_MARKS", "read_more"]

#: One of these is in every text that `read_more` can read.
MORE_MARKS = (" panicked at ", ":in `", ":in '", "\n#0 ", "** (", "terminate called after")

_RUST = re.compile(
    r"thread '[^'\n]*'(?: \(\d+\))? panicked at (?:'(?P<old>(?:[^'\\]|\\.|'(?!, ))*)', )?"
    r"(?P<path>[^\s:]+):(?P<line>\d+):\d+(?::\n(?P<said>.*?)(?=\nnote: |\nstack backtrace:|\Z))?",
    re.S,
)
_RUST_FRAME = re.compile(
    r"^ *\d+: (?:0x[0-9a-f]+ - )?(?P<function>\S.*)\n +at (?P<path>[^\s:]+):(?P<line>\d+)(?::\d+)?$", re.M
)
_RUBY_FRAME = re.compile(
    r"^[ \t]*(?:from |#\d+ )?(?P<path>[^\s:'\"]+):(?P<line>\d+):in [`'](?P<function>[^'\n]+)'", re.M
)
_RUBY_HEAD = re.compile(
    r"^[^\s:'\"]+:\d+:in [`'][^'\n]+': (?P<message>.*) \((?P<type>[A-Z]\w*(?:::\w+)*)\)$", re.M
)
_RAILS_HEAD = re.compile(r"^(?P<type>[A-Z]\w*(?:::\w+)*) \((?P<message>.*)\):\s*$", re.M)
_RUBY_SAID = re.compile(r"^(?:\S+: )?(?P<type>[A-Z]\w*[a-z]\w*(?:::\w+)*): (?P<message>.*)$", re.M)
_PHP_HEAD = re.compile(
    r"(?:Uncaught |Next |^)(?P<type>[A-Za-z_][\w\\]*)(?:: (?P<message>.*?))? in (?P<path>/?\S+):"
    r"(?P<line>\d+)\n"
    r"Stack trace:\n",
    re.M | re.S,
)
_MONOLOG_HEAD = re.compile(
    r"\((?P<type>[A-Za-z_][\w\\]*)\(code: [^)]*\): (?P<message>.*?) at (?P<path>\S+):"
    r"(?P<line>\d+)\)\s*\n\[stacktrace\]\n",
    re.S,
)
_PHP_FRAME = re.compile(
    r"^#\d+ (?:(?P<path>[^\s(]+)\((?P<line>\d+)\)|\[internal function\]): (?P<function>[^(\n]+)\(|^#\d+"
    r" \{main\}",
    re.M,
)
_CPP = re.compile(
    r"^terminate called after throwing an instance of '(?P<type>[^'\n]+)'"
    r"(?:\n\s*what\(\):\s+(?P<message>.*))?",
    re.M,
)
_ELIXIR_HEAD = re.compile(r"^\*\* \((?P<type>[\w.]+)\) (?P<message>.*?)(?=\n {4}\S|\Z)", re.M | re.S)
_ELIXIR_FRAME = re.compile(
    r"^ {4}(?:\((?P<app>[\w.\- ]+)\) )?(?P<path>\S+?\.(?:exs?|erl|eex|heex)):(?P<line>\d+): "
    r"(?P<function>\S.*)$",
    re.M,
)


def read_more(text: str) -> Stack | None:
    """The stack trace in a text, or None where there is none of these languages.

    Parameters
    ----------
    text
        A field that holds a stack trace, or a line of several lines with one in it.
    """
    for mark, read in (
        (" panicked at ", _rust),
        ("terminate called after", _cpp),
        ("\n#0 ", _php),
        ("** (", _elixir),
        (":in ", _ruby),
    ):
        found = read(text) if mark in text else None
        if found is not None:
            return found
    return None


def _rust(text: str) -> Stack | None:
    panic = _RUST.search(text)
    if panic is None:
        return None
    calls = [frame_of(f["path"], f["function"], f["line"]) for f in _RUST_FRAME.finditer(text)]
    if not calls:
        calls = [frame_of(panic["path"], "<unknown>", panic["line"])]
    return Stack("panic", message_of(panic["old"] or panic["said"]), tuple(calls))


def _cpp(text: str) -> Stack | None:
    told = _CPP.search(text)
    return None if told is None else Stack(told["type"], message_of(told["message"]), ())


def _ruby(text: str) -> Stack | None:
    found = list(_RUBY_FRAME.finditer(text))
    if not found:
        return None
    calls = tuple(frame_of(f["path"], f["function"], f["line"]) for f in found)
    above = text[: found[0].start()]
    said = _RUBY_HEAD.search(text) or _RAILS_HEAD.search(above) or _RUBY_SAID.search(above)
    if said is None:
        return Stack(None, None, calls)
    return Stack(said["type"], message_of(said["message"]), calls)


def _php(text: str) -> Stack | None:
    """The exception that was raised last is the last of a chain, each of which has its own calls."""
    text = text.replace("\\\\", "\\")
    heads = list(_MONOLOG_HEAD.finditer(text))
    raised = heads[:1] or list(_PHP_HEAD.finditer(text))
    if not raised:
        return None
    stacks = []
    for head, end in zip(raised, [*(h.start() for h in raised[1:]), len(text)], strict=True):
        calls = list(_PHP_FRAME.finditer(text, head.end(), end))
        places = [(head["path"], head["line"]), *((call["path"], call["line"]) for call in calls)]
        functions = [*(call["function"] for call in calls), None]
        frames = tuple(
            frame_of(path, function or "{main}", line)
            for (path, line), function in zip(places, functions, strict=True)
            if path is not None
        )
        stacks.append(Stack(head["type"], message_of(head["message"]), frames))
    *causes, last = stacks
    return Stack(
        last.type,
        last.message,
        last.frames,
        named(causes[0]) if causes else None,
        tuple(frame for stack in causes for frame in stack.frames),
    )


def _elixir(text: str) -> Stack | None:
    head = _ELIXIR_HEAD.search(text)
    if head is None:
        return None
    calls = tuple(
        frame_of(f["path"], f["function"], f["line"]) for f in _ELIXIR_FRAME.finditer(text, head.end())
    )
    return Stack(head["type"], message_of(head["message"]), calls)
