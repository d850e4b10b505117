"""A stack trace as it is read, whatever language printed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["MESSAGE_AT_MOST", "Frame", "Stack", "frame_of", "message_of", "named"]

MESSAGE_AT_MOST = 2_000


@dataclass(frozen=True)
class Frame:
    """One call: the file, or the class where a language prints no path; the function; the line."""

    path: str
    function: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.function}"

    def is_foreign(self, marks: Iterable[str]) -> bool:
        """Whether the call is a library's or the runtime's (`Conventions.foreign_code`).

        A mark that ends in ``.`` begins a class or package name, one that ends in ``/`` begins a
        path, any other stands somewhere in the path or begins the function's name.
        """
        for mark in marks:
            begins = mark.endswith(".") or (mark.endswith("/") and not mark.startswith("/"))
            if self.path.startswith(mark) if begins else mark in self.path or self.function.startswith(mark):
                return True
        return False


@dataclass(frozen=True)
class Stack:
    """A stack trace that was read.

    Attributes
    ----------
    type, message
        Of the exception that was raised last; None where the text does not say.
    frames
        Its calls, innermost first.
    cause
        Type and message of what started the chain, as ``type: message``; None without a chain.
    cause_frames
        The calls of the causes, innermost first.
    """

    type: str | None
    message: str | None
    frames: tuple[Frame, ...]
    cause: str | None = None
    cause_frames: tuple[Frame, ...] = ()

    def culprit(self, foreign: Sequence[str]) -> Frame | None:
        """The innermost call of the application's own code.

        Of the exception itself, else of its causes; where all calls are a library's, the innermost
        of these; None without frames.
        """
        every = (*self.frames, *self.cause_frames)
        return next((frame for frame in every if not frame.is_foreign(foreign)), next(iter(every), None))


def frame_of(path: str, function: str | None, line: str | None) -> Frame:
    """A frame of what a pattern found."""
    return Frame(path, (function or "<module>").strip(), None if line is None else int(line))


def named(stack: Stack) -> str | None:
    """``type: message``, or what there is of it."""
    said = [part for part in (stack.type, stack.message) if part]
    return ": ".join(said) or None


def message_of(text: str | None) -> str | None:
    """The text of a message, cut where it is very long; None for an empty one."""
    said = (text or "").strip()
    return said[:MESSAGE_AT_MOST] or None
