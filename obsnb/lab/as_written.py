"""What the debugging guide's code emits, mistakes included: systems in the field look like that.

Each of these is what the guide's listing does, told in our own words; what is right stands in the module
that the comment names.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from obsnb.lab.telemetry.current import current
from obsnb.lab.telemetry.stacks import stack_of

__all__ = [
    "refuse_reserved",
    "request_as_written",
    "statement_as_written",
    "table_as_written",
    "written_correlation",
    "written_formatter",
]

_KEPT = ("user_id", "tenant_id", "request_id")


class _WrittenFormatter(logging.Formatter):
    """Keeps three names of ``extra`` and drops the rest; local-looking times; no trace id.

    See `obsnb.lab.telemetry.logs.fields_of`.
    """

    def format(self, record: logging.LogRecord) -> str:
        of = current()
        message = record.getMessage()
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)  # naive, as the guide's are
        told = {
            "timestamp": moment.isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": message if of is None else f"[{of.correlation_id}] {message}",
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
        }
        told |= {name: getattr(record, name) for name in _KEPT if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            told["exception"] = stack_of(record.exc_info[1])
        return json.dumps(told)


def written_formatter() -> logging.Formatter:
    """The guide's formatter, with its adapter's prefix."""
    return _WrittenFormatter()


def refuse_reserved(extra: dict[str, object]) -> None:
    """Fail as `logging` does with ``extra={"message": ...}``: the guide's exceptions never get made.

    Raises
    ------
    KeyError
        Always, where it has such a key.
    """
    for key in ("message", "asctime"):
        if key in extra:
            raise KeyError(f"Attempt to overwrite {key!r} in LogRecord")


def table_as_written(statement: str) -> str:
    """A table's name as the guide takes it out of a statement: in capitals, whatever quotes it has."""
    words = statement.upper()
    for sign in ("FROM", "UPDATE", "INSERT INTO"):
        if sign in words:
            parts = words.split(sign)[1].split()
            return parts[0] if parts else "unknown"
    return "unknown"


#: The names that OpenTelemetry's instrumentations of FastAPI and SQLAlchemy give unless they are told to
#: use the stable ones.
_OLD = {
    "db.system.name": "db.system",
    "db.namespace": "db.name",
    "db.query.text": "db.statement",
    "server.address": "net.peer.name",
    "server.port": "net.peer.port",
    "http.request.method": "http.method",
    "url.path": "http.target",
    "http.response.status_code": "http.status_code",
}
_Attributes = Mapping[str, str | int]


def statement_as_written(attributes: _Attributes) -> dict[str, str | int]:
    """A statement's attributes as the instrumentation of SQLAlchemy names them, which knows no tables."""
    return {_OLD[key]: value for key, value in attributes.items() if key in _OLD}


def request_as_written(attributes: _Attributes) -> dict[str, str | int]:
    """A request's attributes as the instrumentation of FastAPI names them."""
    return {_OLD.get(key, key): value for key, value in attributes.items()}


def written_correlation(header: str | None) -> str:
    """Whatever came, unchecked; see `obsnb.lab.telemetry.current.read_correlation`."""
    return header if header is not None else str(uuid.uuid4())
