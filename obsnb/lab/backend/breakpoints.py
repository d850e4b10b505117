"""Breakpoints that stop a developer's run and never a server's.

The guide's stop whatever process meets them, and its decorator wraps coroutines as if they were
functions, so that it catches nothing of them.
"""

from __future__ import annotations

import asyncio
import functools
import os
import pdb  # a debugger is what this module is for
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

__all__ = ["debug_here", "debug_on_exception"]

P = ParamSpec("P")
R = TypeVar("R")


def _wanted() -> bool:
    """Whether somebody sits there: they asked for it, and there is a terminal to ask back."""
    return os.environ.get("OBSNB_LAB_PDB") == "1" and sys.stdin is not None and sys.stdin.isatty()


def debug_here() -> bool:
    """Stop here, where a developer wants it; whether it did."""
    if not _wanted() or sys.gettrace() is not None:
        return False
    pdb.set_trace()  # as asked
    return True


def debug_on_exception(func: Callable[P, R]) -> Callable[P, R]:
    """Have a function or a coroutine looked at where it raised, where a developer wants it."""
    if asyncio.iscoroutinefunction(func):

        @functools.wraps(func)
        async def awaiting(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return await func(*args, **kwargs)
            except Exception:
                if _wanted():
                    pdb.post_mortem()
                raise

        return cast("Callable[P, R]", awaiting)

    @functools.wraps(func)
    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return func(*args, **kwargs)
        except Exception:
            if _wanted():
                pdb.post_mortem()
            raise

    return calling
