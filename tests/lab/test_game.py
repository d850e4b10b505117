"""A game day: the truth put away, what was found, and how near it is."""

import json

import pytest

from obsnb.errors import UsageError
from obsnb.lab.faults.catalogue import FAULTS
from obsnb.lab.game import ANSWER, draw_fault, reveal, score, seal
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import LabSettings

TRUTH = {
    "root_cause": {"fault": "dropped-index", "service": "sqlite", "via": "backend", "cause": "It was so."},
    "onset": 1795694000.0,
    "recovery": 1795694120.0,
}


def test_a_perfect_answer_gets_every_point_and_an_empty_one_none():
    answer = {
        "service": "sqlite",
        "fault": "dropped-index",
        "onset": "2026-11-26T11:53:30Z",
        "recovery": "2026-11-26T11:55:10Z",
    }
    assert score(TRUTH, answer).points == score(TRUTH, answer).most == 100
    assert score(TRUTH, {}).points == 0


def test_a_time_more_than_a_minute_off_gets_nothing_and_nonsense_is_nothing():
    assert score(TRUTH, {"onset": "2026-11-26T11:52:00Z"}).points == 0
    told = score(TRUTH, {"onset": "around noon", "recovery": 5}).told
    assert told[2].startswith("onset: nothing; it was 2026-11-26T11:53:20Z")


def test_the_sealed_truth_cannot_be_read_by_accident_and_comes_back_when_it_is_revealed(tmp_path):
    answer = seal(tmp_path, TRUTH)
    for path in tmp_path.iterdir():
        assert "It was so." not in path.read_text("utf-8")
    answer.write_text('service = "backend"\nfault = "dropped-index"\n', "utf-8")
    truth, found = reveal(tmp_path)
    assert truth == TRUTH == json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert found.points == 50
    assert found.told[0] == "service: backend shows it; it began at sqlite."


def test_the_template_of_the_answer_is_toml_and_is_worth_nothing(tmp_path):
    seal(tmp_path, TRUTH)
    assert reveal(tmp_path)[1].points == 0


def test_an_answer_that_is_no_toml_is_said_and_nothing_is_revealed(tmp_path):
    seal(tmp_path, TRUTH)
    (tmp_path / ANSWER).write_text("service = backend", "utf-8")
    with pytest.raises(UsageError, match=r"answer\.toml cannot be read"):
        reveal(tmp_path)
    assert not (tmp_path / "truth.json").exists()


def test_an_archive_without_a_sealed_truth_says_how_one_is_made(tmp_path):
    with pytest.raises(UsageError) as refused:
        reveal(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} holds no sealed truth.\nHint: obsnb lab run --secret --out FOLDER makes one."
    )


def test_any_fault_that_shows_without_a_browser_may_be_drawn():
    roster = roster_of(LabSettings("lab"))
    drawn = {draw_fault(roster, seed=seed).name for seed in range(400)}
    assert drawn == {name for name, fault in FAULTS.items() if fault.blames != "frontend"}
