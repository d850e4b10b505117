"""Files that are there whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

__all__ = ["as_the_system_says", "beside"]

_SYSTEM = re.compile(r"\(os error (\d+)\)")


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A hidden folder on the target's disk, to write into and rename from; it is gone afterwards."""
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


@contextmanager
def as_the_system_says(target: Path) -> Iterator[None]:
    """What the system refuses while polars writes, such as a full disk, as the OSError that it is."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        number = _SYSTEM.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(target)) from None
