"""Python's garbage collector, out of the way where millions of objects are made and none is garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paused_collector"]


@contextmanager
def paused_collector() -> Iterator[None]:
    """No collection in this block, for steps that make many small objects and no cycles.

    The collector would look at all objects there are, again and again while they become more. It was on
    before or it stays off after; two threads that are in such blocks at once may switch it on early, which
    costs time and nothing else.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
