"""What the analysis reached on labelled incidents is held here, on a small part of the evaluation.

The whole of it, with intervals, is `python -m tests.evaluation`.
"""

from collections import Counter
from pathlib import Path

import pytest

import obsnb
from obsnb.analysis.incident import find_incident
from tests.analysis.simulate import FAULTS
from tests.evaluation.cases import recorded, simulated
from tests.evaluation.scoring import CONFIDENT, gain, onset_error_s, suspected, wilson
from tests.evaluation.tables import TABLES, as_text
from tests.evaluation.variants import VARIANTS, before_it
from tests.evaluation.verbs import VERBS

_BROKEN = tuple(fault for fault in FAULTS if fault != "quiet")


@pytest.fixture(scope="module")
def cases():
    """One system of its own a kind of fault, of seeds that no threshold was chosen on."""
    return list(simulated(range(200, 201), _BROKEN, services=10))


@pytest.fixture(scope="module")
def verdicts(cases):
    return [suspected(case) for case in cases]


def test_of_twelve_faults_in_twelve_systems_ten_are_named_first_and_all_among_three(verdicts):
    ranks = Counter(each.rank for each in verdicts)
    assert ranks[1] >= 10
    assert sum(ranks[place] for place in (1, 2, 3)) >= 11


def test_hardly_anybody_else_is_named_with_confidence(verdicts):
    assert sum(each.rank != 1 and each.score >= CONFIDENT for each in verdicts) <= 1


def test_the_time_before_an_incident_has_no_confident_suspect_and_no_onset(cases):
    quiet = [before_it(case) for case in cases[::3]]
    assert [suspected(case).score < CONFIDENT for case in quiet].count(False) == 0
    assert [find_incident(case.logs, case.spans, case.series, window=case.window) for case in quiet] == [
        None
    ] * len(quiet)


def test_most_onsets_are_found_in_the_whole_window_and_lie_within_a_minute(cases):
    errors = [onset_error_s(case) for case in cases]
    found = [error for error in errors if error is not None]
    assert len(found) >= 6
    assert sum(error <= 60 for error in found) >= len(found) - 1


def test_spans_do_not_harm_what_log_lines_say(cases):
    few = cases[::2]
    logs = [suspected(case.only("logs")) for case in few]
    both = [suspected(case.only("logs", "spans")) for case in few]
    mean, _, high = gain(logs, both)
    assert mean > 0
    assert high > 0


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "as it was"])
def test_the_same_incident_told_otherwise_has_the_same_first_suspect(variant):
    case = next(case for case in recorded() if case.name == "datasource")
    told = suspected(VARIANTS[variant](case))
    assert (told.rank, told.score >= CONFIDENT) == (1, True)


@pytest.mark.parametrize(("family", "many"), [("lab", 4), ("lab, as written", 4)])
def test_of_what_the_lab_froze_who_is_at_fault_is_among_the_first_three(family, many):
    told = [suspected(case) for case in recorded() if case.family == family and not case.quiet]
    assert len(told) == many
    assert [each.case.name for each in told if each.rank is None or each.rank > 3] == []
    assert sum(each.rank == 1 for each in told) >= 3
    assert sum(each.rank != 1 and each.score >= CONFIDENT for each in told) <= 1


@pytest.mark.parametrize("family", ["lab", "lab, as written"])
def test_of_a_quiet_run_of_the_lab_nobody_is_a_confident_suspect(family):
    quiet = [suspected(case) for case in recorded() if case.family == family and case.quiet]
    assert [each.score < CONFIDENT for each in quiet] == [True]


def test_recordings_as_written_are_small_and_whole():
    for case in recorded():
        if case.family == "lab, as written":
            folder = Path(__file__).parent / "recordings" / case.name
            obsnb.open_archive(folder).verify()
            assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000


def test_the_other_verbs_tell_the_truth_mostly_where_it_says_something_of_them(cases):
    answers = {name: [asks(case) for case in cases] for name, asks in VERBS.items()}
    told = [answer for each in answers.values() for answer in each if answer is not None]
    assert len(told) >= 6
    assert sum(told) >= 0.7 * len(told)
    for name in ("suspects: within", "suspects: within, no pod's fault"):
        limited = [answer for answer in answers[name] if answer is not None]
        assert len(limited) >= 3
        assert limited.count(False) <= 1


def test_a_gain_is_paired_and_a_share_has_its_interval(verdicts):
    assert gain(verdicts, verdicts) == (0.0, 0.0, 0.0)
    low, high = wilson(9, 10)
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)


def test_every_table_has_a_name_and_a_row_without_cases_is_said():
    assert list(TABLES) == ["faults", "variants", "quiet", "signals", "onsets", "verbs", "causes"]
    assert as_text([]) == "(nothing)"
    assert as_text([{"a": 1, "bb": "x"}]) == "a  bb\n-  --\n1  x"


def test_renaming_leaves_no_old_name_behind():
    case = next(case for case in recorded() if case.name == "datasource")
    told = VARIANTS["other names"](case)
    services = obsnb.service_graph(told.spans)["caller"].drop_nulls()
    assert services.str.contains(r"^zq\d{3}x$").all()
    assert told.logs["service"].drop_nulls().str.contains(r"^zq\d{3}x$").all()
    assert told.logs["line"].to_list() != case.logs["line"].to_list()
