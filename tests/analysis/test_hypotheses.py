"""A hypothesis says what it rests on, and its verdict is never more than that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obsnb
from obsnb.analysis.hypotheses import VERDICTS, judged
from obsnb.errors import UsageError

SENTENCES = st.lists(st.text(min_size=1, max_size=20), max_size=3)


@given(supports=SENTENCES, against=SENTENCES)
def test_it_is_supported_or_refuted_only_where_all_speaks_one_way(supports, against):
    verdict = judged("It was the pool.", supports=supports, against=against).verdict
    assert (verdict == "supported") == (bool(supports) and not against)
    assert (verdict == "refuted") == (bool(against) and not supports)
    assert verdict in VERDICTS


def test_who_looks_may_judge_otherwise():
    assert judged("It was the pool.", supports=["It was full."], verdict="open").verdict == "open"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            {"statement": " "},
            "A hypothesis needs a statement.\nHint: Write a sentence that could turn out to be wrong.",
        ),
        (
            {"statement": "x", "verdict": "proven"},
            "'proven' is no verdict.\nHint: A hypothesis is supported, refuted or open.",
        ),
        (
            {"statement": "x", "supports": "one text"},
            "supports is a list of texts, not one text.\nHint: Write supports=[...].",
        ),
    ],
)
def test_what_is_no_hypothesis_is_refused(words, told):
    with pytest.raises(UsageError) as caught:
        judged(**words)
    assert str(caught.value) == told


@pytest.fixture(scope="module")
def inv():
    return obsnb.investigate(obsnb.open_archive("slow-query"))


def test_it_stands_in_the_report_and_in_the_findings_with_its_evidence(inv):
    shown = inv.suspects()["evidence"][0][0]
    inv.hypothesis("The cache was cold.", tested="hit rates", against=["It was as warm as before."])
    inv.hypothesis("The database waited.", supports=["So it says."])
    inv.hypothesis("The database waited.", supports=["So say the spans."], evidence=[shown])
    assert [(one.statement, one.verdict) for one in inv.hypotheses] == [
        ("The cache was cold.", "refuted"),
        ("The database waited.", "supported"),
    ]
    assert inv.findings()["hypotheses"][1]["supports"] == ("So say the spans.",)
    report = inv.postmortem()
    for text in (report.to_html(), report.to_markdown()):
        for told in ("Hypotheses tried", "The cache was cold.", "hit rates", "So say the spans."):
            assert told in text
        assert "So it says." not in text
    assert shown in report.evidence


def test_evidence_that_is_not_there_is_refused_and_nothing_is_kept(inv):
    before = inv.hypotheses
    with pytest.raises(UsageError, match="There is no evidence 'log:0000000000000000'"):
        inv.hypothesis("It was the moon.", evidence=["log:0000000000000000"])
    assert inv.hypotheses == before


def test_a_report_without_hypotheses_has_no_section_for_them():
    report = obsnb.investigate(obsnb.open_archive("datasource")).postmortem()
    assert "Hypotheses tried" not in report.to_html() + report.to_markdown()
