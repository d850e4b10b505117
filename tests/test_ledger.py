"""The ledger numbers, shows and escapes."""

from obsnb.ledger import Ledger, QueryRecord
from obsnb.timerange import TimeRange


def _record(**changes):
    values = {"kind": "logs", "source": "loki", "query": '{a="b"}', "asked": '{a="b"}'}
    return QueryRecord(**values | {"window": TimeRange(0, 10**9), "asked_at_ns": 5} | changes)


def test_records_are_numbered_from_one_in_the_order_they_were_entered():
    ledger = Ledger()
    first, second = ledger.add(_record()), ledger.add(_record(rows=3, complete="yes"))
    assert (first.number, second.number) == (1, 2)
    assert ledger.last is second
    assert list(ledger) == [first, second]
    assert repr(ledger) == "Ledger(2 queries, 1 not known to be complete)"


def test_the_frame_has_a_row_a_query_also_when_there_is_none():
    ledger = Ledger()
    assert ledger.to_frame().height == 0
    ledger.add(_record(warnings=("results truncated due to limit",), complete="no", reason="cut"))
    row = ledger.to_frame().row(0, named=True)
    assert (row["number"], row["complete"], row["reason"]) == (1, "no", "cut")
    assert row["warnings"] == ["results truncated due to limit"]
    assert row["end"].second == 1


def test_server_text_is_escaped_in_the_notebook_table():
    ledger = Ledger()
    ledger.add(_record(query="<script>alert(1)</script>", reason="<b>"))
    shown = ledger.to_html()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<b>" not in shown


def test_a_record_as_plain_values_says_its_window_in_words():
    assert _record().to_dict() | {"digest": ""} == {
        "number": 0,
        "kind": "logs",
        "role": None,
        "source": "loki",
        "query": '{a="b"}',
        "asked": '{a="b"}',
        "start": "1970-01-01T00:00:00Z",
        "end": "1970-01-01T00:00:01Z",
        "params": {},
        "pages": 0,
        "requests": 0,
        "retries": 0,
        "rows": 0,
        "bytes": 0,
        "seconds": 0.0,
        "warnings": [],
        "complete": "unknown",
        "reason": "",
        "selection": None,
        "digest": "",
        "asked_at": "1970-01-01T00:00:00.000000005Z",
    }
