"""What the lab's services raise, as one tree, each with the status that it is answered with.

::

    LabError                 500
    ├── ValidationError      422
    ├── AuthenticationError  401
    ├── AuthorizationError   403
    ├── NotFoundError        404
    ├── DatabaseBusyError    503
    └── ExternalServiceError 502
        └── DataSourceError  502, 503 or 504

In the guide every one of them is answered with 400, so that an outage counts as the user's mistake; and
its base class logs in its constructor, with a field that `logging` reserves, so that it raises KeyError
instead of itself. Here whoever answers the request logs it, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "AuthenticationError",
    "AuthorizationError",
    "DataSourceError",
    "DatabaseBusyError",
    "ExternalServiceError",
    "LabError",
    "NotFoundError",
    "ValidationError",
]


class LabError(Exception):
    """Something that a service knows how to tell.

    Parameters
    ----------
    message
        For whoever asked; no secret.
    details
        More of it, for whoever asked.
    status
        Where it is another than the class's.
    retry_after_s
        When to come again.
    """

    default_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        self.status = status or self.default_status
        self.retry_after_s = retry_after_s

    @property
    def code(self) -> str:
        """What the error is called."""
        return type(self).__name__


class ValidationError(LabError):
    """The request itself is off."""

    default_status = 422


class AuthenticationError(LabError):
    """Nobody knows who is asking."""

    default_status = 401


class AuthorizationError(LabError):
    """It is known who is asking, and they may not."""

    default_status = 403


class NotFoundError(LabError):
    """There is no such thing, or not for this tenant."""

    default_status = 404


class DatabaseBusyError(LabError):
    """The database gave no connection, or no lock, in time."""

    default_status = 503


class ExternalServiceError(LabError):
    """Another service did not help."""

    default_status = 502


class DataSourceError(ExternalServiceError):
    """A data source did not help."""
