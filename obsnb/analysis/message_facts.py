"""What the words of a message tell: ids, exceptions, statuses, durations, statements.

Everything is a regular expression over a whole column, in polars' dialect: it takes no Python
loop, and no line can make it slow.
"""

from __future__ import annotations

import polars as pl

__all__ = [
    "EXCEPTION_WORDS",
    "ID_FORM",
    "answer_in",
    "duration_in",
    "exception_in",
    "ids_in",
    "is_statement",
    "logged_statement_in",
    "parent_in",
    "statement_in",
    "status_in",
    "without_id",
]

#: What stands in the brackets of ``[id] message``: a UUID, a ULID or hexadecimal digits, maybe a prefix.
ID_FORM = (
    r"(?:[A-Za-z]{1,10}[-_:])?(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]*[0-9][0-9a-fA-F]{11,63}|[0-9A-HJKMNP-TV-Z]{26})"
)
_ID_ALONE = rf"^{ID_FORM}$"
_TYPE_WORDS = (
    "Error",
    "Exception",
    "Failure",
    "Fault",
    "Timeout",
    "Interrupt",
    "Throwable",
    "Violation",
    "NotFound",
    "Refused",
    "Exceeded",
)
#: A text that tells of an exception has one of these words in it.
EXCEPTION_WORDS = "|".join((*_TYPE_WORDS, "Uncaught"))
_TYPE = (
    r"(?:^|[\s:(\[\"'=])((?:[A-Za-z_][A-Za-z0-9_$]*(?:\.|::|\\))*(?:[A-Z][A-Za-z0-9_$]*)?"
    rf"(?:{'|'.join(_TYPE_WORDS)}))"
)
_TYPE_SAID = _TYPE + r":\s+((?s:.+))$"
#: PHP's own words and Symfony's, with the place behind the message.
_UNCAUGHT = (
    r"\bUncaught (?:PHP Exception )?([A-Za-z_][A-Za-z0-9_\\]*): \"?([^\n]*?)\"? (?:in|at) \S+?(?::| line |"
    r" on line )\d+"
)
_TYPE_ALONE = (
    r"(?i:exception|error)[\w ]*:\s*"
    r"((?:[A-Za-z_][A-Za-z0-9_$]*\.)*[A-Z][A-Za-z0-9_$]*(?:Error|Exception))\s*$"
)
_STATUS = r"(?i)\b(?:status(?:[ _]?code)?|http(?:/\d(?:\.\d)?)?)[\"']?\s*[=:]?\s*[\"']?([1-5]\d\d)\b"
#: What Rails and Phoenix say at a request's end.
_COMPLETED = r"^(?:Completed|Sent) ([1-5]\d\d)\b[^\n]* in (\d+(?:\.\d+)?)(ms|µs)\b"
_ID = r"(?i)\b{name}[\"']?\s*[=:]\s*[\"']?([0-9a-f][0-9a-f\-]{{{low},{high}}})\b"
_DURATION = (
    r"(?i)\b(?:duration|elapsed|took|latency|query_time)(?:_?(?P<in>ms|us|ns|s|sec|seconds))?[\"']?(?:"
    r"[=:]\s*|\s+)"
    r"[\"']?(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|us|µs|ns|sec|seconds|s|min|m)?\b"
)
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
}
# How statements begin. Verbs alone would not do: "update failed" is none.
_SQL = (
    r"(?i:SELECT\b|INSERT\s+(?:INTO|IGNORE|OR|OVERWRITE)\b|UPDATE\s+"
    r"[^;]*?\bSET\b|DELETE\s+FROM\b|MERGE\s+INTO\b"
    r"|REPLACE\s+INTO\b|UPSERT\s+INTO\b|WITH\s+[^;]*?\bAS\s*\(|(?:CREATE|ALTER|DROP|TRUNCATE|LOCK)\s+"
    r"(?:TABLE|INDEX|UNIQUE|VIEW|MATERIALIZED|TEMP|OR|DATABASE|SCHEMA|SEQUENCE|FUNCTION|TRIGGER)\b"
    r"|CALL\s+[\w.]+\s*\(|EXEC(?:UTE)?\s+[\w.]+|EXPLAIN\s+(?:ANALYZE|\(|SELECT)|COPY\s+\S+\s+(?:FROM|TO)\b"
    r"|SET\s+\S+\s*(?:=|TO\b)|(?:BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION)\s*;?\s*$|SAVEPOINT\s+\w"
    r"|(?:VACUUM|ANALYZE|REFRESH|REINDEX|GRANT|REVOKE|DECLARE|FETCH)\s+\w)"
)
# What SQLAlchemy appends to a database's error; what PostgreSQL and MySQL write of a slow statement.
_STATEMENT = (
    rf"\[SQL: ({_SQL}(?s:.*?))\](?:\s*\[parameters|\s*\(Background|\s*$)"
    rf"|(?i:(?:statement|query|sql|execute [^:\n]{{1,60}})[:=]\s+)\"?({_SQL}(?s:.*))$"
    rf"|Query Text: ({_SQL}[^\n]*)"
    rf"|# Query_time: (?s:.*?)\n(?:(?:use|SET timestamp)\b[^;]*;\s*)*({_SQL}(?s:.*))$"
)
# How long it took and the statement, as ActiveRecord, Entity Framework, Django and Hibernate log them.
_LOGGED = (
    r"(?:\((?P<ms>[\d.,]+)ms\)(?: \[[^\n]*\])?\s+|(?:^|\s)\((?P<s>\d+\.\d{3})\) "
    rf"|SlowQuery: (?P<slow>\d+) milliseconds\. SQL: '(?:[^']*? wrapping )?)(?P<statement>{_SQL}(?s:.*?))"
    r"(?:\s+\[\[|; args=|'?\s*$)"
)
# A whole message that can be nothing else.
_ALONE = r"^(?s:(?:SELECT\s.*?\sFROM|INSERT\s+INTO|UPDATE\s.*?\sSET|DELETE\s+FROM)\s.*)$"
_IS_STATEMENT = rf"^(?:\s|\(|/\*(?s:.*?)\*/|--[^\n]*\n)*{_SQL}"


def without_id(message: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The id of a message that begins with ``[id]``, and the message without it; null where it does not."""
    # By position, because groups that are captured cost ten times as much.
    end = message.str.find("]", literal=True)
    inside = message.str.slice(1, end.cast(pl.Int64) - 1)
    is_id = inside.str.contains(_ID_ALONE)
    return pl.when(is_id).then(inside), pl.when(is_id).then(
        message.str.slice(end + 1).str.strip_chars_start()
    )


def exception_in(message: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Type and message of an exception that a text tells of: ``... TypeError: it says``."""
    kind = pl.coalesce(
        message.str.extract(_UNCAUGHT, 1),
        message.str.extract(_TYPE_SAID, 1),
        message.str.extract(_TYPE_ALONE, 1),
    )
    said = pl.coalesce(message.str.extract(_UNCAUGHT, 2), message.str.extract(_TYPE_SAID, 2))
    return kind, said.str.strip_chars()


def status_in(message: pl.Expr) -> pl.Expr:
    """The HTTP status that a text tells of (``status=500``, ``HTTP 502``)."""
    return message.str.extract(_STATUS, 1)


def answer_in(message: pl.Expr) -> dict[str, pl.Expr]:
    """Status and seconds of what Rails and Phoenix say at a request's end."""
    seconds = message.str.extract(_COMPLETED, 2).cast(pl.Float64, strict=False)
    unit = message.str.extract(_COMPLETED, 3).replace_strict(_UNITS, default=None)
    return {"http_status": message.str.extract(_COMPLETED, 1), "duration_s": seconds * unit}


def ids_in(message: pl.Expr) -> dict[str, pl.Expr]:
    """Ids that a text names: ``trace_id``, ``span_id``, ``correlation_id``, ``request_id``."""
    names = {
        "trace_id": (r"trace[_.\- ]?id", 15, 35),
        "span_id": (r"span[_.\- ]?id", 15, 15),
        "correlation_id": (r"(?:x[_\-])?correlation[_.\- ]?id", 7, 63),
        "request_id": (r"(?:x[_\-])?req(?:uest)?[_.\- ]?id", 7, 63),
    }
    return {
        column: message.str.extract(_ID.format(name=name, low=low, high=high), 1)
        for column, (name, low, high) in names.items()
    }


def parent_in(message: pl.Expr) -> dict[str, pl.Expr]:
    """The ids of a ``traceparent`` (W3C's Trace Context) that a text quotes."""
    parent = r"traceparent\W{1,4}[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\b"
    return {name: message.str.extract(parent, group) for group, name in enumerate(("trace_id", "span_id"), 1)}


def duration_in(message: pl.Expr) -> pl.Expr:
    """How long something took, by its words (``duration_ms=12``, ``took 3.4s``), in seconds."""
    found = message.str.extract_groups(_DURATION)
    unit = pl.coalesce(found.struct.field("unit"), found.struct.field("in"), pl.lit("s")).str.to_lowercase()
    number = found.struct.field("number").cast(pl.Float64, strict=False)
    return number * unit.replace_strict(_UNITS, default=1.0, return_dtype=pl.Float64)


def statement_in(message: pl.Expr) -> pl.Expr:
    """The database statement that a message quotes; null where it quotes none."""
    found = pl.coalesce(message.str.extract(_STATEMENT, group).replace("", None) for group in (1, 2, 3, 4))
    return found.str.strip_chars(' \t\r\n";')


def logged_statement_in(message: pl.Expr) -> dict[str, pl.Expr]:
    """Statement and seconds of what object-relational mappers log of their statements."""
    found = message.str.extract_groups(_LOGGED)
    numbers = {"ms": 1e-3, "slow": 1e-3, "s": 1.0}
    took = [
        found.struct.field(name).str.replace_all(",", "").cast(pl.Float64, strict=False) * scale
        for name, scale in numbers.items()
    ]
    statement = pl.coalesce(found.struct.field("statement"), message.str.extract(f"({_ALONE})", 1))
    return {"statement": statement.str.strip_chars(), "duration_s": pl.coalesce(took)}


def is_statement(text: pl.Series) -> pl.Series:
    """Whether texts begin like a statement of SQL, comments before it left out."""
    return text.str.contains(_IS_STATEMENT)
