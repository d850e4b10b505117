"""Python's garbage collector, out of the way while an answer is decoded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paused_collector"]


@contextmanager
def paused_collector() -> Iterator[None]:
    """No collection in this block: a decoder makes millions of objects and none of them is garbage.

    It was on before or it stays off after; two threads that decode at once may switch it on early,
    which costs time and nothing else.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
