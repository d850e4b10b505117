"""Statements of databases: one fingerprint for one statement, whatever its literals and its length."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from obsnb.analysis.sql_text import Tokens, tokens_of
from obsnb.conventions.systems import DIALECTS, NOT_SQL

__all__ = ["Statement", "is_sql_system", "read_statements"]

#: Where statements are cut: 200 by the debugging guide, the others by drivers, agents and columns.
_CUTS = frozenset({100, 128, 200, 250, 255, 256, 300, 500, 512, 1000, 1023, 1024, 2000, 2048, 4000, 4096})
#: Below this, a text that begins another says nothing.
_LONG_ENOUGH = 40
#: sqlglot takes a millisecond for a hundred words, and seconds for some texts of many thousand.
_PARSED_AT_MOST = 4_000
_VERBS = frozenset({"select", "insert", "update", "delete", "merge", "replace", "upsert"})
_PARSED = frozenset({"select", "insert", "update", "delete", "merge", "with", "("})
_BEFORE_TABLE = frozenset({"from", "join", "into", "update", "table", "using", "truncate", "copy"})
_NO_TABLE = frozenset(
    {"select", "set", "where", "on", "only", "values", "lateral", "if", "exists", "table", "stdin", "stdout"}
)
_FUNCTIONS_WITH_FROM = frozenset({"extract", "substring", "trim", "overlay", "position"})


@dataclass(frozen=True)
class Statement:
    """A statement, read.

    Attributes
    ----------
    fingerprint
        12 hex digits that all texts of the statement share.
    text
        The statement with its literals as ``?`` and their lists as one ``?``.
    operation
        Its verb in capitals: SELECT, also where a CTE stands before it.
    tables
        What it reads and writes, with the schema where the text names one; no CTEs.
    """

    fingerprint: str
    text: str
    operation: str
    tables: tuple[str, ...]


def is_sql_system(system: str | None) -> bool:
    """Whether a kind of database (``db.system``) takes SQL; unknown ones may."""
    return (system or "").lower() not in NOT_SQL


def read_statements(texts: Iterable[tuple[str, str | None, int]]) -> list[Statement]:
    """Read statements, those that are cut by what begins like them.

    Parameters
    ----------
    texts
        Text, kind of database or None, and the number of characters that the text had before
        anything was taken out of it: a text that ends where statements are usually cut may be cut.

    Returns
    -------
    list of Statement
        One for each text, in order. A cut text is its whole statement's, where exactly one whole
        statement begins like it; else the longest cut text's that begins like it; else its own.
    """
    given = list(texts)
    read = [tokens_of(text, system=system, cut=length in _CUTS) for text, system, length in given]
    may_be_cut = [
        tokens.broken or length in _CUTS for tokens, (_, _, length) in zip(read, given, strict=True)
    ]
    systems: dict[str, str] = {}
    wholes: dict[str, Tokens] = {}
    cuts: dict[str, Tokens] = {}
    for tokens, (text, system, _), cut in zip(read, given, may_be_cut, strict=True):
        kept = tokens_of(text, system=system) if cut and not tokens.broken else tokens
        if cut:
            cuts.setdefault(tokens.key, kept)
        else:
            wholes.setdefault(tokens.key, tokens)
        if system is not None:
            systems.setdefault(tokens.key, system)
    keys = _keys_of_cuts(cuts, wholes)
    statements: dict[str, Statement] = {}
    out = []
    for tokens in read:
        key = keys.get(tokens.key, tokens.key)
        if key not in statements:
            shown = wholes.get(key) or cuts[key]
            statements[key] = _statement(key, shown, systems.get(key) or systems.get(tokens.key))
        out.append(statements[key])
    return out


def _keys_of_cuts(cuts: Mapping[str, Tokens], wholes: Mapping[str, Tokens]) -> dict[str, str]:
    """The key that each cut text goes by."""
    whole_keys, cut_keys = sorted(wholes), sorted(cuts)
    keys: dict[str, str] = {}
    for key in sorted(cuts, key=len, reverse=True):
        begun = [whole for whole in _begun_by(key, whole_keys) if whole != key]
        if key in wholes or len(key) < _LONG_ENOUGH:
            keys[key] = key
        elif len(begun) == 1:
            keys[key] = begun[0]
        else:
            longer = {keys[other] for other in _begun_by(key, cut_keys) if other in keys}
            keys[key] = longer.pop() if len(longer) == 1 and not begun else key
    return keys


def _begun_by(start: str, ordered: list[str]) -> list[str]:
    """The texts of an ordered list that begin so."""
    at = bisect_left(ordered, start)
    found = []
    while at < len(ordered) and ordered[at].startswith(start):
        found.append(ordered[at])
        at += 1
    return found


def _statement(key: str, tokens: Tokens, system: str | None) -> Statement:
    fingerprint = hashlib.sha256(key.encode()).hexdigest()[:12]
    words = tuple(word.lower() for word in tokens.words)
    own = Statement(fingerprint, tokens.text, _operation(words), _tables(tokens.words))
    if tokens.broken or not words or words[0] not in _PARSED or len(own.text) > _PARSED_AT_MOST:
        return own
    return _parsed(own, key, system)


def _parsed(own: Statement, key: str, system: str | None) -> Statement:
    """The statement as sqlglot reads it; as it was where sqlglot cannot."""
    import sqlglot
    from sqlglot import exp

    dialect = DIALECTS.get((system or "").lower())
    try:
        tree = sqlglot.parse_one(own.text, read=dialect)
        text = tree.sql(dialect=dialect, comments=False, unsupported_level=sqlglot.ErrorLevel.IGNORE)
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        return own
    if isinstance(tree, exp.Command):
        return own
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    names = [_qualified(table.db, table.name) for table in tree.find_all(exp.Table) if table.name]
    tables = tuple(sorted({name for name in names if name.lower() not in ctes}))
    if tokens_of(text, system=system).key != key:
        text = own.text  # some dialects cannot write all that they read
    main = tree.find(exp.Select) if isinstance(tree, exp.SetOperation | exp.Subquery) else tree
    operation = (main or tree).key.upper()
    return replace(own, text=text, operation=operation, tables=tables or own.tables)


def _qualified(schema: str, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _operation(words: tuple[str, ...]) -> str:
    """The first verb; after ``WITH``, the first one outside all parentheses."""
    if not words:
        return ""
    if words[0] in ("with", "(", "explain"):
        depth = 0
        for word in words[1:]:
            depth += (word == "(") - (word == ")")
            if word in _VERBS and (depth <= 0 or words[0] == "("):
                return word.upper()
    return words[0].upper()


def _tables(words: tuple[str, ...]) -> tuple[str, ...]:
    """What stands after FROM, JOIN, INTO, UPDATE and the like, where sqlglot cannot read."""
    lower = [word.lower() for word in words]
    ctes = {
        lower[at]
        for at in range(len(words) - 2)
        if lower[at + 1] == "as" and lower[at + 2] == "(" and "with" in lower[:at]
    }
    found = []
    calls = [""]
    for at, word in enumerate(lower[:-1]):
        if word == "(":
            calls.append(lower[at - 1] if at else "")
        elif word == ")" and len(calls) > 1:
            calls.pop()
        before = lower[at - 1] if at else ""
        if (
            word not in _BEFORE_TABLE
            or before in ("for", "do", "distinct")
            or calls[-1] in _FUNCTIONS_WITH_FROM
        ):
            continue
        name, after = _name_at(words, at + 1)
        is_call = after == "(" and word in ("from", "join")
        if name and not is_call and name.lower() not in ctes:
            found.append(name)
    return tuple(sorted(set(found)))


def _name_at(words: tuple[str, ...], at: int) -> tuple[str | None, str]:
    """The name that begins at a token, with its schema, and the token after it."""
    name = words[at]
    if name.lower() in _NO_TABLE or not (name[0].isalpha() or name[0] == "_"):
        return None, ""
    while at + 2 < len(words) and words[at + 1] == ".":
        name, at = f"{name}.{words[at + 2]}", at + 2
    return name, words[at + 1] if at + 1 < len(words) else ""
