"""Remote debug sessions: who looked at what, from when to when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.line_records import Record, answers_of, evidence_of, moment_ns, parsed_lines, records_of
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import dtype

__all__ = ["debug_events", "debug_sessions"]

_FIELDS = (
    "debug_session",
    "debug_session_id",
    "debug.session.id",
    "debug.session",
    "x_debug_session",
    "debugger_session",
)
_NAMED = r"(?i)^(?:metadata\.|parsed\.|label\.)?(?:x[-_.]?)?debug(?:ger)?[-_.]?session(?:[-_.]?id)?$"
_TEXT = re.compile(
    r"(?i)(?:debug(?:ger|ging)?[ _-]?session|X-Debug-Session)(?:[ _-]?id)?\s*"
    r"(?:begun|began|started|opened|ended|closed|stopped|expired)?\s*[:=#]?\s*[\"'\[]?"
    r"(?P<id>(?=[\w-]*[\d-])[A-Za-z0-9][\w-]{3,63})"
)
_ATTACHED = re.compile(
    r"(?i)Debugger (?:attached|listening on)|Listening for transport dt_socket"
    r"|debugpy\b.*(?:listen|attach|client)"
    r"|\bdlv\b.*listening|pdb\.(?:set_trace|post_mortem)"
)
_SPEAKS = r"(?i)debug(?:ger|ging)?[ _.-]?session|debugger|debugpy|dt_socket|\bdlv\b|pdb\."
_BEGUN = re.compile(r"(?i)\b(?:start(?:ed|ing)?|begun|began|open(?:ed|ing)?|attach(?:ed|ing)?|listening)\b")
_ENDED = re.compile(
    r"(?i)\b(?:end(?:ed|ing)?|stop(?:ped|ping)?|clos(?:ed|ing)|detach(?:ed|ing)|disconnect(?:ed)?|expired|over)\b"
)
_COMMANDS = ("command", "cmd", "expression", "evaluate", "breakpoint", "debug_event", "event", "action")
_USERS = (
    "user",
    "user_id",
    "userId",
    "enduser.id",
    "user.id",
    "operator",
    "started_by",
    "by",
    "who",
    "client",
)
_MOST = 50
_COLUMNS: dict[str, Any] = {
    "session": pl.String,
    "service": pl.String,
    "start": dtype("time"),
    "end": dtype("time"),
    "duration": pl.Duration("ns"),
    "ended": pl.Boolean,
    "user": pl.String,
    "endpoint": pl.String,
    "lines": pl.Int64,
    "commands": pl.List(pl.String),
    "dropped": pl.Int64,
    "trace_ids": pl.List(pl.String),
    "evidence": pl.List(pl.String),
}


def debug_sessions(logs: Any = None, answers: Any = None, *, conventions: Conventions = DEFAULT) -> Any:
    """Remote debug sessions, one a row: when, by whom, and what was done in it.

    Parameters
    ----------
    logs
        LOGS, parsed or not: lines with a session's id in a field (``debug_session``,
        ``X-Debug-Session``, ...) or in their words (``Started debug session: ID``), and lines that a
        debugger was attached (Python, Node, Java, Go), which have no id: their session is null, one a
        service.
    answers
        What ended sessions answered (their ``events``, each with a ``timestamp`` and ``event``): JSON or
        mappings; or a mapping of session id to answer.

    Returns
    -------
    frame
        In order of their start: ``session``, ``service``, ``start`` (of its first line or event),
        ``end`` (of the line that says it ended, else null; of an answer its last event), ``duration`` (from
        start to end), ``ended``, ``user``, ``endpoint``, ``lines`` (log lines that belong to it),
        ``commands`` (list of text, up to 50, in order: its events, commands, breakpoints), ``dropped``
        (events that were not kept; null where unknown), ``trace_ids`` and ``evidence`` (lists).

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    held: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    if logs is not None:
        _of_lines(parsed_lines(logs, what="debug_sessions", conventions=conventions), held)
    _of_answers(answers, held)
    rows = [_finished(one) for one in held.values()]
    raw = {
        name: pl.Int64 if name in ("start", "end", "duration") else kind for name, kind in _COLUMNS.items()
    }
    out = pl.DataFrame(rows, schema=raw, orient="row").sort("start", "session", nulls_last=True)
    return like(out.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items()), logs)


def _of_lines(lines: pl.DataFrame, held: dict[tuple[str | None, str | None], dict[str, Any]]) -> None:
    named = [name for name in lines.columns if re.match(_NAMED, name)]
    speaks = pl.col("line").cast(pl.String).str.contains(_SPEAKS)
    has = [pl.col(name).cast(pl.String).str.len_chars() > 0 for name in named]
    chosen = lines.filter(pl.any_horizontal(speaks, *has).fill_null(value=False))
    chosen = chosen.sort("timestamp", maintain_order=True)
    core = chosen.select(
        pl.col("timestamp").to_physical(),
        pl.col("service").cast(pl.String),
        pl.coalesce("parsed.message", "line").alias("said"),
        pl.col("parsed.user"),
        pl.col("parsed.route"),
        "trace_id",
    )
    for row, record, evidence in zip(
        core.iter_rows(named=True), records_of(chosen), evidence_of(chosen), strict=True
    ):
        said = row["said"] or ""
        session = record.text(*_FIELDS)
        if session is None:
            told = _TEXT.search(said)
            session = told["id"] if told else None
        if session is None and not _ATTACHED.search(said):
            continue
        # A session's id is one session whoever's line has it; a debugger without one is its service's.
        key = (session, None if session is not None else row["service"])
        _enter(held.setdefault(key, _begun(session, row["service"])), row, record, evidence)


def _begun(session: str | None, service: str | None) -> dict[str, Any]:
    return {
        "session": session,
        "service": service,
        "ended": False,
        "lines": 0,
        "commands": [],
        "trace_ids": [],
        "evidence": [],
    }


def _enter(one: dict[str, Any], row: Mapping[str, Any], record: Record, evidence: list[str]) -> None:
    said = row["said"] or ""
    at = row["timestamp"]
    if at is not None:
        one["start"] = min(one.get("start", at), at)
    one["lines"] += 1
    ends, begins = bool(_ENDED.search(said)), bool(_BEGUN.search(said))
    if ends and not begins:
        one["ended"], one["end"] = True, at
    one["user"] = one.get("user") or row["parsed.user"] or record.text(*_USERS)
    one["endpoint"] = one.get("endpoint") or row["parsed.route"] or record.text("endpoint")
    command = record.text(*_COMMANDS)
    if command is None and not (ends or begins):
        command = said
    if command is not None and command != said:
        one["commands"].append(command)
    elif command is not None:
        one["commands"].append(said[:200])
    if row["trace_id"] and row["trace_id"] not in one["trace_ids"]:
        one["trace_ids"].append(row["trace_id"])
    one["evidence"] += evidence


def _of_answers(answers: Any, held: dict[tuple[str | None, str | None], dict[str, Any]]) -> None:
    if isinstance(answers, Mapping) and "events" not in answers:
        given: Iterable[tuple[Any, Any]] = answers.items()
    else:
        given = ((None, answer) for answer in answers_of(answers))
    for place, (name, told) in enumerate(given):
        for answer in answers_of(told):
            said = name or answer.get("session") or answer.get("session_id") or answer.get("id")
            key = (str(said) if said else None, None if said else f"\0answer {place}")
            one = held.setdefault(key, _begun(key[0], None))
            events = [event for event in _listed(answer.get("events")) if isinstance(event, Mapping)]
            times = [at for event in [answer, *events] if (at := _at(event)) is not None]
            if times:
                one["start"] = min([*times, *([one["start"]] if one.get("start") is not None else [])])
                one["end"] = max([*times, *([one["end"]] if one.get("end") is not None else [])])
            one["ended"] = True
            context = answer.get("context")
            inside = context if isinstance(context, Mapping) else {}
            one["user"] = one.get("user") or _as_text(inside.get("user_id") or answer.get("user"))
            one["endpoint"] = one.get("endpoint") or _as_text(inside.get("endpoint"))
            one["dropped"] = answer["dropped"] if _is_count(answer.get("dropped")) else one.get("dropped")
            one["commands"] += [str(event["event"])[:200] for event in events if event.get("event")]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _as_text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _at(event: Mapping[str, Any]) -> int | None:
    times = (moment_ns(event.get(name)) for name in ("timestamp", "start_time", "time"))
    return next((found for found in times if found is not None), None)


def _finished(one: dict[str, Any]) -> dict[str, Any]:
    start, end = one.get("start"), one.get("end")
    lasted = None if start is None or end is None else end - start
    return {name: one.get(name) for name in _COLUMNS} | {
        "duration": lasted,
        "commands": one["commands"][:_MOST],
    }


def debug_events(sessions: pl.DataFrame) -> pl.DataFrame:
    """The sessions as EVENTS of kind ``debug``, each from its start to its end.

    Parameters
    ----------
    sessions
        As `debug_sessions` gives them.

    Returns
    -------
    DataFrame
        timestamp, end, kind, title, service, source, evidence.
    """
    name = pl.when(pl.col("session").is_not_null()).then(pl.format("debug session {}", "session"))
    by = pl.when(pl.col("user").is_not_null()).then(pl.format(" by {}", "user")).otherwise(pl.lit(""))
    return sessions.drop_nulls("start").select(
        pl.col("start").alias("timestamp"),
        "end",
        pl.lit("debug").alias("kind"),
        pl.concat_str(name.otherwise(pl.lit("a debugger was attached")), by).alias("title"),
        "service",
        pl.lit("log lines").alias("source"),
        pl.col("evidence").list.head(2),
    )
