"""The database: its tables, what is in them at first, its pool, and who waits for whom."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from obsnb.errors import UsageError
from obsnb.lab.failures import DatabaseBusyError
from obsnb.lab.service import Service
from obsnb.lab.settings import LabSettings
from obsnb.lab.statements import watch

__all__ = ["DASHBOARDS", "RUNS_INDEX", "TENANTS", "Database", "make_database", "migrating", "tables"]

TENANTS = ("acme", "globex", "initech", "umbrella", "hooli")
DASHBOARDS = 12
_PANELS = 24
_SEARCHES = 200  # of each tenant
_POOL, _POOL_WAIT_S = 5, 2.0
_LOCK_WAIT_S = 2.0
_CONNECT_S = 5
_BATCH = 5_000

tables = MetaData()
saved_searches = Table(
    "saved_searches",
    tables,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(40), nullable=False, index=True),
    Column("title", String(200), nullable=False),
)
search_runs = Table(
    "search_runs",
    tables,
    Column("id", Integer, primary_key=True),
    Column("search_id", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)
#: What a search needs to count the runs of what was saved.
RUNS_INDEX = Index("ix_search_runs_search_id", search_runs.c.search_id)
panels = Table(
    "panels",
    tables,
    Column("id", Integer, primary_key=True),
    Column("dashboard_id", Integer, nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("query", String(400), nullable=False),
)
alert_rules = Table(
    "alert_rules",
    tables,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(40), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("above", Float, nullable=False),
)
usage = Table(
    "usage",
    tables,
    Column("tenant_id", String(40), primary_key=True),
    Column("searches", Integer, nullable=False),
)


class Database:
    """An engine whose pool and statements a service tells of."""

    def __init__(self, service: Service) -> None:
        self.engine = _engine(service.settings)
        self._service = service
        watch(self.engine, service)

    def dispose(self) -> None:
        """Close what is open."""
        self.engine.dispose()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection within a transaction.

        Raises
        ------
        DatabaseBusyError
            The pool had none, or the database gave no lock, in time.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except PoolTimeoutError as error:
            raise DatabaseBusyError("The database has no free connection.") from error
        except OperationalError as error:
            raise DatabaseBusyError("The database is busy.") from error

    def measure(self) -> None:
        """Enter the state of the pool into the metrics."""
        pool = self.engine.pool
        if isinstance(pool, QueuePool):
            self._service.metrics.pool.labels("used").set(pool.checkedout())
            self._service.metrics.pool.labels("idle").set(pool.checkedin())


def _engine(settings: LabSettings) -> Engine:
    lite = settings.database.startswith("sqlite")
    arguments: dict[str, Any] = {"timeout": _LOCK_WAIT_S, "check_same_thread": False}
    if settings.database.startswith("postgresql"):  # it waits for a lock without end, unless it is told
        arguments = {
            "connect_timeout": _CONNECT_S,
            "options": f"-c lock_timeout={round(_LOCK_WAIT_S * 1000)}",
        }
    elif not lite:
        arguments = {}
    engine = create_engine(
        settings.database,
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_S,
        poolclass=QueuePool,
        connect_args=arguments,
    )
    if lite:

        @event.listens_for(engine, "connect")
        def opened(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            # SQLite would build an index for a single query; no other database does.
            connection.execute("PRAGMA automatic_index=OFF")

    return engine


@contextmanager
def migrating(settings: LabSettings) -> Iterator[Connection]:
    """A connection beside the pool, within a transaction, for who changes the schema."""
    engine = _engine(settings)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_database(settings: LabSettings) -> None:
    """Make the tables and fill them, if they are not there.

    Raises
    ------
    UsageError
        The database refuses.
    """
    try:
        engine = _engine(settings)
        with engine.begin() as connection:
            tables.create_all(connection)
            RUNS_INDEX.create(connection, checkfirst=True)
            if not connection.scalar(select(func.count()).select_from(saved_searches)):
                _fill(connection, settings)
            if settings.database.startswith("sqlite"):
                connection.execute(text("ANALYZE"))
        engine.dispose()
    except (SQLAlchemyError, ImportError, ValueError) as error:
        why = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UsageError(
            f"The lab's database refuses: {why}",
            hint="Look at the address that --database gives; without it, the lab makes a file of its own.",
        ) from None


def _fill(connection: Connection, settings: LabSettings) -> None:
    draw = random.Random(settings.seed)  # noqa: S311 - made-up rows, not secrets
    subjects = ("errors", "latency", "log volume", "saturation", "restarts", "traffic")
    searches = [
        {"tenant_id": tenant, "title": f"{draw.choice(subjects)} of {tenant} {number}"}
        for tenant in TENANTS
        for number in range(_SEARCHES)
    ]
    connection.execute(insert(saved_searches), searches)
    for begin in range(0, settings.rows, _BATCH):
        many = min(_BATCH, settings.rows - begin)
        runs = [{"search_id": draw.randint(1, len(searches)), "seconds": draw.random()} for _ in range(many)]
        connection.execute(insert(search_runs), runs)
    found = [
        {"dashboard_id": board, "title": f"Panel {number}", "query": f"sum(rate(panel_{number}[5m]))"}
        for board in range(1, DASHBOARDS + 1)
        for number in range(_PANELS)
    ]
    connection.execute(insert(panels), found)
    rules = [
        {"tenant_id": tenant, "title": f"{subject} above", "above": draw.random()}
        for tenant in TENANTS
        for subject in subjects
    ]
    connection.execute(insert(alert_rules), rules)
    connection.execute(insert(usage), [{"tenant_id": tenant, "searches": 0} for tenant in TENANTS])
