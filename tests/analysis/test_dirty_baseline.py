"""An incident that was marked too late reaches into its own baseline."""

from dataclasses import replace

import pytest

from obsnb.analysis.dirty_baseline import cleaned
from obsnb.conventions import DEFAULT
from obsnb.timerange import TimeRange
from tests.evaluation.cases import recorded
from tests.evaluation.scoring import suspected

_S = 10**9


@pytest.fixture(scope="module")
def case():
    return next(each for each in recorded() if each.name == "datasource")


def _marked(case, onset_ns, *, gap_s=0):
    return replace(
        case,
        during=TimeRange(onset_ns, case.during.end_ns),
        baseline=TimeRange(case.baseline.start_ns, onset_ns - gap_s * _S),
    )


def _cleaned(case, *, only=("logs", "spans", "series")):
    frames = {name: getattr(case, name) if name in only else None for name in ("logs", "spans", "series")}
    return cleaned(case.during, case.baseline, **frames, conventions=DEFAULT)


@pytest.mark.parametrize("late_s", [60, 300])
def test_the_border_goes_back_to_where_the_change_is(case, late_s):
    during, baseline = _cleaned(_marked(case, case.onset_ns + late_s * _S))
    assert abs(during.start_ns - case.onset_ns) <= 30 * _S
    assert baseline == TimeRange(case.baseline.start_ns, during.start_ns)
    assert during.end_ns == case.during.end_ns


def test_what_was_marked_early_or_rightly_stays_about_where_it_was(case):
    early = _marked(case, case.onset_ns - 60 * _S)
    assert _cleaned(early) == (early.during, early.baseline)
    during, _ = _cleaned(case)
    assert abs(during.start_ns - case.during.start_ns) <= 30 * _S


def test_windows_that_do_not_meet_were_chosen_and_stay(case):
    apart = _marked(case, case.onset_ns + 60 * _S, gap_s=1)
    assert _cleaned(apart) == (apart.during, apart.baseline)


def test_what_began_in_the_baselines_first_quarter_was_there_all_along(case):
    begin = case.onset_ns - 60 * _S
    late = replace(case, baseline=TimeRange(begin, case.onset_ns + 600 * _S))
    late = _marked(late, case.onset_ns + 600 * _S)
    assert _cleaned(late) == (late.during, late.baseline)


def test_a_change_that_was_over_before_the_incident_is_not_its_begin(case):
    after = case.recovery_ns + 120 * _S
    later = replace(
        case, during=TimeRange(after, after + 300 * _S), baseline=TimeRange(case.baseline.start_ns, after)
    )
    assert _cleaned(later) == (later.during, later.baseline)


def test_without_rows_the_windows_stay(case):
    late = _marked(case, case.onset_ns + 60 * _S)
    assert _cleaned(late, only=()) == (late.during, late.baseline)


def test_the_first_suspect_of_an_incident_marked_five_minutes_late_is_that_of_one_marked_rightly(case):
    told = suspected(_marked(case, case.onset_ns + 300 * _S))
    assert (told.rank, told.score >= 0.3) == (1, True)
