"""One fingerprint for one statement: any literals, any dialect, whole or cut."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from obsnb.analysis.sql_text import tokens_of
from obsnb.analysis.statements import is_sql_system, read_statements

LONG = (
    "SELECT s.id, s.name, s.query, s.created_at, s.updated_at, s.owner_id, s.shared, s.last_run "
    "FROM searches s JOIN owners o ON o.id = s.owner_id "
    "WHERE s.tenant_id = %s AND lower(s.query) LIKE %s AND s.deleted IS NULL "
    "ORDER BY s.created_at DESC LIMIT %s"
)


def _read(*texts, system=None):
    return read_statements((text, system, len(text)) for text in texts)


def _one(text, system=None):
    return _read(text, system=system)[0]


def _same(*texts, system=None):
    return len({statement.fingerprint for statement in _read(*texts, system=system)}) == 1


@pytest.mark.parametrize(
    "other",
    [
        "select a, b from t where id = 7 and name = 'x'",
        "SELECT a,b FROM t WHERE id=$1 AND name=$2;",
        "SELECT a, b\n  FROM t -- all of it\n WHERE id = :id /* one */ AND name = :name",
        "SELECT a, b FROM t AS t WHERE id = -7 AND name = 'it''s'",
        "SELECT `a`, `b` FROM `t` WHERE `id` = ? AND `name` = ?",
        'SELECT "a", "b" FROM "t" WHERE "id" = %(id)s AND "name" = %(name)s',
        "SELECT [a], [b] FROM [t] WHERE [id] = @id AND [name] = @name",
        "SELECT a, b FROM t WHERE id = 1e5 AND name = $$x y$$",
    ],
)
def test_literals_parameters_case_space_and_quotes_change_nothing(other):
    if " AS t" in other:
        assert _same("SELECT a, b FROM t t WHERE id = %s AND name = %s", other)
    else:
        assert _same("SELECT a, b FROM t WHERE id = %s AND name = %s", other)


def test_lists_of_values_are_one_value_and_rows_one_row():
    assert _same("SELECT a FROM t WHERE id IN (1, 2, 3)", "SELECT a FROM t WHERE id IN (?)")
    assert _same("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "INSERT INTO t (a, b) VALUES (?, ?)")
    assert _same("INSERT INTO t (a) VALUES (1 + now()), (2 + now())", "INSERT INTO t (a) VALUES (3 + now())")
    assert _one("SELECT a FROM t WHERE id IN (1, 2, 3)").text == "SELECT a FROM t WHERE id IN (?)"


def test_other_tables_columns_and_conditions_are_other_statements():
    texts = [
        "SELECT a FROM t",
        "SELECT b FROM t",
        "SELECT a FROM u",
        "SELECT a FROM t WHERE x = 1",
        "DELETE FROM t",
    ]
    assert len({statement.fingerprint for statement in _read(*texts)}) == len(texts)


def test_a_double_quoted_value_is_a_value_in_mysql_and_a_name_elsewhere():
    assert _same('SELECT a FROM t WHERE n = "bob"', "SELECT a FROM t WHERE n = ?", system="mysql")
    assert not _same('SELECT a FROM t WHERE n = "bob"', "SELECT a FROM t WHERE n = ?", system="postgresql")
    assert _same('SELECT a FROM t WHERE n = "two words"', "SELECT a FROM t WHERE n = ?")


# Cut statements.


def test_a_statement_cut_at_200_characters_is_its_whole():
    whole, cut = _read(LONG, LONG[:200])
    assert cut == whole
    assert cut.tables == ("owners", "searches")


@given(st.integers(60, len(LONG) - 1))
def test_a_statement_cut_anywhere_with_an_ellipsis_is_its_whole(length):
    whole, cut = _read(LONG, LONG[:length] + "...")
    assert cut.fingerprint == whole.fingerprint


def test_a_cut_statement_that_two_begin_like_is_neither():
    one, two = LONG + " OFFSET 5", LONG.replace("DESC", "ASC")
    first, second, cut = _read(one, two, LONG[:200])
    assert cut.fingerprint not in (first.fingerprint, second.fingerprint)
    assert cut.operation == "SELECT"
    assert cut.tables == ("owners", "searches")


def test_cut_statements_without_their_whole_are_one_if_one_begins_the_other():
    short, long = _read(LONG[:128], LONG[:200])
    assert short.fingerprint == long.fingerprint


def test_a_whole_statement_that_begins_another_is_its_own():
    one, two = _read("SELECT a FROM t WHERE x = 1", "SELECT a FROM t WHERE x = 1 AND y = 2")
    assert one.fingerprint != two.fingerprint


def test_a_statement_of_megabytes_is_told_by_its_beginning():
    values = ", ".join("(1, now(), 'x')" for _ in range(50_000))
    start = "SELECT a, b FROM some_table WHERE id IN "
    long, short = _read(f"{start}({'1, ' * 30_000}2)", f"{start}(1)")
    assert long.fingerprint == short.fingerprint
    assert _one(f"INSERT INTO t (a, b, c) VALUES {values}").tables == ("t",)


# What a statement does.


@pytest.mark.parametrize(
    ("text", "operation", "tables"),
    [
        (
            "WITH t AS (SELECT * FROM b), u AS (SELECT 1) SELECT * FROM t JOIN x.c USING (id) "
            "WHERE z IN (SELECT id FROM d)",
            "SELECT",
            ("b", "d", "x.c"),
        ),
        (
            "WITH gone AS (DELETE FROM a RETURNING id) INSERT INTO log SELECT id FROM gone",
            "INSERT",
            ("a", "log"),
        ),
        ("UPDATE a SET x = 1 FROM b WHERE a.id = b.id", "UPDATE", ("a", "b")),
        ("(SELECT a FROM b) UNION ALL (SELECT c FROM d)", "SELECT", ("b", "d")),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = b.x", "MERGE", ("a", "b")),
        ("SELECT EXTRACT(YEAR FROM created_at) FROM orders", "SELECT", ("orders",)),
        ("BEGIN", "BEGIN", ()),
        ("CALL refresh(1)", "CALL", ()),
        ("COPY a FROM STDIN", "COPY", ("a",)),
        ("TRUNCATE TABLE x.y", "TRUNCATE", ("x.y",)),
        ("SELECT DATE '2020-01-01' FROM e", "SELECT", ("e",)),  # sqlglot cannot read it without its literal
        ("SELECT EXTRACT(YEAR FROM created_at), DATE '2020-01-01' FROM e", "SELECT", ("e",)),
        ("nonsense in here", "NONSENSE", ()),
        ("", "", ()),
    ],
)  # fmt: skip
def test_operation_and_tables(text, operation, tables):
    statement = _one(text)
    assert (statement.operation, statement.tables) == (operation, tables)


def test_a_dialect_is_read_as_what_it_is():
    assert _one("SELECT TOP 5 [a] FROM [dbo].[t] WITH (NOLOCK)", system="mssql").tables == ("dbo.t",)
    assert _one("SELECT * FROM `a`.`b` LIMIT 5, 10", system="mysql").tables == ("a.b",)


def test_nothing_that_a_statement_says_is_lost():
    assert _one("SELECT * FROM a WHERE b = 1 FOR UPDATE SKIP LOCKED").text == (
        "SELECT * FROM a WHERE b = ? FOR UPDATE SKIP LOCKED"
    )


def test_fingerprints_are_the_same_in_every_run():
    assert _one("SELECT a FROM t WHERE id = 1").fingerprint == "3d57fa3b899b"


def test_kinds_of_database_that_take_no_sql_are_known():
    assert not is_sql_system("redis")
    assert not is_sql_system("MongoDB")
    assert is_sql_system("postgresql")
    assert is_sql_system(None)


_PIECES = """SELECT FROM t a.b ( ) , ' " ` [ ] %s ? $1 :x 1 - -- /* ... WITH AS IN VALUES $$ \\ é"""
_WORDS = st.sampled_from([*_PIECES.split(), "\n"])


@given(st.lists(_WORDS, max_size=14).map(" ".join), st.sampled_from([None, "mysql", "postgresql"]))
def test_no_text_is_too_strange(text, system):
    statement = _one(text, system=system)
    assert len(statement.fingerprint) == 12
    assert _one(text, system=system) == statement


@given(st.integers(0, 10**9), st.text(alphabet="abc '%", max_size=8), st.floats(0, 10**6))
def test_no_literal_changes_a_fingerprint(number, text, amount):
    quoted = text.replace("'", "''")
    assume("\\" not in quoted)
    assert _same(
        f"SELECT a FROM t WHERE x = {number} AND y = '{quoted}' AND z > {amount!r}",
        "SELECT a FROM t WHERE x = ? AND y = ? AND z > ?",
    )


def test_a_text_that_ends_within_something_is_broken():
    for text in ("SELECT 'a", "SELECT f(1", "SELECT a FROM b...", 'SELECT "a', "SELECT `a", "SELECT $$a"):
        assert tokens_of(text).broken, text
    for text in ("SELECT 'a'", "SELECT f(1)", "SELECT a", 'SELECT "a"', "SELECT $x$a$x$", "SELECT ''"):
        assert not tokens_of(text).broken, text
