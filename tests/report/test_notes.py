from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import SettingsError
from obsnb.report.notes import SECTIONS, ActionItem, Notes, TimelineNote

WRITTEN = """
severity = "SEV-2"
authors = ["Ada", "Grace"]
trigger = '''
The rollout at 18:36.

- it filters by text
'''

[[action_items]]
what = "Add an index"
owner = "Search"
due = 2026-12-01

[[action_items]]
what = "Explain new statements in CI"
due = "next quarter"
state = "done"

[[timeline]]
at = 2026-11-23T18:46:00Z
what = "On-call joins"

[[timeline]]
at = "2026-11-23T19:50:00+01:00"
what = "Rolled back"
service = "search"
"""


def test_what_people_wrote_is_read() -> None:
    notes = Notes.parse(WRITTEN)
    assert notes.severity == "SEV-2"
    assert notes.authors == ("Ada", "Grace")
    assert notes.trigger == "The rollout at 18:36.\n\n- it filters by text"
    assert notes.action_items == (
        ActionItem("Add an index", "Search", "2026-12-01"),
        ActionItem("Explain new statements in CI", "", "next quarter", "done"),
    )
    assert notes.timeline == (
        TimelineNote(1_795_459_560_000_000_000, "On-call joins"),
        TimelineNote(1_795_459_800_000_000_000, "Rolled back", "search"),
    )


def test_the_template_asks_every_question_and_reads_as_empty_notes() -> None:
    text = Notes.template(title="Searches\nfail")
    assert text.startswith("# What people add to the post-mortem 'Searches fail'.\n")
    assert Notes.parse(text) == Notes()
    for section in SECTIONS:
        assert f"# {section.heading}: {section.question}\n{section.key} = '''\n'''\n" in text


def test_the_template_s_tables_can_be_used_by_taking_the_comment_away() -> None:
    text = Notes.template()
    tables = text[text.index("# [[action_items]]") :]
    rows = "\n".join(
        line[2:] for line in tables.splitlines() if line.startswith("# ") and ("=" in line or "[" in line)
    )
    assert sorted(tomllib.loads(rows)) == ["action_items", "glossary", "timeline"]
    assert len(Notes.parse(rows).action_items) == 1


@given(
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"))).filter(lambda text: "'''" not in text)
)
def test_the_template_takes_any_title(title: str) -> None:
    assert Notes.parse(Notes.template(title=title)) == Notes()


def test_missing_parts_are_named() -> None:
    assert Notes().missing == (
        "In short",
        "Root cause",
        "Trigger",
        "Detection",
        "Response",
        "What went well",
        "What went wrong",
        "Why it surprised us",
        "Where we were lucky",
        "Action items",
    )
    assert "Trigger" not in Notes.parse(WRITTEN).missing
    assert "Action items" not in Notes.parse(WRITTEN).missing
    assert repr(Notes.parse(WRITTEN)) == "Notes(2 of 10 parts written)"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "triger = 'x'",
            "notes.toml has no key 'triger'.\n"
            "Hint: Did you mean trigger? The keys are severity, status, authors, summary, root_cause, "
            "trigger, detection, response, went_well, went_wrong, surprised, lucky, action_items, timeline, "
            "glossary.",
        ),
        (
            "[[action_items]]\nwhat = 'x'\nwho = 'me'",
            "notes.toml [[action_items]] has no key 'who'.\n"
            "Hint: The keys are what, owner, due, state, kind, link.",
        ),
        (
            "[[action_items]]\nowner = 'x'",
            'notes.toml [[action_items]]: a row does not say what is to be done.\nHint: Write what = "...".',
        ),
        (
            "trigger = 3",
            "notes.toml: trigger is not text.\nHint: Write trigger = \"...\" or trigger = '''...'''.",
        ),
        (
            "authors = 'Ada'",
            'notes.toml: authors is not a list of names.\nHint: Write authors = ["Ada", "Grace"].',
        ),
        (
            "timeline = 'x'",
            "notes.toml: timeline is not a list of tables.\nHint: Begin each row with [[timeline]].",
        ),
        (
            "[[timeline]]\nwhat = 'x'",
            "notes.toml [[timeline]]: a row needs at and what.\n"
            'Hint: Write at = 2026-11-23T18:31:00Z and what = "...".',
        ),
        (
            "[[timeline]]\nat = 2026-11-23T18:31:00\nwhat = 'x'",
            "notes.toml [[timeline]]: '2026-11-23 18:31:00' has no time zone.\n"
            "Hint: Write at = 2026-11-23T18:31:00Z, with a zone.",
        ),
        (
            'trigger = "a\nb"',
            "notes.toml cannot be read: Illegal character '\\n' (at line 1, column 13).\n"
            "Hint: Text of several lines stands between ''' and '''; what follows a # is a comment.",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_the_way_to_write_it(text: str, error: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Notes.parse(text)
    assert str(caught.value) == error


def test_a_file_that_is_not_there_is_empty_notes(tmp_path: Path) -> None:
    assert Notes.load(tmp_path / "notes.toml") == Notes()


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "notes.toml"
    path.write_text(WRITTEN, encoding="utf-8")
    assert Notes.load(path) == Notes.parse(WRITTEN)
    path.write_bytes(b"trigger = '\xff'")
    with pytest.raises(SettingsError) as caught:
        Notes.load(path)
    assert str(caught.value) == f"notes.toml cannot be read: it is not UTF-8 text.\nHint: Look at {path}."
    with pytest.raises(SettingsError) as caught:
        Notes.load(tmp_path)
    assert str(caught.value) == f"{tmp_path.name} cannot be read: Is a directory.\nHint: Look at {tmp_path}."
