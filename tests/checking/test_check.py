"""What would leak is found in each kind of file, with its place, and shown without being shown."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from obsnb.archive import write
from obsnb.checking import Leak, check
from obsnb.redact import Policy, Redactor
from tests.archive.conftest import WINDOW, answer, logs

_SECRET = "hunter2hunter2"
_REDACTOR = Redactor()


def _found(path: Path, redactor: Redactor = _REDACTOR) -> list[tuple[str, str, str]]:
    made = check(path, redactor=redactor)
    assert made.unreadable == ()
    assert not any(_SECRET in leak.excerpt or "ada@" in leak.excerpt for leak in made.leaks)
    return [(leak.where, leak.kind, leak.excerpt) for leak in made.leaks]


_NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "source": ["x = 1\n", f"password = '{_SECRET}'"],
            "outputs": [],
            "metadata": {},
        },
        {
            "cell_type": "code",
            "source": "",
            "metadata": {},
            "outputs": [
                {"output_type": "stream", "text": ["fine\n", "ada@example.org\n"]},
                {
                    "output_type": "display_data",
                    "data": {
                        "text/html": f"<b>{{&quot;token&quot;: &quot;{_SECRET}&quot;}}</b>",
                        "application/vnd.plotly.v1+json": {"data": [{"text": ["81.2.69.142"]}]},
                        "image/png": "aGVsbG8=",
                    },
                },
                {"output_type": "error", "ename": "E", "evalue": f"token={_SECRET}", "traceback": []},
            ],
        },
    ],
    "metadata": {"widgets": {"state": {"a": {"value": "ada@example.org"}}}},
}
_FILES = {
    "page.html": (
        f"<p>fine</p>\n<p>{{&quot;password&quot;: &quot;{_SECRET}&quot;}}</p>\n"
        '<script>x = "81.2.69.142"</script>',
        [
            ("line 2", "password", '<p>{"password": "[redacted:password]"}</p>'),
            ("line 3", "ip", '<script>x = "[redacted:ip]"</script>'),
        ],
    ),
    "note.md": (f"fine\n\n- token={_SECRET}", [("line 3", "secret", "- token=[redacted:secret]")]),
    "rows.csv": (
        "when,user_id,line\n1,ada,fine\n2,-,mail ada@example.org",
        [
            ("row 2, column user_id", "user", "[redacted:user]"),
            ("row 3, column line", "email", "mail [redacted:email]"),
        ],
    ),
    "found.json": (
        json.dumps({"a": [{"password": _SECRET}], "pan": 4111111111111111}, indent=1),
        [("$.a[0].password", "password", "[redacted:password]"), ("$.pan", "card", "[redacted:card]")],
    ),
    "rows.jsonl": ('{"a": 1}\n{"a": "81.2.69.142"}', [("line 2, $.a", "ip", "[redacted:ip]")]),
    "book.ipynb": (
        json.dumps(_NOTEBOOK),
        [
            ("cell 1, line 2", "password", "password = '[redacted:password]'"),
            ("cell 2, output 1, line 2", "email", "[redacted:email]"),
            ("cell 2, output 2, text/html, line 1", "secret", '<b>{"token": "[redacted:secret]"}</b>'),
            (
                "cell 2, output 2, application/vnd.plotly.v1+json, $.data[0].text[0]",
                "ip",
                "[redacted:ip]",
            ),
            ("cell 2, output 3, line 1", "secret", "token=[redacted:secret]"),
            ("metadata, $.widgets.state.a.value", "email", "[redacted:email]"),
        ],
    ),
    "of-ada@example.org.txt": ("fine", [("file name", "email", "[redacted:email]")]),
}


@pytest.mark.parametrize("name", _FILES)
def test_each_kind_of_file_is_read_as_what_it_is(tmp_path: Path, name: str) -> None:
    text, leaks = _FILES[name]
    (tmp_path / name).write_text(text, "utf-8")
    assert _found(tmp_path / name) == leaks


def test_a_folder_is_looked_into_file_by_file(tmp_path: Path) -> None:
    for name, (text, _) in _FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    assert len(_found(tmp_path)) == sum(len(leaks) for _, leaks in _FILES.values())


@pytest.mark.parametrize("name", ["a", "a.obsnb"])
def test_an_archive_that_kept_something_shows_it_to_a_stricter_policy(tmp_path: Path, name: str) -> None:
    answers = [
        answer("logs", '{a="b"} |= "ada@example.org"', logs("fine", "from 81.2.69.142", f"token={_SECRET}"))
    ]
    keeping = Redactor(Policy.of_table({"ip": "keep", "email": "keep"}))
    path = write(tmp_path / name, answers, window=WINDOW, redactor=keeping)
    assert _found(path) == [
        ("manifest.json, $.queries[0].query", "email", '{a="b"} |= "[redacted:email]"'),
        ("manifest.json, $.queries[0].asked", "email", '{a="b"} |= "[redacted:email]"'),
        ("queries/001-logs.parquet, row 2, column line", "ip", "from [redacted:ip]"),
    ]
    assert _found(path, keeping) == []


def test_parquet_of_any_columns_is_looked_into(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2], "tags": [["fine"], ["81.2.69.142"]], "s": [{"a": "x"}, {"a": "y"}]})
    frame.write_parquet(tmp_path / "a.parquet")
    assert _found(tmp_path / "a.parquet") == [("row 2, column tags", "ip", '["[redacted:ip]"]')]


def test_what_was_redacted_is_no_leak_whether_escaped_or_not(tmp_path: Path) -> None:
    redactor = Redactor()
    (tmp_path / "a.html").write_text(redactor.html(_FILES["page.html"][0])[0], "utf-8")
    text = redactor.text(f"token={_SECRET} user_id=ada ada@example.org")[0]
    (tmp_path / "a.md").write_text(text + "\n" + text.replace("[", "\\[").replace("]", "\\]"), "utf-8")
    (tmp_path / "a.json").write_text(json.dumps(redactor.value(_NOTEBOOK)[0]), "utf-8")
    assert _found(tmp_path) == []


def test_secrets_that_the_settings_hold_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"so {_SECRET} it is", "utf-8")
    assert _found(tmp_path / "a.txt", Redactor(known=[_SECRET])) == [
        ("line 1", "own-secret", "so [redacted:own-secret] it is")
    ]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"%PDF-1.7 \xff\xfe", "it is a PDF: check the HTML of the same report."),
        ("a.bin", b"\x00\x01", "it is not UTF-8 text."),
        ("a.json", b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("a.obsnb", b"zip?", "{path} is no frozen incident: it is not a zip, or only the beginning of one."),
        ("none.txt", None, "No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_called_clean(
    tmp_path: Path, name: str, data: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    made = check(path, redactor=_REDACTOR)
    assert made.leaks == ()
    assert made.unreadable == ((str(path), reason.format(path=path)),)


def test_a_leak_is_plain_data() -> None:
    assert repr(Leak("a", "line 1", "jwt", 1, "x")).startswith("Leak(file='a', where='line 1'")
