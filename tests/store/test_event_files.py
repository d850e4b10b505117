"""Events out of a CI's or a chat's export, every row or a word of which not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import obsnb
from obsnb.errors import FrameError, ObsnbError
from obsnb.schema import EVENTS

HINT = (
    "\nHint: A row has a time (timestamp, time or at) with a zone, or pass tz=, and words (title, text or "
    "message)."
)


def write(folder: Path, text: str, name: str = "ci.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_of_a_ci_becomes_events_sorted_by_time(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Time,Title,Kind,Service,End,run\n"
        '2026-11-23T19:02:00+01:00,"deploy 2.1,\nfirst half",deploy,api,2026-11-23T18:05Z,17\n'
        "2026-11-23T18:00:00.123456789Z,freeze lifted,,,,\n",
    )
    frame = obsnb.read_events(path)
    assert frame.columns == [*EVENTS.names, "run"]
    assert frame.schema["timestamp"] == pl.Datetime("ns", "UTC")
    assert frame["timestamp"].to_physical().to_list() == [1795456800123456789, 1795456920000000000]
    assert frame.select("kind", "title", "service", "source", "run").rows() == [
        ("note", "freeze lifted", None, "ci.csv", None),
        ("deploy", "deploy 2.1, first half", "api", "ci.csv", "17"),
    ]
    assert frame["end"].to_physical().to_list() == [None, 1795457100000000000]


def test_json_lines_of_a_chat_become_events(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '\ufeff{"at": "2026-11-23 18:00", "message": "rolling back", "source": "#ops", "user": {"id": 7}}\n\n'
        '{"at": "2026-11-23 17:00", "text": "who is on call?", "timestamp": null}\n',
        "chat.jsonl",
    )
    frame = obsnb.read_events(path, tz="Europe/Berlin")
    assert frame.select("title", "source", "user").rows() == [
        ("who is on call?", "chat.jsonl", None),
        ("rolling back", "#ops", '{"id": 7}'),
    ]
    assert frame["timestamp"].to_physical()[1] == 1795453200000000000


def test_bad_rows_are_named_with_the_lines_at_which_they_begin(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'time,title,kind,end\n2026-11-23T18:00Z,"two\nlines",,\n2026-11-23T18:00,no zone,,\n'
        "1795456800,a number,,\n,no time,,\n2026-11-23T18:00Z,,,\n2026-11-23T18:00Z,odd,party,\n"
        "2026-11-23T18:00Z,short\n2026-11-23T18:00Z,back,,2026-11-23T17:00Z\n",
    )
    with pytest.raises(FrameError) as caught:
        obsnb.read_events(path)
    assert str(caught.value) == (
        f"7 rows of {path} cannot be read:\n"
        "  line 4: '2026-11-23T18:00' has no time zone.\n"
        "  line 5: '1795456800' is not a point in time.\n"
        "  line 6: It has no time.\n"
        "  line 7: It has no words.\n"
        "  line 8: Its kind is 'party', which is none of alert, deploy, restart, annotation, note.\n"
        f"  and 2 more{HINT}"
    )


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, '{"at": "2026-11-23T18:00Z", "text": "a"}\n{"at": \n[1]\n{"at": 5, "text": "b"}\n')
    with pytest.raises(FrameError) as caught:
        obsnb.read_events(path)
    assert str(caught.value) == (
        f"3 rows of {path} cannot be read:\n"
        "  line 2: It is not a JSON object.\n"
        "  line 3: It is not a JSON object.\n"
        f"  line 4: 5 is not a point in time: a bare int does not say its unit.{HINT}"
    )


@pytest.mark.parametrize("parted_by", [",", ";", "\t"])
def test_fields_are_parted_as_spreadsheets_part_them_and_blank_lines_before_the_head_are_no_head(
    tmp_path: Path, parted_by: str
) -> None:
    rows = [["Time", "Title", "Run"], ["2026-11-23T18:00Z", '"a, b; c\td"', "17"]]
    path = write(tmp_path, "\n\n" + "\n".join(parted_by.join(row) for row in rows))
    assert obsnb.read_events(path).select("title", "run").rows() == [("a, b; c d", "17")]


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("time,title,Title\n2026-11-23T18:00Z,a,b\n", 1, "Several of its columns are named title."),
        ("created_at,name\n2026-11-23T18:00Z,a\n", 2, "It has no time among created_at, name."),
        ("time,name\n2026-11-23T18:00Z,a\n", 2, "It has no words among time, name."),
        ('[{"at": "2026-11-23T18:00Z"}]', 1, "It is a JSON array, and JSON lines hold an object a line."),
        (
            "time,title\n2300-01-01T00:00Z,a\n",
            2,
            "'2300-01-01T00:00Z' is out of the years 1677 to 2262, which nanoseconds can count.",
        ),
    ],
)
def test_a_file_of_another_form_is_refused_in_words_and_loses_no_column(
    tmp_path: Path, text: str, line: int, wrong: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(FrameError) as caught:
        obsnb.read_events(path)
    assert str(caught.value) == f"1 row of {path} cannot be read:\n  line {line}: {wrong}{HINT}"


@pytest.mark.parametrize("text", ["", "time,title\n", "\n"])
def test_a_file_without_rows_is_an_empty_frame(tmp_path: Path, text: str) -> None:
    assert obsnb.read_events(write(tmp_path, text)).equals(EVENTS.empty())


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(ObsnbError) as caught:
        obsnb.read_events(tmp_path / "none.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'none.csv'} cannot be read: No such file or directory.\n"
        "Hint: It is CSV or JSON lines, in UTF-8."
    )
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ObsnbError, match=r"odd.csv cannot be read: it is not UTF-8\.\n"):
        obsnb.read_events(tmp_path / "odd.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(titles=st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), max_size=8))
def test_csv_and_json_lines_of_the_same_rows_are_the_same_events(tmp_path: Path, titles: list[str]) -> None:
    rows = [{"at": f"2026-11-23T18:00:0{i}Z", "text": text} for i, text in enumerate(titles)]
    with (tmp_path / "x").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["at", "text"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    by_csv = obsnb.read_events(tmp_path / "x")
    write(tmp_path, "\n".join(json.dumps(row) for row in rows), "x")
    assert obsnb.read_events(tmp_path / "x").equals(by_csv)
    assert by_csv["title"].to_list() == [" ".join(text.split()) for text in titles]
