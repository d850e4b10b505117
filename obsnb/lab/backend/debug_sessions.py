"""Remote debug sessions: events of single requests, kept for whoever may see them, never many nor for long.

The guide's grow without end, take any id that a header brings, and are open to everybody who sends it.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from obsnb.instants import format_ns
from obsnb.lab.failures import NotFoundError, ValidationError
from obsnb.lab.service import Service
from obsnb.redact import SECRETS_ONLY, Redactor

__all__ = ["DebugSessions"]

_SECRETS = Redactor(SECRETS_ONLY)

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_SESSIONS, _EVENTS = 20, 100
_SECONDS = 300.0
_LONGEST = 400


@dataclass
class _Session:
    started: float
    events: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0


class DebugSessions:
    """Sessions that somebody began; a request whose header names one adds its events to it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._held: OrderedDict[str, _Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, session: str) -> None:
        """Begin a session; the oldest gives way where there are many.

        Raises
        ------
        ValidationError
            It is no id.
        """
        if not _ID.fullmatch(session):
            raise ValidationError("A debug session's id is 8 to 64 letters, digits and hyphens.")
        with self._lock:
            self._forget_old()
            self._held[session] = _Session(time.monotonic())
            while len(self._held) > _SESSIONS:
                self._held.popitem(last=False)
        self._service.log.info("Debug session begun", extra={"debug_session": session})

    def note(self, session: str | None, event: str, **data: str | int | float | bool) -> None:
        """Enter an event; nothing where nobody began such a session. Secrets are masked, texts clipped."""
        if session is None:
            return
        with self._lock:
            self._forget_old()
            held = self._held.get(session)
            if held is None:
                return
            if len(held.events) >= _EVENTS:
                held.dropped += 1
                return
            told = {
                key: _SECRETS.text(value)[0][:_LONGEST] if isinstance(value, str) else value
                for key, value in data.items()
            }
            held.events.append({"timestamp": format_ns(self._service.clock.now_ns()), "event": event, **told})

    def end(self, session: str) -> dict[str, Any]:
        """End a session; what it holds comes back.

        Raises
        ------
        NotFoundError
            There is none, or it is over.
        """
        with self._lock:
            self._forget_old()
            held = self._held.pop(session, None)
        if held is None:
            raise NotFoundError("There is no such debug session; it may be over.")
        self._service.log.info("Debug session ended", extra={"debug_session": session})
        return {
            "seconds": round(time.monotonic() - held.started, 3),
            "events": held.events,
            "dropped": held.dropped,
        }

    def _forget_old(self) -> None:
        over = time.monotonic() - _SECONDS
        for session in [name for name, held in self._held.items() if held.started < over]:
            del self._held[session]
