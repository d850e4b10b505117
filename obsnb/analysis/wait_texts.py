"""What databases, drivers and pools say when somebody waits: their own texts, and what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from obsnb.analysis.line_records import duration_ns

__all__ = ["SPEAKS", "Wait", "read_wait"]

_LONGEST = 4_000  # of a text: what says it stands at its beginning, what follows is a stack
_NUMBER = r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>ms|msec|milliseconds|seconds?|sec|s)?"


@dataclass(frozen=True)
class Wait:
    """What a text tells of a wait.

    Attributes
    ----------
    kind
        ``pool`` (for a connection), ``lock``, ``deadlock``.
    system
        Whose text it is, where it says so.
    outcome
        ``waiting``, ``acquired``, ``timeout``, ``refused`` (none was to be had at once), ``deadlock``.
    waited_ns
        How long, where it says so.
    resource
        The pool or lock, where it says so.
    """

    kind: str
    system: str | None
    outcome: str
    waited_ns: int | None = None
    resource: str | None = None


#: kind, system, outcome, pattern; a number's unit is seconds where the text has none.
_TEXTS: tuple[tuple[str, str | None, str, str], ...] = (
    # SQLAlchemy's QueuePool.
    ("pool", None, "timeout",
     rf"QueuePool limit of size .*? reached, connection timed out, timeout"
     rf" {_NUMBER}"),
    # psycopg_pool, ActiveRecord, HikariCP, Tomcat, DBCP, ADO.NET, Knex, Sequelize, Prisma, node-postgres.
    ("pool", "postgresql", "timeout", rf"couldn't get a connection after {_NUMBER}"),
    ("pool", None, "timeout", rf"could not obtain a connection from the pool within .*?\(waited {_NUMBER}"),
    ("pool", None, "timeout",
     rf"(?P<resource>[\w-]{{1,80}}) - Connection is not available, request timed out"
     rf" after {_NUMBER}"),
    ("pool", None, "timeout", rf"Pool empty\. Unable to fetch a connection in {_NUMBER}"),
    ("pool", None, "timeout",
     r"Cannot get a connection, (?:pool error )?(?:general error|Timeout waiting for"
     r" idle object)"),
    ("pool", None, "timeout", r"prior to obtaining a connection from the pool"),
    ("pool", None, "timeout",
     r"Timeout acquiring a connection|Acquire ?Timeout(?:Error)?\b|acquire connection"
     r" timed? ?out"),
    ("pool", None, "timeout", r"Timed out fetching a new connection from the (?:connection )?pool"),
    ("pool", None, "timeout",
     r"(?:The connection pool has been exhausted|timeout exceeded when trying to"
     r" connect)"),
    ("pool", "mongodb", "timeout",
     r"Timed? ?out while checking out a connection from (?:the )?connection"
     r" pool"),
    ("pool", "redis", "timeout",
     r"Timeout waiting for connection from (?:the )?pool|redis: connection pool"
     r" timeout"),
    ("pool", None, "timeout",
     r"(?:connection )?pool (?:is )?(?:exhausted|timed? ?out|timeout)|no (?:free|idle"
     r"|available) connections?"),
    # pgbouncer, then the servers' own limits.
    ("pool", "postgresql", "timeout", r"\bquery_wait_timeout\b"),
    ("pool", "postgresql", "refused", r"no more connections allowed \(max_client_conn\)"),
    ("pool", "postgresql", "refused",
     r"sorry, too many clients already|remaining connection slots are"
     r" reserved"),
    ("pool", "mysql", "refused", r"(?:\b1040\b.*)?Too many connections|max_user_connections"),
    ("pool", "oracle", "refused", r"ORA-(?:00018|00020|12516|12519|12520)\b"),
    # Deadlocks before locks: their texts speak of locks, too.
    ("deadlock", "postgresql", "deadlock", r"\bdeadlock detected\b"),
    ("deadlock", "mysql", "deadlock", r"Deadlock found when trying to get lock"),
    ("deadlock", "oracle", "deadlock", r"ORA-00060\b"),
    ("deadlock", "mssql", "deadlock", r"was deadlocked on lock|chosen as the deadlock victim"),
    # Locks: PostgreSQL (log_lock_waits), MySQL, Oracle, SQL Server, SQLite, CockroachDB.
    ("lock", "postgresql", "waiting",
     rf"process \d+ still waiting for (?P<resource>\w+ on .+?) after"
     rf" {_NUMBER}"),
    ("lock", "postgresql", "acquired", rf"process \d+ acquired (?P<resource>\w+ on .+?) after {_NUMBER}"),
    ("lock", "postgresql", "timeout", r"canceling statement due to lock timeout|could not obtain lock on"),
    ("lock", "mysql", "timeout", r"Lock wait timeout exceeded"),
    ("lock", "mysql", "waiting",
     r"Waiting for (?P<resource>(?:table metadata|table level|global read|metadata)"
     r" lock)"),
    ("lock", "mysql", "acquired", rf"\bLock_time:\s*(?!0(?:\.0+)?\b){_NUMBER}"),
    ("lock", "oracle", "timeout", r"ORA-(?:00054|30006|04021|02049)\b"),
    ("lock", "mssql", "timeout", r"Lock request time ?out period exceeded"),
    ("lock", "sqlite", "timeout", r"database (?:table )?is locked|SQLITE_BUSY"),
)  # fmt: skip
_READ = tuple((kind, system, outcome, re.compile(f"(?i){text}")) for kind, system, outcome, text in _TEXTS)
#: What every one of these texts has, for a first look at many lines at once.
SPEAKS = (
    r"(?i)pool|lock|connection|ORA-\d|query_wait_timeout|too many clients|SQLITE_BUSY|AcquireTimeout"
    r"|to connect"
)


@lru_cache(maxsize=4096)
def read_wait(text: str | None) -> Wait | None:
    """What a log line's or an exception's text tells of a wait for a connection or a lock, if it does.

    Known are the texts of SQLAlchemy, psycopg, HikariCP, Tomcat, DBCP, ADO.NET, ActiveRecord, Knex,
    Prisma, pgbouncer, PostgreSQL (``log_lock_waits``), MySQL, Oracle, SQL Server, SQLite and MongoDB.
    """
    if not text:
        return None
    text = text[:_LONGEST]
    for kind, system, outcome, pattern in _READ:
        found = pattern.search(text)
        if found is None:
            continue
        parts = found.groupdict()
        unit = (parts.get("unit") or "s").lower()
        waited = (
            duration_ns(f"{parts['number']}{'s' if unit.startswith('s') else 'ms'}")
            if parts.get("number")
            else None
        )
        return Wait(kind, system, outcome, waited, parts.get("resource"))
    return None
