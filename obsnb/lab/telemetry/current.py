"""Whose request is being served: ids that every log line and span of it carries.

A context variable holds one mutable value a request. A framework runs parts of a request in threads
with a copy of the context; what they enter into the value is seen by all, what they bind is not. The
guide's middleware binds a bare id, which its own thread pool's dependencies could not add a tenant to.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["HEADER", "Current", "current", "enter", "leave", "read_correlation"]

HEADER = "x-correlation-id"
#: What is taken over from outside; all else is replaced, since it goes into logs and headers.
_GIVEN = re.compile(r"[A-Za-z0-9_.-]{8,64}")


@dataclass
class Current:
    """The request at hand: its correlation id, and whose it is once that is known."""

    correlation_id: str
    tenant_id: str | None = None
    user_id: str | None = None


_CURRENT: ContextVar[Current | None] = ContextVar("obsnb_lab_current", default=None)


def current() -> Current | None:
    """The request at hand, or None outside of one."""
    return _CURRENT.get()


def enter(correlation_id: str | None = None) -> tuple[Current, object]:
    """Begin a request; `leave` takes the second value back."""
    value = Current(correlation_id or uuid.uuid4().hex)
    return value, _CURRENT.set(value)


def leave(token: object) -> None:
    """End it."""
    _CURRENT.reset(token)  # type: ignore[arg-type]  # what enter gave


def read_correlation(header: str | None) -> str | None:
    r"""A correlation id that came from outside, if it is one.

    Examples
    --------
    >>> read_correlation("4f1c-checkout-17"), read_correlation("x\nlevel=error")
    ('4f1c-checkout-17', None)
    """
    return header if header is not None and _GIVEN.fullmatch(header) else None
