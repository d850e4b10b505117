"""What cells do inside a running event loop, in a process of its own, and what they leave behind.

Prints a line a cell: how it ended, and what of the host is not as it was found.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import obsnb
from tests.connection.downloads import QUERY, START, WINDOW
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn

LINES = 300


def found(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """All of a host that a library could have touched."""
    return {
        "collecting": gc.isenabled(),
        "thresholds": gc.get_threshold(),
        "frozen": gc.get_freeze_count(),
        "callbacks": len(gc.callbacks),
        "threads": sorted(one.name for one in threading.enumerate() if "process_request" not in one.name),
        "loop": id(asyncio.get_running_loop()) == id(loop),
        "tasks": len(asyncio.all_tasks(loop)),
        "debug": loop.get_debug(),
        "exceptions": loop.get_exception_handler(),
        "signals": [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "woken by": signal.set_wakeup_fd(-1),
        "filters": list(warnings.filters),
        "shown": warnings.showwarning,
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "switching": sys.getswitchinterval(),
    }


class Interrupting(LokiStandIn):
    """A Loki at whose third page somebody presses Ctrl-C, once it is told to."""

    after: int | None = None

    def answer(self, method: str, path: str, params: Any, headers: Mapping[str, str]) -> Any:
        if self.after is not None and path.endswith("query_range"):
            self.after -= 1
            if self.after == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return super().answer(method, path, params, headers)


def cells(loki: Interrupting, folder: Path, asked: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    """What each cell does: connections in polars and in pandas, each verb, downloads."""

    def all_of(frames: Any) -> object:
        with obsnb.connect(**asked, frames=frames) as obs:
            assert len(obs.logs(QUERY, WINDOW, verify=True)) == LINES
            obs.metrics("up", WINDOW, step="1s")
            obs.spans("{ status = error }", WINDOW, whole=True)
            obs.labels(WINDOW)
            return obs.health()

    # As in a notebook, where nobody closes a connection because a cell was interrupted.
    lasting = obsnb.connect(**asked)

    def download(*, stopped: bool) -> object:
        loki.after = 3 if stopped else None
        rows = lasting.download("logs", QUERY, WINDOW, folder / "lines").collect().height
        assert rows == LINES
        return rows

    def stopped() -> object:
        loki.after = 3
        return lasting.logs(QUERY, WINDOW)

    return {
        "polars": lambda: all_of("polars"),
        "pandas": lambda: all_of("pandas"),
        "logs interrupted": stopped,
        "download interrupted": lambda: download(stopped=True),
        "download continued": lambda: download(stopped=False),
    }


async def run(name: str, cell: Callable[[], object], *, collecting: bool) -> None:
    """One cell, as ipykernel runs it: code that is no coroutine, in a loop that runs."""
    loop = asyncio.get_running_loop()
    beside = loop.create_task(asyncio.sleep(3_600))
    gc.enable() if collecting else gc.disable()
    before, ended = found(loop), "done"
    try:
        cell()
    except KeyboardInterrupt:
        ended = "interrupted"
        for one in threading.enumerate():  # nobody waits for them; they end by themselves, with their answers
            if one.name.startswith("obsnb"):
                one.join(20)
    after = found(loop)
    changed = sorted(key for key in before if before[key] != after[key])
    print(  # noqa: T201 - the test reads it
        f"{name}: {ended}, changed: {', '.join(changed) or 'nothing'}, running on: {not beside.done()}"
    )
    beside.cancel()


def main() -> None:
    """Run the cells, each twice: with the collector on, and off."""
    rows = [Row(START + number * 10**9 // 4, (("namespace", "shop"),), "x") for number in range(LINES)]
    loki = Interrupting(rows, most=50)
    start = START // 10**6
    up = Recorded({"__name__": "up"}, start, 1_000, {start + 1_000 * second: "1" for second in range(99)})
    loop = asyncio.new_event_loop()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(loki) as lines,
        serving(PrometheusStandIn([up])) as series,
        serving(TempoStandIn({})) as spans,
    ):
        for collecting in (True, False):
            asked = {"loki": lines, "prometheus": series, "tempo": spans, "cache": False}
            into = Path(folder) / str(collecting)
            for name, cell in cells(loki, into, asked).items():
                loki.after = None
                loop.run_until_complete(run(name, cell, collecting=collecting))
    loop.close()


if __name__ == "__main__":
    main()
