"""Conclusions, remarks and stars: said in a notebook, kept for the report."""

import json

import pytest

import obsnb
from obsnb.analysis.told import concluded, remarked
from obsnb.errors import UsageError


@pytest.fixture(scope="module")
def inv():
    return obsnb.investigate(obsnb.open_archive("datasource"))


def test_a_conclusion_goes_into_every_form_of_the_report(inv):
    known = inv.error_groups()["evidence"][0][0]
    inv.conclude(
        "The data source failed.",
        about="errors",
        normal=["the database: as before"],
        not_seen=["silent services"],
        evidence=[known],
    )
    inv.note("The vendor knew of it.", evidence=[known])
    report = inv.postmortem()
    for text in (report.to_html(), report.to_markdown()):
        for words in (
            "The data source failed.",
            "the database: as before",
            "silent services",
            "The vendor knew",
        ):
            assert words in text


def test_saying_it_again_about_the_same_replaces_it(inv):
    inv.conclude("First.", about="again")
    inv.conclude("Second.", about="again")
    assert [one.finding for one in inv.conclusions if one.about == "again"] == ["Second."]


def test_a_starred_row_is_marked_in_the_report_and_told_to_the_public(inv):
    title = inv.timeline().filter(inv.timeline()["kind"] == "alert")["title"][0]
    starred = inv.star(title[:8].upper())
    assert title in starred["title"].to_list()
    assert "★" in inv.postmortem().to_markdown()
    assert title in inv.postmortem().for_audience("public").to_markdown()


def test_what_the_timeline_does_not_have_cannot_be_starred(inv):
    with pytest.raises(UsageError) as refused:
        inv.star("the moon")
    assert str(refused.value) == (
        "No row of the timeline has 'the moon' as evidence or in its title.\n"
        "Hint: inv.timeline() shows the rows; give an id of one, or some words of its title."
    )
    with pytest.raises(UsageError):
        inv.star("  ")


def test_evidence_that_is_not_there_is_refused_and_nothing_is_kept(inv):
    before = (inv.conclusions, inv.remarks)
    with pytest.raises(UsageError):
        inv.conclude("x", about="nothing", evidence=["log:0000000000000000"])
    with pytest.raises(UsageError):
        inv.note("x", evidence=["span:1/2"])
    assert (inv.conclusions, inv.remarks) == before


def test_findings_are_written_as_json_with_the_newest_conclusion_on_top(inv, tmp_path):
    inv.conclude("It was the data source.", about="end", normal=["n"], not_seen=["s"])
    told = json.loads(inv.save_findings(tmp_path / "findings.json").read_text("utf-8"))
    assert (told["finding"], told["normal"], told["not_seen"]) == ("It was the data source.", ["n"], ["s"])
    assert told["conclusions"][-1]["finding"] == "It was the data source."
    assert "It was the data source." in inv.told()


def test_empty_words_and_lone_texts_are_refused():
    for make, message in (
        (lambda: concluded(" "), "A conclusion needs a finding.\nHint: Write what was found, in a sentence."),
        (
            lambda: remarked(""),
            "A remark needs a text.\nHint: Write what somebody who was not there should know.",
        ),
        (
            lambda: concluded("x", normal="y"),
            "normal is a list of texts, not one text.\nHint: Write normal=[...].",
        ),
    ):
        with pytest.raises(UsageError) as refused:
            make()
        assert str(refused.value) == message
