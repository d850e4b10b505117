"""A real VictoriaMetrics on loopback, filled with made-up series."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.real_server import RealServer, running
from tests.requirements import require
from tests.standin.prometheus import Recorded


@contextmanager
def running_victoria_metrics(
    folder: Path, series: Iterable[Recorded], **flags: str | int
) -> Iterator[RealServer]:
    """A server that holds some series, and nothing else.

    Parameters
    ----------
    folder
        An empty folder for its data.
    series
        What it is given by its own import; values as Prometheus writes them, infinities included. Series
        with the same labels are given to it one after another.
    flags
        Further settings, with ``_`` for ``.``: ``search_maxUniqueTimeseries=50``.
    """
    server = require("victoria-metrics")

    def command(address: str) -> list[str]:
        return [
            server,
            f"-storageDataPath={folder / 'data'}",
            "-retentionPeriod=100y",
            f"-httpListenAddr={address}",
            "-memory.allowedBytes=64MB",
            "-loggerLevel=ERROR",
            *(f"-{name.replace('_', '.')}={value}" for name, value in flags.items()),
        ]

    with running("victoria-metrics", command, folder) as real:
        for one in series:
            status, _, body = real.send("POST", "/api/v1/import/prometheus", _text(one))
            assert status == 204, body
        # What was imported shows in answers only after a while, unless it is told to hurry.
        assert real.send("GET", "/internal/force_flush")[0] == 200
        yield real


def _text(series: Recorded) -> bytes:
    labels: Mapping[str, str] = {k: v for k, v in series.labels.items() if k != "__name__"}
    told = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())
    head = f"{series.labels['__name__']}{{{told}}}"
    return "".join(f"{head} {value} {ms}\n" for ms, value in series.values.items()).encode()
