"""Whatever part of the spans there is: their order, doubles and the kind of frame change no number."""

from hypothesis import given, settings
from hypothesis import strategies as st

import obsnb
from tests.analysis.edges import samples
from tests.analysis.edges.kinds import KINDS, as_kind, same_numbers

_ASKED = {
    "service_graph": obsnb.service_graph,
    "slow_queries": obsnb.slow_queries,
    "error_groups": lambda spans: obsnb.error_groups(spans=spans),
    "critical_path": obsnb.critical_path,
}
_ROWS = st.deferred(  # to collect the tests no incident is opened
    lambda: st.lists(st.integers(0, samples.waiting_spans().height - 1), min_size=1, max_size=40)
)


@settings(max_examples=12)
@given(asked=st.sampled_from(sorted(_ASKED)), rows=_ROWS, kind=st.sampled_from(KINDS), data=st.data())
def test_parts_of_traces_in_any_order_and_twice_and_of_any_kind_give_the_same_numbers(
    asked, rows, kind, data
):
    once = samples.waiting_spans()[list(dict.fromkeys(rows))]
    again = samples.waiting_spans()[data.draw(st.permutations(rows))]
    floats = kind == "pandas on numpy"
    answers = _ASKED[asked](as_kind(again, kind)), _ASKED[asked](once)
    same_numbers(*answers, any_order=asked == "critical_path", whole_as_floats=floats)


@settings(max_examples=12)
@given(rows=_ROWS, data=st.data())
def test_what_a_span_takes_itself_depends_on_no_order(rows, data):
    once = samples.waiting_spans()[sorted(set(rows))]
    order = data.draw(st.permutations(range(once.height)))
    same_numbers(obsnb.self_time(once[order]), obsnb.self_time(once)[order])
