"""The routes that people use: login, search, dashboards, alerts."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy import desc, func, select, update

from obsnb.lab.backend.asking import ask_plain, ask_source, log_in
from obsnb.lab.backend.parts import Identity, Parts, identified
from obsnb.lab.database import DASHBOARDS, alert_rules, panels, saved_searches, search_runs, usage
from obsnb.lab.failures import NotFoundError, ValidationError

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")
_Who = Annotated[Identity, Depends(identified)]
_SHOWN = 20


class _Login(BaseModel):
    user: str = Field(max_length=80)
    tenant: str = Field(max_length=80)
    secret: str = Field(max_length=200)


class _Search(BaseModel):
    free_text: str = Field(max_length=400)
    type: str = Field(default="logs", max_length=20)


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


@router.post("/login")
def login(request: Request, asked: _Login) -> dict[str, Any]:
    """A token for a user who knows the lab's key."""
    parts = _parts(request)
    told = log_in(parts, user=asked.user, tenant=asked.tenant, secret=asked.secret)
    parts.service.log.info("Logged in", extra={"user_id": asked.user, "tenant_id": asked.tenant})
    return told


@router.post("/search")
def search(request: Request, asked: _Search, who: _Who) -> dict[str, Any]:
    """What was saved about a subject, how often it ran, and the lines of a data source."""
    parts = _parts(request)
    tracing, debug = parts.service.tracing, request.headers.get("x-debug-session")
    parts.sessions.note(debug, "query_validation_start", query=asked.free_text)
    with tracing.span("validate_query", attributes={"query.type": asked.type}) as span:
        if not asked.free_text.strip():
            span.set_attribute("validation.result", "failed")
            raise ValidationError("The query is empty.")
        span.set_attribute("validation.result", "passed")
    parts.sessions.note(debug, "query_validation_end", valid=True)
    saved = _saved(parts, asked.free_text, who)
    source = parts.sources[1 % len(parts.sources)].name
    rows = ask_source(parts, source, asked.free_text, who)
    parts.sessions.note(debug, "search_end", count=len(rows))
    parts.service.log.info("Search answered", extra={"results": len(rows), "saved": len(saved)})
    return {"saved": saved, "results": rows}


def _saved(parts: Parts, subject: str, who: Identity) -> list[dict[str, Any]]:
    runs = (
        select(func.count())
        .select_from(search_runs)
        .where(search_runs.c.search_id == saved_searches.c.id)
        .scalar_subquery()
    )
    found = (
        select(saved_searches.c.title, runs.label("runs"))
        .where(saved_searches.c.tenant_id == who.tenant)
        .order_by(desc("runs"))
        .limit(_SHOWN)
    )
    with parts.database.connection() as connection:
        rows = connection.execute(found).mappings().all()
        mine = update(usage).where(usage.c.tenant_id == who.tenant)
        connection.execute(mine.values(searches=usage.c.searches + 1))
    return [dict(row) for row in rows if subject]


@router.get("/dashboards/{dashboard_id}")
def dashboard(request: Request, dashboard_id: int, who: _Who) -> dict[str, Any]:
    """A dashboard's panels with what the data sources say."""
    parts = _parts(request)
    if not 1 <= dashboard_id <= DASHBOARDS:
        raise NotFoundError(f"There is no dashboard {dashboard_id}.")
    found = _panels(parts, dashboard_id)
    ask_plain(parts)
    values = {}
    for source in parts.sources:
        values[source.name] = ask_source(parts, source.name, found[0]["query"], who)
    return {"id": dashboard_id, "panels": found, "values": values}


def _panels(parts: Parts, dashboard_id: int) -> list[dict[str, Any]]:
    switches = parts.service.switches
    mine = panels.c.dashboard_id == dashboard_id
    with parts.database.connection() as connection:
        if switches.per_row:  # a release that asks for each by itself
            ids = connection.scalars(select(panels.c.id).where(mine)).all()
            rows = [
                connection.execute(select(panels).where(panels.c.id == one)).mappings().one() for one in ids
            ]
        else:
            rows = list(connection.execute(select(panels).where(mine)).mappings())
        if switches.hold_s:  # a release that waits for something with the connection in its hand
            with parts.service.tracing.span("render_export"):
                time.sleep(switches.hold_s)
    return [dict(row) for row in rows]


@router.get("/alerts")
def alerts(request: Request, who: _Who) -> dict[str, Any]:
    """A tenant's rules, and which of them are above their threshold."""
    parts = _parts(request)
    with parts.database.connection() as connection:
        rules = connection.execute(
            select(alert_rules).where(alert_rules.c.tenant_id == who.tenant)
        ).mappings()
        found = [dict(rule) for rule in rules]
    if parts.service.switches.raises == "/api/v1/alerts":
        found.sort(key=lambda rule: float(rule["severity"]))  # a release that reads a column of the next
    rows = ask_source(parts, parts.sources[0].name, "alerts", who)
    return {"alerts": [rule for rule in found if rows and rule["above"] < float(rows[0]["value"])]}
