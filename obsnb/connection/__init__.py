"""A connection: live sources or an archive behind the same verbs, with a ledger of all that was asked."""

from obsnb.connection.opening import connect, open_archive, read_otlp
from obsnb.connection.verbs import Connection

__all__ = ["Connection", "connect", "open_archive", "read_otlp"]
