"""What is given for a window, a query, a connection or a scope and is none, is refused by its name."""

import inspect

import pytest

import obsnb
from obsnb.errors import QueryError, SettingsError, UsageError, WindowError
from obsnb.schema import EVENTS, LOGS, SERIES, SPANS

_FRAMES = {"logs": LOGS, "spans": SPANS, "series": SERIES, "alerts": EVENTS}
_WINDOWS = ("during", "baseline", "window")
_HINT = 'Hint: Pass obsnb.window("2026-11-23T18:00Z", "2026-11-23T19:00Z"), or obsnb.window(last="2h").'


def _taking_windows():
    for name in obsnb.__all__:
        function = getattr(obsnb, name)
        if inspect.isfunction(function):
            for word, parameter in inspect.signature(function).parameters.items():
                if word in _WINDOWS and "TimeRange" in str(parameter.annotation):
                    yield function, word


def _words(function):
    """Frames without a row, and a window where one must be given."""
    words = {"rule": "up > 1"} if function is obsnb.backtest_alert else {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _FRAMES:
            words[name] = _FRAMES[name].empty()
        elif name in _WINDOWS and parameter.default is parameter.empty:
            words[name] = obsnb.TimeRange(0, 10**9)
    return words


@pytest.fixture(scope="module")
def archive():
    return obsnb.open_archive("lab-quiet")


@pytest.mark.parametrize(
    ("function", "word"), [pytest.param(f, w, id=f"{f.__name__} {w}") for f, w in _taking_windows()]
)
def test_a_text_is_no_window_wherever_one_is_taken(archive, function, word):
    words = {"obs": archive} if function is obsnb.investigate else _words(function)
    with pytest.raises(WindowError) as refused:
        function(**words | {word: "2h"})
    assert str(refused.value) == f"{word}= takes a window, not '2h'.\n{_HINT}"


def test_a_text_is_no_window_of_a_query_or_a_chart(archive):
    for ask in (
        lambda: archive.logs('{namespace="x"}', "2h"),
        lambda: obsnb.charts.log_volume(LOGS.empty(), during="2h"),
    ):
        with pytest.raises(WindowError, match=r"= takes a window, not '2h'\.\n"):
            ask()


@pytest.mark.parametrize(
    ("verb", "language"), [("logs", "LogQL"), ("metrics", "PromQL"), ("spans", "TraceQL")]
)
def test_a_query_is_a_text(archive, verb, language):
    with pytest.raises(QueryError) as refused:
        getattr(archive, verb)(None)
    assert (
        str(refused.value) == f"A query is a text, not None.\nHint: Write it in {language}, between quotes."
    )


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda obs: obs.logs('{a="b"}', limit=3.5), "limit= takes a whole number, not 3.5."),
        (lambda obs: obs.spans("{ }", limit="3"), "limit= takes a whole number, not '3'."),
        (lambda obs: obs.log_volume("{}", limit="3"), "limit= takes a whole number, not '3'."),
        (lambda obs: obs.detected_fields("{}", lines=[]), "lines= takes a whole number, not []."),
        (lambda obs: obs.logs('{a="b"}', limit=3, direction="up"), "direction= is not 'up'."),
    ],
)
def test_a_limit_is_a_whole_number_and_a_direction_one_of_two(archive, ask, words):
    with pytest.raises(UsageError) as refused:
        ask(archive)
    assert refused.value.what == words
    assert refused.value.hint


def test_an_investigation_is_of_a_connection_and_its_scope_of_names_and_values(archive):
    with pytest.raises(UsageError) as refused:
        obsnb.investigate("slow-query")
    assert str(refused.value) == (
        "An investigation is of a connection, not of 'slow-query'.\n"
        "Hint: Pass obsnb.connect(...) for live sources, obsnb.open_archive(...) for a frozen incident."
    )
    with pytest.raises(UsageError) as refused:
        obsnb.investigate(archive, scope="namespace=prod")
    assert str(refused.value) == (
        'A scope is names with their values, not \'namespace=prod\'.\nHint: Pass scope={"namespace": "prod"}.'
    )


@pytest.mark.parametrize("kind", ["loki", "prometheus", "tempo"])
def test_what_is_no_address_is_not_taken_for_nothing(kind):
    with pytest.raises(SettingsError) as refused:
        obsnb.connect(**{kind: 3100})
    assert str(refused.value) == (
        f'{kind}= takes an address, not 3100.\nHint: Such as connect({kind}="https://{kind}.example.com").'
    )


@pytest.mark.parametrize("given", [None, 3, "", " "])
def test_what_people_say_is_a_text_and_not_empty(archive, given):
    inv = obsnb.investigate(archive)
    for say, refused in (
        (inv.hypothesis, "A hypothesis needs a statement."),
        (inv.note, "A remark needs a text."),
        (lambda finding: inv.conclude(finding, about="errors"), "A conclusion needs a finding."),
        (inv.star, f"No row of the timeline has {given!r} as evidence or in its title."),
        (
            inv.withdraw,
            f"Nobody said {given if given is None or given == 3 else ''!r} in this investigation.",
        ),
        (obsnb.from_grafana_url, "This is neither an Explore nor a dashboard address of Grafana."),
    ):
        with pytest.raises(UsageError) as caught:
            say(given)
        assert caught.value.what == refused
        assert caught.value.hint
