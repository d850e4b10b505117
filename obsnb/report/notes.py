"""What only people can write about an incident: one text file, notes.toml, beside the archive."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from obsnb.errors import SettingsError, WindowError
from obsnb.instants import parse_instant

__all__ = ["SECTIONS", "ActionItem", "Notes", "Section", "TimelineNote"]


@dataclass(frozen=True)
class Section:
    """A text that people write: its key in notes.toml, its heading, and the question it answers."""

    key: str
    heading: str
    question: str


SECTIONS: tuple[Section, ...] = (
    Section(
        "summary",
        "In short",
        "What happened, whom it hurt and what ended it, in three sentences for somebody who was not there?",
    ),
    Section(
        "root_cause", "Root cause", "What was the cause, now that you know? The suspects are only a start."
    ),
    Section("trigger", "Trigger", "What set it off: a change, a load, a failure, a date?"),
    Section(
        "detection", "Detection", "Who or what noticed it, when, and what should have noticed it earlier?"
    ),
    Section("response", "Response", "What was done, in which order, and what ended it?"),
    Section("went_well", "What went well", "What worked as it should, and is worth keeping?"),
    Section("went_wrong", "What went wrong", "What made it worse, slower to find or harder to end?"),
    Section("surprised", "Why it surprised us", "What did everybody believe that was not so?"),
    Section("lucky", "Where we were lucky", "What could as well have gone the other way?"),
)
_WORDS = ("severity", "status")
_KEYS = (*_WORDS, "authors", *(section.key for section in SECTIONS), "action_items", "timeline", "glossary")


@dataclass(frozen=True)
class ActionItem:
    """Something to do: what, by whom, until when, and how far it is.

    `kind` says what it is for (``prevent``, ``detect``, ``mitigate``), `link` where it is tracked.
    """

    what: str
    owner: str = ""
    due: str = ""
    state: str = ""
    kind: str = ""
    link: str = ""


@dataclass(frozen=True)
class TimelineNote:
    """Something that people know happened: when (ns, UTC), what, and to which service."""

    at_ns: int
    what: str
    service: str = ""


@dataclass(frozen=True)
class Notes:
    """What people wrote; every part may be empty.

    Attributes
    ----------
    severity, status
        A word or two, in the house's own scale (``SEV-2``; ``draft``, ``reviewed``).
    authors
        Who wrote it.
    summary, root_cause, trigger, detection, response, went_well, went_wrong, surprised, lucky
        Plain text: a blank line begins a paragraph, lines that begin with ``-`` make a list.
    action_items, timeline
        What is to be done, and what people add to the timeline.
    glossary
        Word and meaning, for those who do not know the house.
    """

    severity: str = ""
    status: str = ""
    authors: tuple[str, ...] = ()
    summary: str = ""
    root_cause: str = ""
    trigger: str = ""
    detection: str = ""
    response: str = ""
    went_well: str = ""
    went_wrong: str = ""
    surprised: str = ""
    lucky: str = ""
    action_items: tuple[ActionItem, ...] = ()
    timeline: tuple[TimelineNote, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        parts = len(SECTIONS) + 1
        return f"Notes({parts - len(self.missing)} of {parts} parts written)"

    @property
    def missing(self) -> tuple[str, ...]:
        """Headings of the parts that nobody has written yet."""
        empty = [section.heading for section in SECTIONS if not self.text(section.key).strip()]
        return tuple(empty if self.action_items else [*empty, "Action items"])

    def tells(self, sections: Iterable[Section]) -> bool:
        """Whether anything is written in these sections."""
        return any(self.text(section.key).strip() for section in sections)

    def text(self, key: str) -> str:
        """What is written under a section's key."""
        return str(getattr(self, key))

    @staticmethod
    def template(*, title: str = "") -> str:
        """The text of a notes.toml to fill in; as it stands it reads as empty notes."""
        about = " ".join(title.split())
        lines = [f"# What people add to the post-mortem{f' {about!r}' if about else ''}."]
        lines += [_HOW, 'severity = ""   # in your own scale, such as "SEV-2"']
        lines += ['status = ""     # "draft", "reviewed"', 'authors = []    # ["Ada", "Grace"]', ""]
        for section in SECTIONS:
            lines += [f"# {section.heading}: {section.question}", f"{section.key} = '''", "'''", ""]
        return "\n".join(lines) + _TABLES

    @classmethod
    def parse(cls, text: str, *, where: str = "notes.toml") -> Notes:
        """The notes that a TOML text holds.

        Raises
        ------
        SettingsError
            It is not TOML, has a key that no section has, or a value of the wrong form.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(
                f"{where} cannot be read: {error}.",
                hint="Text of several lines stands between ''' and '''; what follows a # is a comment.",
            ) from None
        _know(table, _KEYS, where)
        texts = {key: _text(table, key, where) for key in (*_WORDS, *(section.key for section in SECTIONS))}
        return cls(
            authors=_authors(table, where),
            action_items=tuple(
                _action(row, f"{where} [[action_items]]") for row in _rows(table, "action_items", where)
            ),
            timeline=tuple(
                _happened(row, f"{where} [[timeline]]") for row in _rows(table, "timeline", where)
            ),
            glossary=_glossary(table, where),
            **texts,
        )

    @classmethod
    def load(cls, path: str | Path) -> Notes:
        """The notes in a file; empty ones where there is no such file.

        Raises
        ------
        SettingsError
            The file cannot be read, or as `parse` says.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise SettingsError(f"{path.name} cannot be read: {reason}.", hint=f"Look at {path}.") from None
        return cls.parse(text, where=path.name)


def _know(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise SettingsError(
                f"{where} has no key {key!r}.", hint=f"{meant}The keys are {', '.join(known)}."
            )


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise SettingsError(
            f"{where}: {key} is not text.", hint=f"Write {key} = \"...\" or {key} = '''...'''."
        )
    return value.strip()


def _authors(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = table.get("authors", [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SettingsError(
            f"{where}: authors is not a list of names.", hint='Write authors = ["Ada", "Grace"].'
        )
    return tuple(value)


def _rows(table: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise SettingsError(
            f"{where}: {key} is not a list of tables.", hint=f"Begin each row with [[{key}]]."
        )
    return value


def _glossary(table: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    words = table.get("glossary", {})
    if not isinstance(words, dict) or not all(isinstance(meaning, str) for meaning in words.values()):
        raise SettingsError(
            f"{where}: glossary is not a table of words and their meanings.",
            hint='Write [glossary] and below it word = "its meaning".',
        )
    return tuple((word, meaning.strip()) for word, meaning in words.items())


def _action(row: Mapping[str, Any], where: str) -> ActionItem:
    keys = ("what", "owner", "due", "state", "kind", "link")
    _know(row, keys, where)
    due = row.get("due", "")
    if isinstance(due, date):  # TOML has dates of its own
        row = {**row, "due": due.isoformat()[:10]}
    item = ActionItem(*(_text(row, key, where) for key in keys))
    if not item.what:
        raise SettingsError(f"{where}: a row does not say what is to be done.", hint='Write what = "...".')
    return item


def _happened(row: Mapping[str, Any], where: str) -> TimelineNote:
    _know(row, ("at", "what", "service"), where)
    at = row.get("at")
    what = _text(row, "what", where)
    if not what or not isinstance(at, datetime | str):
        raise SettingsError(
            f"{where}: a row needs at and what.", hint='Write at = 2026-11-23T18:31:00Z and what = "...".'
        )
    try:
        at_ns = parse_instant(at)
    except WindowError as error:
        raise SettingsError(
            f"{where}: {error.what}", hint="Write at = 2026-11-23T18:31:00Z, with a zone."
        ) from None
    return TimelineNote(at_ns, what, _text(row, "service", where))


_HOW = """\
# It goes into every rendering: write, save, and render the post-mortem again. Plain text: a blank line
# begins a paragraph, lines that begin with "- " make a list. What is left empty is asked for in the report.
"""
_TABLES = """\
# What is to be done, a table each. Take the # away to use it.
# [[action_items]]
# what = "..."
# owner = "..."
# due = 2026-12-01
# state = "open"
# kind = "prevent"   # or "detect", "mitigate"
# link = "https://..."

# What you know happened and no server recorded, a table each.
# [[timeline]]
# at = 2026-11-23T18:31:00Z
# what = "..."
# service = ""

# Words that a reader from elsewhere does not know.
# [glossary]
# word = "its meaning"
"""
