"""Messages of PostgreSQL in several lines. The lines were written by PostgreSQL 15."""

import polars as pl
import pytest

from obsnb.analysis.logs import parse_logs
from obsnb.analysis.slow_queries import slow_queries
from obsnb.analysis.waits import database_waits

_AT = "2026-11-27 01:22:22"
WRITTEN = f"""{_AT}.204 UTC [10879] app@postgres ERROR:  relation "missing" does not exist at character 15
{_AT}.204 UTC [10879] app@postgres STATEMENT:  SELECT *
\tFROM missing
\tWHERE id = 7
{_AT}.296 UTC [10883] app@postgres LOG:  duration: 51.377 ms  statement: SELECT *
\tFROM orders
{_AT}.377 UTC [10885] app@postgres LOG:  duration: 61.444 ms  execute <unnamed>: SELECT id FROM orders
{_AT}.377 UTC [10885] app@postgres DETAIL:  parameters: $1 = '4'
{_AT}.716 UTC [10890] app@postgres LOG:  process 10890 still waiting for ShareLock on transaction 7 after 9 ms
{_AT}.716 UTC [10890] app@postgres DETAIL:  Process holding the lock: 10891. Wait queue: .
{_AT}.716 UTC [10890] app@postgres CONTEXT:  while updating tuple (0,1) in relation "orders"
{_AT}.716 UTC [10890] app@postgres STATEMENT:  update orders set total=2 where id=1
{_AT}.716 UTC [10890] app@postgres ERROR:  deadlock detected
{_AT}.716 UTC [10890] app@postgres DETAIL:  Process 10890 waits for ShareLock on transaction 727.
\tProcess 10891 waits for ShareLock on transaction 726; blocked by process 10890.
{_AT}.716 UTC [10890] app@postgres HINT:  See server log for query details.
{_AT}.716 UTC [10890] app@postgres STATEMENT:  selct 1
{_AT}.788 UTC [10869] LOG:  received fast shutdown request"""
STATEMENTS = {
    "relation": "SELECT *\nFROM missing\nWHERE id = 7",
    "51.377 ms": "SELECT *\nFROM orders",
    "61.444 ms": "SELECT id FROM orders",
    "still waiting": "update orders set total=2 where id=1",
    "deadlock": "selct 1",
    "fast shutdown": None,
}


def _logs(texts, *, apart_ns=1_000, **labels):
    times = [1_790_000_000_000_000_000 + apart_ns * k for k in range(len(texts))]
    frame = pl.DataFrame({"timestamp": times, "line": texts} | labels)
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def _found(parsed):
    rows = parsed.filter(pl.col("line").str.contains("(?:ERROR|LOG):  ")).select("line", "parsed.statement")
    return {key: said for line, said in rows.iter_rows() for key in STATEMENTS if key in line}


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        f"{_AT} UTC:10.0.0.1(51234):app@db:[10890]:",
        f"{_AT} UTC [10890]: [{{n}}-1] user=app,db=db ",
        f"{_AT}.000 UTC [10890] app@db ",
    ],
)
def test_whatever_the_prefix_a_message_gets_the_statement_that_follows_it(prefix):
    bare = pl.Series(WRITTEN.split("\n")).str.replace(r"^20\S+ \S+ UTC \[\d+\] (?:\S+@\S+ )?", "")
    texts = [line if line[0] == "\t" else prefix.format(n=n) + line for n, line in enumerate(bare)]
    assert _found(parse_logs(_logs(texts))) == STATEMENTS


def test_lines_of_two_servers_and_of_two_processes_that_lie_between_each_other_are_told_apart():
    texts = WRITTEN.split("\n")
    other = [line.replace("[10", "[20").replace(" id = 7", " id = 8") for line in texts]
    between = [line for pair in zip(texts, other, strict=True) for line in pair]
    parsed = parse_logs(_logs(between, pod=["a", "b"] * len(texts)))
    assert _found(parsed.filter(pl.col("pod") == "a")) == STATEMENTS
    error, said = texts[0], "2026-11-27 01:22:22.204 UTC [10879] app@postgres STATEMENT:  SELECT 1"
    process = [error, error.replace("[10879]", "[10880]"), said.replace("SELECT 1", "SELECT 2"), said]
    process[2] = process[2].replace("[10879]", "[10880]")
    assert parse_logs(_logs(process))["parsed.statement"].head(2).to_list() == ["SELECT 1", "SELECT 2"]


def test_a_statement_without_its_message_or_long_after_it_is_given_to_nobody():
    texts = WRITTEN.split("\n")[:2]
    assert parse_logs(_logs(texts, apart_ns=2_000_000_000))["parsed.statement"][0] is None
    assert parse_logs(_logs(texts[1:]))["parsed.message"].str.contains("STATEMENT").all()


def test_slow_statements_are_whole_and_lock_waits_name_theirs():
    logs = _logs(WRITTEN.split("\n"))
    slow = slow_queries(None, logs=logs)
    assert sorted(slow["statement"]) == ["SELECT * FROM orders", "SELECT id FROM orders"]
    waits = database_waits(logs)
    assert waits.filter(pl.col("kind") == "lock")["statement"].to_list() == [STATEMENTS["still waiting"]]
