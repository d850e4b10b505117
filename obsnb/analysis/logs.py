"""What log lines say: message, level, logger, ids, exception, culprit, route, status, statement."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.line_columns import LineColumns
from obsnb.analysis.line_formats import fields_of_texts, route_in, without_colours, without_runtime
from obsnb.analysis.line_shapes import fields_of_shapes
from obsnb.analysis.log_exceptions import fill_exceptions
from obsnb.analysis.log_fields import COLUMNS, Wanted, decode_objects, fields_of_columns, fields_of_lines
from obsnb.analysis.log_levels import spelt
from obsnb.analysis.message_facts import (
    answer_in,
    duration_in,
    ids_in,
    is_statement,
    logged_statement_in,
    parent_in,
    statement_in,
    status_in,
    without_id,
)
from obsnb.analysis.postgres_lines import told_apart
from obsnb.analysis.split_stacks import put_together
from obsnb.collector import paused_collector
from obsnb.conventions import DEFAULT, METHODS, Conventions
from obsnb.schema import LOGS

__all__ = ["PARSED", "parse_logs"]

#: The columns that `parse_logs` adds, with their types.
PARSED: Mapping[str, Any] = {
    "parsed.format": pl.String,
    "parsed.message": pl.String,
    "parsed.level": pl.String,
    "parsed.logger": pl.String,
    "parsed.exception_type": pl.String,
    "parsed.exception_message": pl.String,
    "parsed.culprit": pl.String,
    "parsed.frames": pl.List(pl.String),
    "parsed.cause": pl.String,
    "parsed.route": pl.String,
    "parsed.http_status": pl.Int64,
    "parsed.duration_s": pl.Float64,
    "parsed.statement": pl.String,
    "parsed.request_id": pl.String,
    "parsed.tenant": pl.String,
    "parsed.user": pl.String,
    "parsed.version": pl.String,
}
_FORMAT = "format"
_TEXT, _PART = "\0text", "\0part"  # beside the frame's own columns, whatever their names
_WORTH_A_THREAD = 50_000  # lines; what a part costs whatever its size is then a tenth of it
_CHUNK = 8_000  # decoded lines that exist at a time: few enough to stay in the processor's cache
_DOCKER = r'"stream":\s*"std(?:out|err)"'
# Three spellings are found three times as fast as any case.
_NUMBER_WORDS = r"[Ss]tatus|STATUS|[Hh]ttp|HTTP|[Tt]ook|[Dd]uration|[Ee]lapsed|[Ll]atency|[Qq]uery_time"
_ANSWER_WORDS = r"^(?:Completed|Sent) [1-5]"
_ID_WORDS = r"(?i)id[\"']?\s*[=:]"
_METHODS = rf"(?:{METHODS})[\s\"']"
_STATEMENT_WORDS = r"SQL|sql|[Ss]tatement|STATEMENT|[Qq]uery|QUERY|execute"
_LOGGED_WORDS = "SELECT|INSERT|UPDATE|DELETE|SlowQuery"
_JSON_TAIL = r"^((?s:.*?))\s*(\{\s*\"(?s:.*)\})$"
_NOTHING = ["<nil>", "nil", "null", "None", "none", "undefined", "-", ""]


def parse_logs(logs: Any, *, conventions: Conventions = DEFAULT) -> Any:
    r"""Read what the lines say into columns.

    Parameters
    ----------
    logs
        LOGS; ``timestamp`` and ``line`` suffice.
    conventions
        The names of fields, and which stack frames are not the application's own.

    Returns
    -------
    frame
        The same rows in the same order, as LOGS: core columns first. Where they were null, ``service``,
        ``level``, ``trace_id``, ``span_id`` and ``correlation_id`` are filled in. Added are, each null
        where the line does not say:

        - ``parsed.format``: json, logfmt, asctime (a time and a level head the line, in whatever
          order), access (a web server's line with request and status) or text
        - ``parsed.message``: what the line says, without its head, a leading ``[id]`` and a stack
          trace; the whole line where nothing else is known
        - ``parsed.level``: lower case, one spelling a level (``warn``, ``error``, ``critical``)
        - ``parsed.logger``
        - ``parsed.exception_type``, ``parsed.exception_message``: of the exception that was raised
          last, from fields, a stack trace, or the words of the message
        - ``parsed.culprit``: the innermost frame of the application's own code, ``path:function``
          (``class:method`` in Java); a library's where there is no other
        - ``parsed.frames`` (list of text): the frames, innermost first, ``path:line in function``
        - ``parsed.cause``: ``type: message`` of the exception that a chain began with
        - ``parsed.route``: the path or route, without a query
        - ``parsed.http_status`` (Int64), ``parsed.duration_s`` (Float64, seconds)
        - ``parsed.statement``: SQL that the line quotes, or that PostgreSQL wrote in lines after it
        - ``parsed.request_id``, ``parsed.tenant``, ``parsed.user``, ``parsed.version``

        A column of these names that the frame already has keeps its values.

    Raises
    ------
    FrameError
        It is no frame, or has no ``timestamp`` or ``line``.

    Notes
    -----
    A line's own fields come before structured metadata, that before what the server parsed, and
    that before stream labels. A correlation id is looked for in a field, then in a leading ``[id]``,
    then in a request id. A line that cannot be parsed is text, and spoils no other.
    """
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="parse_logs")
    told = put_together(frame)
    texts = frame.with_columns(told["text"].alias(_TEXT), told["part"].alias(_PART))
    with paused_collector():
        lines = _read(texts, conventions)
    apart = told_apart(frame, frame["line"])
    if apart.height:
        lines.set("statement", lines["statement"].clone().scatter(apart["row"], apart["statement"]))
    return like(_assembled(frame, lines, _categories(logs)), logs, same_rows=True)


def _read(frame: pl.DataFrame, conventions: Conventions) -> LineColumns:
    """What each line says by itself; of many lines, in parts side by side, in threads that end here."""
    wanted = Wanted.of(conventions)

    def read(part: pl.DataFrame) -> LineColumns:
        lines = _fields(part, wanted)
        _fill_from_words(lines)
        fill_exceptions(lines, foreign=conventions.foreign_code)
        return lines

    threads = min(pl.thread_pool_size(), frame.height // _WORTH_A_THREAD)
    if threads < 2:
        return read(frame)
    with ThreadPoolExecutor(threads, "obsnb-lines") as pool:
        return LineColumns.joined(list(pool.map(read, frame.iter_slices(-(-frame.height // threads)))))


def _fields(frame: pl.DataFrame, wanted: Wanted) -> LineColumns:
    """`COLUMNS` and ``format`` of every line: its own fields, then the frame's further columns."""
    text = _plain(frame[_TEXT])
    lines = _own_fields(text, wanted)
    _fill_inner_json(lines, wanted)
    lines.set("part", frame[_PART])
    core = (*LOGS.names, _TEXT, _PART, *(name for name in PARSED if name in frame.columns))
    every = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    lines.fill(every, fields_of_columns(frame, wanted, skip=core))
    message = lines["message"]
    lines.set("message", message.zip_with(message.is_not_null(), text))
    lines.set("whole", lines["message"].zip_with(lines[_FORMAT] == "json", text))
    return lines


def _plain(line: pl.Series) -> pl.Series:
    """The lines without colours, a container runtime's wrapping, and space around them."""
    if line.str.contains("\x1b", literal=True).any():
        line = without_colours(line)
    line = line.str.strip_chars()
    bare = (~line.str.starts_with("{")).arg_true()
    if len(bare):
        line = line.scatter(bare, without_runtime(line.gather(bare)))
    heads = (f'{{"{key}"' for key in ("log", "stream", "time"))
    docker = pl.any_horizontal(pl.col("line").str.starts_with(head) for head in heads)
    rows = LineColumns({"line": line}).rows_where(docker, pl.col("line").str.contains(_DOCKER))
    if len(rows):
        wrapped = line.gather(rows)
        written = wrapped.str.json_path_match("$.log").fill_null(wrapped)
        line = line.scatter(rows, without_colours(written).str.strip_chars())
    return line


def _own_fields(texts: pl.Series, wanted: Wanted) -> LineColumns:
    """What each line's own fields say: JSON first, the others by the form of their text."""
    found, unread = fields_of_shapes(texts, wanted)
    lines = LineColumns({column.name: column for column in found})
    is_object, alone = _one_by_one(texts.gather(unread), wanted)
    lines.fill(unread, {name: alone[name] for name in COLUMNS})
    others = unread.filter(~is_object)
    kind = pl.Series(_FORMAT, ["json"]).new_from_index(0, len(texts))
    lines.set(_FORMAT, kind.scatter(others, None))
    if len(others):
        spoken = fields_of_texts(texts.gather(others), wanted)
        lines.fill(others, {name: spoken[name] for name in (_FORMAT, *COLUMNS)})
    return lines


def _one_by_one(texts: pl.Series, wanted: Wanted) -> tuple[pl.Series, pl.DataFrame]:
    """Which texts are JSON objects, and the fields of these, whatever their shapes."""
    parts = [fields_of_lines([], wanted)]
    objects: list[bool] = []
    looks = texts.str.starts_with("{") & texts.str.ends_with("}")
    maybe = texts if looks.all() else texts.set(~looks, "null")
    for chunk in maybe.to_frame().iter_slices(_CHUNK):
        decoded = decode_objects(chunk.to_series().to_list())
        parts.append(fields_of_lines(decoded, wanted))
        objects.extend(line is not None for line in decoded)
    return pl.Series(objects, dtype=pl.Boolean), pl.concat(parts, rechunk=True)


def _fill_inner_json(lines: LineColumns, wanted: Wanted) -> None:
    """Fields of a JSON object that a message is, or ends with.

    The object's message and level come before what surrounds it, unless words stand before it: then
    these are the message.
    """
    message = pl.col("message")
    rows = lines.rows_where(message.str.ends_with("}"), message.str.contains(_JSON_TAIL))
    if not len(rows):
        return
    parts = (
        lines["message"]
        .gather(rows)
        .to_frame()
        .select(
            message.str.extract(_JSON_TAIL, 1).alias("head"), message.str.extract(_JSON_TAIL, 2).alias("tail")
        )
    )
    decoded = decode_objects(parts["tail"].to_list())
    is_object = pl.Series([line is not None for line in decoded], dtype=pl.Boolean)
    rows, head = rows.filter(is_object), parts["head"].filter(is_object)
    inner = fields_of_lines([line for line in decoded if line is not None], wanted)
    alone = head == ""
    said = inner["message"].zip_with(alone, head)
    changed = {"message": said, "level": inner["level"]}
    for name, values in changed.items():
        new = values.is_not_null()
        lines.set(name, lines[name].clone().scatter(rows.filter(new), values.filter(new)))
    lines.fill(rows, {name: inner[name] for name in COLUMNS if name not in changed})


def _fill_from_words(lines: LineColumns) -> None:
    """What the words of the messages tell, where no field does."""
    message = pl.col("message")
    _take_leading_ids(lines)
    status = lines["http_status"].str.extract(r"^\s*([1-5]\d\d)\b", 1)
    lines.set("http_status", status)
    statement = lines["statement"]
    lines.set("statement", statement.set(~is_statement(statement), None))
    said = lines["exception_message"]
    lines.set("exception_message", said.set(said.is_in(_NOTHING), None))
    lines.fill_told(
        "message",
        (_NUMBER_WORDS, {"http_status": status_in(message), "duration_s": duration_in(message)}),
        (_ANSWER_WORDS, answer_in(message)),
        (_ID_WORDS, ids_in(message)),
        ("traceparent", parent_in(message)),
        (_METHODS, {"route": route_in(message)}),
        (_STATEMENT_WORDS, {"statement": statement_in(message)}),
        (_LOGGED_WORDS, logged_statement_in(message)),
    )
    route = lines["route"].str.replace(r"^[a-z]+://[^/?#]*", "").str.replace(r"[?#].*$", "")
    lines.set("route", route.replace("", None))


def _take_leading_ids(lines: LineColumns) -> None:
    """An ``[id]`` that a message begins with is the correlation id, and no part of the message."""
    rows = lines.rows_where(pl.col("message").str.starts_with("["))
    if not len(rows):
        return
    leading, said = without_id(pl.col("message"))
    found = lines["message"].gather(rows).to_frame().select(leading.alias("id"), said.alias("said"))
    named = found["id"].is_not_null().fill_null(False)
    lines.fill(rows, {"correlation_id": found["id"]})
    lines.set("message", lines["message"].clone().scatter(rows.filter(named), found["said"].filter(named)))


def _assembled(frame: pl.DataFrame, lines: LineColumns, categories: set[str]) -> pl.DataFrame:
    """LOGS with null core columns filled in, and `PARSED`."""
    lines.set("level", spelt(lines["level"]).replace("unknown", None))
    filled = LOGS.conform(frame.drop(name for name in PARSED if name in frame.columns))
    core = {name: lines[name] for name in ("service", "level", "trace_id", "span_id")}
    core["correlation_id"] = _correlation(lines)
    for name, values in core.items():
        have = filled[name].cast(pl.String).replace("", None)
        if have.null_count():
            filled = filled.with_columns(have.zip_with(have.is_not_null(), values).alias(name))
    for name, kind in PARSED.items():
        column = lines[name.removeprefix("parsed.")].cast(kind, strict=False)
        if name in frame.columns:
            have = frame[name].cast(kind, strict=False)
            column = have.zip_with(have.is_not_null(), column)
        filled = filled.with_columns(column.alias(name))
    labels = [name for name in categories if name in filled.columns and name not in PARSED]
    return LOGS.conform(filled.with_columns(pl.col(labels).cast(pl.Categorical)))


def _correlation(lines: LineColumns) -> pl.Series:
    """Correlation ids; for a line that has only a request id, that of the lines which have both."""
    ids = pl.DataFrame([lines["correlation_id"], lines["request_id"]])
    lone = (ids["correlation_id"].is_null() & ids["request_id"].is_not_null()).arg_true()
    if not len(lone):
        return ids["correlation_id"]
    wanted = ids[lone].select("request_id")
    both = ids.drop_nulls().join(wanted.unique(), on="request_id", how="semi")
    known = both.group_by("request_id").agg(pl.col("correlation_id").min())
    joined = wanted.join(known, on="request_id", how="left", maintain_order="left")
    found = joined.select(pl.coalesce("correlation_id", "request_id")).to_series()
    return ids["correlation_id"].clone().scatter(lone, found)


def _categories(logs: Any) -> set[str]:
    """The label columns of a polars frame; they leave as they came."""
    if isinstance(logs, pl.DataFrame | pl.LazyFrame):
        schema = logs.collect_schema()
        return {name for name, kind in schema.items() if kind in (pl.Categorical, pl.Enum)}
    return set()
