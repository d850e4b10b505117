"""What a report for people outside the house leaves out, and what it keeps."""

from dataclasses import replace

import polars as pl
import pytest

from obsnb.analysis.told import concluded, remarked
from obsnb.errors import UsageError
from obsnb.report.notes import ActionItem, Notes, TimelineNote
from obsnb.report.postmortem import ImpactRow
from tests.report.made_up import DURING, postmortem

_SECRET = "ledger-db"


@pytest.fixture(scope="module")
def inside():
    """A report that says one name in every place that a server or the house could write it."""
    whole = postmortem(_SECRET)
    starred = pl.Series("starred", [place == 0 for place in range(whole.timeline.height)])
    return replace(
        whole,
        title=f"Incident: {_SECRET}",
        timeline=whole.timeline.with_columns(starred, title=pl.lit("a plain word")),
        conclusions=(concluded(f"{_SECRET} was slow"),),
        remarks=(remarked(f"ask {_SECRET}"),),
        impact=(ImpactRow("tenants affected", 2, "tenants", names=(_SECRET,), how=f"from {_SECRET}"),),
        generated_by="obsnb",
        notes=Notes(
            summary="Searches were slow.",
            action_items=(ActionItem("Measure it", owner=_SECRET, link=f"https://{_SECRET}.example"),),
            timeline=(TimelineNote(DURING.start_ns, "The status page said so", _SECRET),),
        ),
    )


@pytest.mark.parametrize("form", ["to_html", "to_markdown"])
def test_no_name_of_the_house_is_in_the_public_report(inside, form):
    assert _SECRET in getattr(inside, form)()
    assert _SECRET not in getattr(inside.for_audience("public"), form)()


@pytest.mark.parametrize("form", ["to_html", "to_markdown"])
def test_what_people_wrote_and_starred_and_the_impact_are_in_it(inside, form):
    text = getattr(inside.for_audience("public"), form)()
    for words in ("Searches were slow.", "a plain word", "Measure it", "The status page said so", "Impact"):
        assert words in text


def test_only_starred_moments_and_the_edges_are_told(inside):
    told = inside.for_audience("public").timeline
    edges = inside.timeline["kind"].is_in(["onset", "recovery"]).sum()
    assert told.height == edges + 1
    assert told.columns == ["timestamp", "end", "kind", "title"]


def test_nothing_is_asked_of_readers_outside(inside):
    assert "To be written" in inside.to_html()
    assert "To be written" not in inside.for_audience("public").to_html()
    assert "To be written" not in inside.for_audience("public").to_markdown()


def test_a_title_of_ones_own_stays(inside):
    assert inside.titled("Searches were slow").for_audience("public").title == "Searches were slow"
    assert inside.for_audience("public").title == "Incident of 2026-11-23 18:37:19 UTC"


def test_an_audience_is_internal_or_public_and_there_is_no_way_back(inside):
    with pytest.raises(UsageError) as refused:
        inside.for_audience("press")
    assert str(refused.value) == "There is no audience 'press'.\nHint: It is internal or public."
    with pytest.raises(UsageError) as gone:
        inside.for_audience("public").for_audience("internal")
    assert str(gone.value) == (
        "What a public report leaves out cannot be put back.\nHint: Begin again with inv.postmortem()."
    )
    assert inside.for_audience("internal") is inside


def test_chaining_leaves_the_first_as_it_was(inside):
    severe = inside.with_severity("SEV-1").titled("Other")
    assert (severe.notes.severity, severe.title) == ("SEV-1", "Other")
    assert (inside.notes.severity, inside.title) == ("", f"Incident: {_SECRET}")
    assert "SEV-1" in severe.to_markdown()


def test_only_an_address_of_the_web_becomes_a_link(inside):
    items = (ActionItem("a", link="javascript:alert(1)"), ActionItem("b", link="https://tracker.example/T-1"))
    page = replace(inside, notes=replace(inside.notes, action_items=items)).to_html()
    assert 'href="https://tracker.example/T-1"' in page
    assert 'href="javascript' not in page
    assert "javascript:alert(1)" in page
