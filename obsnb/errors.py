"""What can go wrong, as one tree.

::

    ObsnbError
    ├── UsageError                 the call itself is off, nothing was sent
    │   ├── WindowError            a window that is empty, reversed or has no time zone
    │   ├── QueryError             a query that cannot be right for this source
    │   └── FrameError             a frame lacks a column, or has the wrong type in it
    ├── SettingsError              obsnb.toml or the environment cannot be used
    ├── SourceError                a server was asked, and did not help
    │   ├── UnreachableError       no answer: name, connection, TLS, time-out
    │   ├── AccessError            401 or 403: credentials or tenant
    │   ├── RejectedError          400, 404 or 422: the server does not take this query
    │   ├── LimitError             the query is too big, or the server has too much to do
    │   ├── ServerError            5xx: the server failed
    │   └── AnswerError            an answer came that cannot be read
    ├── ArchiveError               a frozen incident cannot be used
    │   ├── DamagedArchiveError    its digests or its manifest do not hold
    │   ├── UnsafeArchiveError     it names a path outside itself
    │   └── NotRecordedError       it was never asked what is asked now
    ├── DatasetError               a dataset on disk cannot be used, or holds something else
    ├── MissingExtraError          an optional package is not installed
    └── RunbookError               a cell of a runbook failed

    PartialResultWarning           (a UserWarning) the answer is there, but not all of it
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "AnswerError",
    "ArchiveError",
    "DamagedArchiveError",
    "DatasetError",
    "FrameError",
    "LimitError",
    "MissingExtraError",
    "NotRecordedError",
    "ObsnbError",
    "PartialResultWarning",
    "QueryError",
    "RejectedError",
    "RunbookError",
    "ServerError",
    "SettingsError",
    "SourceError",
    "UnreachableError",
    "UnsafeArchiveError",
    "UsageError",
    "WindowError",
]


class ObsnbError(Exception):
    """What failed, with which query and window, what the server said, and what to do next.

    Parameters
    ----------
    what
        One sentence that says what failed.
    hint
        What to do next; printed after ``Hint:``.
    query
        The query's text, where one was asked.
    window
        The window, as text, where one was asked.
    server
        What the server answered, in its own words.

    Notes
    -----
    Nothing that is passed in may hold a secret: an error is printed, logged and pasted.
    """

    def __init__(
        self,
        what: str,
        *,
        hint: str = "",
        query: str | None = None,
        window: object | None = None,
        server: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.query = query
        self.window = None if window is None else str(window)
        self.server = server

    def __str__(self) -> str:
        lines = [self.what]
        if self.query is not None:
            lines.append(f"  query:  {self.query}")
        if self.window is not None:
            lines.append(f"  window: {self.window}")
        if self.server is not None:
            lines.append(f"  server: {self.server}")
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: the message alone, instead of forty frames of library code."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(ObsnbError, ValueError):
    """The call itself is off; nothing was sent."""


class WindowError(UsageError):
    """A window that is empty, ends before it starts, or has no time zone."""


class QueryError(UsageError):
    """A query that cannot be right for the source it was given to."""


class FrameError(UsageError):
    """A frame lacks a column, or holds the wrong type in it."""


class SettingsError(ObsnbError):
    """obsnb.toml or the environment cannot be used."""


class SourceError(ObsnbError):
    """A server was asked, and did not help.

    Attributes
    ----------
    status
        The HTTP status, or None where no answer came.
    """

    def __init__(
        self,
        what: str,
        *,
        hint: str = "",
        query: str | None = None,
        window: object | None = None,
        server: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what, hint=hint, query=query, window=window, server=server)
        self.status = status


class UnreachableError(SourceError):
    """No answer: the name, the connection, TLS, or a time-out.

    Attributes
    ----------
    timed_out
        Whether it was waited for as long as the profile says, which another try would do again.
    """

    timed_out = False


class AccessError(SourceError):
    """401 or 403: the credentials or the tenant."""


class RejectedError(SourceError):
    """400, 404 or 422: the server does not take this query."""


class LimitError(SourceError):
    """The query is too big for the server's or the profile's limits, or the server is too busy."""


class ServerError(SourceError):
    """5xx: the server failed."""


class AnswerError(SourceError):
    """An answer came, but it cannot be read."""


class ArchiveError(ObsnbError):
    """A frozen incident cannot be used."""


class DamagedArchiveError(ArchiveError):
    """The archive's digests or its manifest do not hold."""


class UnsafeArchiveError(ArchiveError):
    """The archive names a path outside itself."""


class NotRecordedError(ArchiveError):
    """The archive was never asked what is asked of it now."""


class DatasetError(ObsnbError):
    """A dataset on disk cannot be used: it is damaged, or holds the answer to another question."""


class MissingExtraError(ObsnbError, ImportError):
    """An optional package is not installed."""


class RunbookError(ObsnbError):
    """A cell of a runbook failed."""


class PartialResultWarning(UserWarning):
    """The answer is there, but not all of it; the ledger says what is missing and why."""
