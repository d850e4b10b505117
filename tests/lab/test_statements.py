"""Statements that are watched: tables, durations, slow ones, failed ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.lab.as_written import table_as_written
from obsnb.lab.statements import table_of

_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@given(_NAMES)
def test_a_tables_name_is_told_as_people_write_it(name):
    for text in (
        f"SELECT * FROM {name} WHERE a = 1",
        f"select x from\n  {name}",
        f"INSERT INTO {name} (a) VALUES (?)",
        f"UPDATE {name} SET a = 1",
        f"DELETE FROM {name}",
        f'SELECT * FROM "{name}" AS t',
    ):
        assert table_of(text) == name


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("SELECT 'from nowhere', a FROM runs", "runs"),
        ("SELECT valid_from FROM runs", "runs"),
        ("SELECT a -- from here\nFROM runs", "runs"),
        ("SELECT a FROM app.runs", "app.runs"),
        ("SELECT a, (SELECT count(*) FROM runs WHERE (x = 1)) FROM searches", "searches"),
        ("SELECT a FROM (SELECT b FROM runs)", "runs"),
        ("COMMIT", "unknown"),
        ("", "unknown"),
    ],
)
def test_words_that_only_look_like_a_table_are_none(statement, table):
    assert table_of(statement) == table


def test_as_written_a_column_named_from_is_taken_for_the_table():
    assert table_as_written("SELECT a FROM runs") == "RUNS"
    assert table_as_written("SELECT valid_from FROM runs") == "unknown"
    assert table_as_written("SELECT from_day, a FROM runs") == "_DAY,"
