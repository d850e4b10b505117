"""What people supposed, concluded and remarked is saved with the archive, and is there a year later."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import obsnb
from obsnb.analysis.story import Story
from obsnb.errors import UsageError


@pytest.fixture(scope="module")
def opened() -> Any:
    return obsnb.open_archive("datasource")


@pytest.fixture
def inv(opened: Any) -> Any:
    opened.keep_story(Story())
    return obsnb.investigate(opened)


def test_what_was_said_is_there_when_the_archive_is_opened_again_redacted(inv: Any, tmp_path: Path) -> None:
    shown = inv.error_groups()["evidence"][0][0]
    inv.hypothesis("The vendor was down.", tested="its calls", supports=["They failed."], evidence=[shown])
    inv.hypothesis("A release broke it.", against=["None was made."], evidence=["query:1"])
    inv.conclude("The data source failed.", about="errors", normal=["the database"], evidence=[shown])
    inv.note("Ask ada@example.com; her key was Bearer abcdefghijklmnop123456.")
    again = obsnb.investigate(obsnb.open_archive(inv.connection.save(tmp_path / "saved.obsnb")))
    # The line names a user; where it is redacted it has another id, and is still the evidence.
    (cited,) = again.conclusions[0].evidence
    assert cited != shown
    assert "[user:" in again.evidence(cited)["line"][0]
    assert again.conclusions == (replace(inv.conclusions[0], evidence=(cited,)),)
    assert again.hypotheses[0] == replace(inv.hypotheses[0], evidence=(cited,))
    # The number of a query counts what one session asked.
    assert [(one.statement, one.against, one.evidence) for one in again.hypotheses[1:]] == [
        ("A release broke it.", ("None was made.",), ())
    ]
    (remark,) = again.remarks
    assert remark.text.startswith("Ask [email:")
    assert remark.text.endswith("her key was Bearer [redacted:bearer]")
    for told in ("The vendor was down.", "The data source failed.", "They failed."):
        assert told in again.postmortem().to_html()
    again.hypothesis("The vendor was down.", verdict="open")
    assert [one.verdict for one in again.hypotheses] == ["open", "refuted"]


def test_what_was_said_can_be_taken_back_and_is_not_saved_then(inv: Any, tmp_path: Path) -> None:
    inv.hypothesis("It was the moon.")
    inv.conclude("Nothing is slow.", about="slow queries")
    inv.note("Asked the vendor.")
    inv.note("Half \ud800 of a letter.")
    for said in ("It was the moon.", "Nothing is slow.", "Asked the vendor."):
        inv.withdraw(said)
    with pytest.raises(UsageError) as refused:
        inv.withdraw("It was the moon.")
    assert str(refused.value) == (
        "Nobody said 'It was the moon.' in this investigation.\n"
        "Hint: inv.hypotheses, inv.conclusions and inv.remarks have what was said."
    )
    again = obsnb.investigate(obsnb.open_archive(inv.connection.save(tmp_path / "saved")))
    assert (again.hypotheses, again.conclusions) == ((), ())
    assert [one.text for one in again.remarks] == ["Half ? of a letter."]


def test_words_are_kept_without_asking_for_rows_and_the_timeline_is_not_lost(opened: Any) -> None:
    opened.keep_story(Story())
    first = obsnb.investigate(opened)
    title = first.timeline()["title"][0]
    first.star(title)
    asked = len(opened.ledger)
    second = obsnb.investigate(opened)
    second.note("Only words.")
    assert len(opened.ledger) == asked
    assert [row.title for row in opened.story.timeline if row.star] == [title]
    assert [one.text for one in opened.story.remarks] == ["Only words."]


def test_a_broken_story_is_told_when_it_is_read_and_the_rows_are_there_without_it(
    inv: Any, tmp_path: Path
) -> None:
    path = inv.connection.save(tmp_path / "saved")
    (path / "story.json").write_text(json.dumps({"remarks": [{"evidence": []}]}))
    again = obsnb.investigate(obsnb.open_archive(path))
    with pytest.raises(UsageError) as refused:
        again.note("More.")
    assert str(refused.value) == (
        "story.json of saved cannot be read: Object missing required field `text` - at `$.remarks[0]`.\n"
        "Hint: It holds the timeline, the checklist and the hypotheses as people wrote them. Take it away, "
        "or fetch it again; the recorded rows do not need it."
    )
    assert again.error_groups().height == inv.error_groups().height
