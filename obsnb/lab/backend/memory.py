"""What memory went to, between two moments.

The guide starts and stops the tracing anew in each request: two at once stop each other's, and every
line of the process pays for it. Here it is one recording at a time, and only while somebody asked.
"""

from __future__ import annotations

import gc
import resource
import sys
import threading
import tracemalloc
from typing import Any

from obsnb.lab.failures import ValidationError

__all__ = ["MemoryRecorder"]

_TOP = 10
_FRAMES = 1


class MemoryRecorder:
    """One recording of this process' memory."""

    def __init__(self) -> None:
        self._start: tracemalloc.Snapshot | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, unless one is under way.

        Raises
        ------
        ValidationError
            One is.
        """
        with self._lock:
            if self._start is not None:
                raise ValidationError("Memory is recorded already.", status=409)
            tracemalloc.start(_FRAMES)
            self._start = tracemalloc.take_snapshot()

    def stop(self) -> dict[str, Any]:
        """End it: the lines of code that hold more than they did, and what the process uses.

        Raises
        ------
        ValidationError
            None is under way.
        """
        with self._lock:
            if self._start is None:
                raise ValidationError("Nothing is recorded.", status=409)
            found = tracemalloc.take_snapshot().compare_to(self._start, "lineno")
            self._start = None
            tracemalloc.stop()
        return {
            "top": [
                {
                    "line": f"{one.traceback[0].filename.rsplit('/', 1)[-1]}:{one.traceback[0].lineno}",
                    "bytes": one.size_diff,
                    "blocks": one.count_diff,
                }
                for one in found[:_TOP]
            ],
            "peak_rss_bytes": _peak_bytes(),
            "collections": [each["collections"] for each in gc.get_stats()],
        }


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes, but on a Mac
