r"""Stack traces of whatever language: type, message, frames, culprit.

Each language prints its own way: Python from the outermost call to the innermost, the others the
other way round; Java puts causes after, Python before. Here frames always come innermost first, and
the exception is the one that was raised last (the outermost of a chain), because that is the one
that a span's exception event names too.
"""

from __future__ import annotations

import re

from obsnb.analysis.more_stacks import MORE_MARKS, read_more
from obsnb.analysis.stacks import MESSAGE_AT_MOST, Frame, Stack, frame_of, message_of, named

__all__ = ["STACK_MARKS", "Frame", "Stack", "read_stack"]

#: One of these is in every text that `read_stack` can read frames from.
STACK_MARKS = (
    "Traceback (most recent call last)",
    "\tat ",
    " at ",
    "goroutine ",
    ".go:",
    "@http",
    *MORE_MARKS,
)

_PYTHON = "Traceback (most recent call last)"
_CHAIN = re.compile(
    r"\n+(?:During handling of the above exception, another exception occurred|"
    r"The above exception was the direct cause of the following exception):\n+"
)
_PYTHON_FRAME = re.compile(
    r'^ *File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$', re.M
)
_GROUP_MARGIN = re.compile(r"^ *(?:\+-[+\-].*|[|+] ?)", re.M)
_PYTHON_END = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.M | re.S)

#: What AWS Lambda's runtime writes above a traceback, whose end it leaves out.
_TYPED_ABOVE = re.compile(r"^(?:\[[A-Z]+\] )?(?P<type>(?:\w+\.)*[A-Z]\w*[a-z]\w*): (?P<message>.*)\Z", re.M)

_CAUSED_BY = re.compile(r"^\s*(?:Caused by: |\[cause\]: )", re.M)
_AT = re.compile(r"^[ \t]*at (?P<what>.+)$", re.M)
_INNER = re.compile(r"\n\s*---> ")
_JAVA_FRAME = re.compile(
    r"(?:[\w.\-@]+//?)*(?P<path>[\w.$]+)\.(?P<function>[\w$<>]+)"
    r"\((?P<file>[^()]*?)(?::(?P<line>\d+))?\)(?: .*)?$"
)
_JAVA_FILE = re.compile(r"\.(?:java|kt|kts|scala|groovy|clj)$|^(?:Native Method|Unknown Source|<generated>)$")
_JS_CALL = re.compile(
    r"(?:async )?(?:(?P<function>.+?) )?\(?(?P<path>(?:[^()\s]|\([\w\-]+\))+?):(?P<line>\d+)(?::\d+)?\)?$"
)
_JS_AT = re.compile(r"^(?P<function>[^@\s]*)@(?P<path>\S+?):(?P<line>\d+):\d+$", re.M)
_NET_FRAME = re.compile(
    r"(?P<path>[\w.`<>+\[\],]+)\.(?P<function>[\w`<>|.\[\]]+)\([^)]*\)"
    r"(?: in (?P<file>.+?):line (?P<line>\d+))?$"
)
_HEAD = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Uncaught (?:\(in promise\) )?|Unhandled exception[.:] |.*? ---> )?"
    r"(?P<type>[A-Za-z_$][\w$]*(?:(?:\.|::|\\|/)[A-Za-z_$][\w$]*)*)(?: \[[\w-]+\])?(?:: (?P<message>.*))?$"
)
_EXCEPTIONAL = re.compile(r"(?:Error|Exception|Failure|Fault|Throwable|Interrupt|Timeout)\w*$|\w[.\\]\w|::")
# Behind what the line itself says: "request failed TypeError: x is undefined".
_LATE = re.compile(
    r"(?:^|\s)(?P<type>(?:[A-Za-z_]\w*(?:\.|::|\\))*(?:[A-Z]\w*)?(?:Error|Exception)): (?P<message>.*)$"
)
_PANIC = re.compile(
    r"^(?:.*?http: panic serving [^ ]+|.*?panic|fatal error): (?P<message>.*?)(?: \[recovered\])?$", re.M
)
_GO_FRAME = re.compile(
    r"^(?P<function>[^\s(][^\n]*?)(?:\([^()\n]*\))?\n\t(?P<path>\S+\.go):(?P<line>\d+)", re.M
)
_URL = re.compile(r"^(?:[a-z][a-z\-]*:)?//[^/]*/|^webpack-internal:///(?:\([\w\-]+\)/)?|^file://")


def read_stack(text: str) -> Stack | None:
    """The stack trace in a text, or None where there is none.

    Parameters
    ----------
    text
        A field that holds a stack trace, or a line of several lines with one in it.
    """
    if _PYTHON in text:
        return _python(text)
    if ".go:" in text and _GO_FRAME.search(text):
        return _go(text)
    more = read_more(text) if any(mark in text for mark in MORE_MARKS) else None
    if more is not None:
        return more
    if _AT.search(text):
        stack = _inside_out(text) if _INNER.search(text) else _java_like(text)
        return stack if stack.frames or stack.cause_frames else None
    frames = [_js_frame(found) for found in _JS_AT.finditer(text)]
    if frames:
        kind, message = _head(text[: next(_JS_AT.finditer(text)).start()])
        return Stack(kind, message, tuple(frames))
    return None


def _python(text: str) -> Stack:
    text = _GROUP_MARGIN.sub("", text) if "Exception Group" in text else text
    blocks = [_python_block(part) for part in _CHAIN.split(text) if _PYTHON in part]
    last, before = blocks[-1], blocks[:-1]
    cause = named(before[0]) if before else None
    causes = tuple(frame for block in reversed(before) for frame in block.frames)
    return Stack(last.type, last.message, last.frames, cause, causes)


def _python_block(text: str) -> Stack:
    body = text[text.index(_PYTHON) :].split("\n", 1)
    rest = body[1] if len(body) > 1 else ""
    found = list(_PYTHON_FRAME.finditer(rest))
    frames = tuple(frame_of(match["path"], match["function"], match["line"]) for match in reversed(found))
    tail = rest[found[-1].end() :] if found else rest
    said = "\n".join(_unindented(tail.split("\n"))).split("\n\n")[0]
    end = _PYTHON_END.match(said)
    end = end or _TYPED_ABOVE.search(text[: text.index(_PYTHON)].rstrip())
    if end is None:
        return Stack(None, None, frames)
    return Stack(end["type"], message_of(end["message"]), frames)


def _unindented(lines: list[str]) -> list[str]:
    """From the first line on that is not the source text of the last frame."""
    for number, line in enumerate(lines):
        if line and not line[0].isspace():
            return lines[number:]
    return []


def _go(text: str) -> Stack:
    frames = tuple(
        frame_of(
            found["path"],
            found["function"].removeprefix("created by ").split(" in goroutine")[0],
            found["line"],
        )
        for found in _GO_FRAME.finditer(text)
    )
    panic = _PANIC.search(text)
    if panic is not None:
        own = tuple(frame for frame in frames if frame.function != "panic")
        return Stack("panic", message_of(panic["message"]), own)
    return Stack(None, message_of(text.split("\n", 1)[0]), frames)


def _java_like(text: str) -> Stack:
    parts = _CAUSED_BY.split(text)
    blocks = [_at_block(part) for part in parts]
    first, causes = blocks[0], blocks[1:]
    cause = named(causes[-1]) if causes else None
    return Stack(
        first.type,
        first.message,
        first.frames,
        cause,
        tuple(frame for block in causes for frame in block.frames),
    )


def _inside_out(text: str) -> Stack:
    """.NET's: the names of a chain from the outermost on, then the calls from the innermost on."""
    calls = _AT.search(text)
    names = _INNER.split(text[: calls.start()] if calls else text)
    kinds = [_head(name) for name in names]
    *causes, last = [_at_block(part).frames for part in text.split("--- End of inner exception")]
    return Stack(
        *kinds[0],
        last,
        named(Stack(*kinds[-1], ())),
        tuple(frame for block in causes for frame in block),
    )


def _at_block(text: str) -> Stack:
    found = list(_AT.finditer(text))
    kind, message = _head(text[: found[0].start()] if found else text)
    frames = [
        frame for match in found if (frame := _at_frame(match["what"].removesuffix(" {").strip())) is not None
    ]
    return Stack(kind, message, tuple(frames))


def _at_frame(what: str) -> Frame | None:
    java = _JAVA_FRAME.match(what)
    if java is not None and _JAVA_FILE.search(java["file"]):
        return frame_of(java["path"], java["function"], java["line"])
    net = _NET_FRAME.match(what)
    js = _JS_CALL.match(what) if net is None else None
    if js is not None:
        return _js_frame(js)
    return None if net is None else frame_of(net["path"], net["function"], net["line"])


def _js_frame(found: re.Match[str]) -> Frame:
    path = _URL.sub("", found["path"]).split("?")[0]
    return frame_of(path.removeprefix("./"), found["function"] or "<anonymous>", found["line"])


def _head(text: str) -> tuple[str | None, str | None]:
    """Type and message of what stands above the frames, which may have lines of its own before."""
    lines = [line.strip() for line in text.strip("\n").split("\n")]
    matches = [(number, found) for number, line in enumerate(lines) if (found := _HEAD.match(line))]
    if not matches:
        late = _LATE.search(lines[-1][:MESSAGE_AT_MOST])
        return (late["type"], message_of(late["message"])) if late else (None, message_of(lines[-1]))
    exceptional = [(number, found) for number, found in matches if _EXCEPTIONAL.search(found["type"])]
    number, found = (exceptional or matches[-1:])[0]
    said = "\n".join([found["message"] or "", *lines[number + 1 :]])
    return found["type"], message_of(said)
