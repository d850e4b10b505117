"""How logs and spans of all services of a process leave it: into files, and to servers by OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from obsnb.lab.settings import LabSettings
from obsnb.lab.telemetry.otlp_json import JsonLines, LogFile, SpanFile

__all__ = ["Emission"]

_DELAY_MS = 200
_SLASH = "/"


class Emission:
    """The processors that every service's providers share, so that forty services need four threads.

    Parameters
    ----------
    settings
        Where to.
    process
        Names the files.
    """

    def __init__(self, settings: LabSettings, process: str) -> None:
        folder = settings.telemetry
        self._files = [
            JsonLines(folder / f"{process}-{kind}.jsonl") for kind in ("traces", "logs", "metrics")
        ]
        traces, logs, self.metrics = self._files
        self.spans = [BatchSpanProcessor(SpanFile(traces), schedule_delay_millis=_DELAY_MS)]
        self.logs = [BatchLogRecordProcessor(LogFile(logs), schedule_delay_millis=_DELAY_MS)]
        if settings.tempo is not None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self.spans.append(
                BatchSpanProcessor(OTLPSpanExporter(f"{settings.tempo.rstrip(_SLASH)}/v1/traces"))
            )
        if settings.loki is not None:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

            self.logs.append(
                BatchLogRecordProcessor(OTLPLogExporter(f"{settings.loki.rstrip(_SLASH)}/otlp/v1/logs"))
            )

    def close(self) -> None:
        """Write and send what is waiting, and let go.

        The files first: a server that does not answer is waited for, longer than this process may last.
        """
        written, *sent = zip_longest(self.spans, self.logs)
        _shut_down(written)
        for file in self._files:
            file.close()
        for each in sent:
            _shut_down(each)


def _shut_down(processors: Iterable[BatchSpanProcessor | BatchLogRecordProcessor | None]) -> None:
    for one in processors:
        if one is not None:
            one.shutdown()  # type: ignore[no-untyped-call]  # the SDK has no types here
