"""Remote debug sessions, from lines and from what ended sessions answered."""

import pytest

import obsnb
from obsnb.analysis.debugging import debug_events
from tests.analysis.lines import lines_of


def test_a_session_lasts_from_its_first_line_to_the_one_that_ends_it():
    out = obsnb.debug_sessions(
        lines_of(
            [
                "Started debug session: abc-1234",
                '{"message":"breakpoint hit","debug_session":"abc-1234","command":"p basket","user_id":"u1"}',
                "GET /cart 200",
                "Ended debug session: abc-1234",
            ],
            service=["kiosk"] * 4,
            trace_id=[None, "t1", None, None],
        )
    )
    (row,) = out.to_dicts()
    assert (row["session"], row["service"], row["ended"], row["lines"]) == ("abc-1234", "kiosk", True, 3)
    assert row["duration"].total_seconds() == 3
    assert (row["user"], row["commands"], row["trace_ids"]) == ("u1", ["p basket"], ["t1"])
    assert row["evidence"] == ["log:r0", "log:r1", "log:r3"]
    assert debug_events(out)["title"].to_list() == ["debug session abc-1234 by u1"]


def test_the_labs_lines_have_the_sessions_id_in_a_field_of_its_own():
    out = obsnb.debug_sessions(
        lines_of(
            ["Debug session begun", "searched", "Debug session ended"],
            **{"metadata.debug_session": ["lab-00001"] * 3},
        )
    )
    (row,) = out.to_dicts()
    assert (row["session"], row["ended"], row["commands"]) == ("lab-00001", True, ["searched"])


def test_a_session_that_no_line_ends_has_no_end():
    (row,) = obsnb.debug_sessions(lines_of(["Started debug session: abc-1234"])).to_dicts()
    assert (row["ended"], row["end"], row["duration"]) == (False, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "Debugger attached.",
        "Listening for transport dt_socket at address: 5005",
        "dlv dap: listening at 127.0.0.1:2345",
    ],
)
def test_a_debugger_without_an_id_is_a_session_of_its_service(text):
    (row,) = obsnb.debug_sessions(lines_of([text, text], service=["a", "a"])).to_dicts()
    assert (row["session"], row["service"], row["lines"]) == (None, "a", 2)
    assert debug_events(obsnb.debug_sessions(lines_of([text])))["title"].to_list() == [
        "a debugger was attached"
    ]


def test_what_an_ended_session_answered_gives_its_events_and_what_was_dropped():
    answer = {
        "seconds": 2,
        "events": [
            {"timestamp": "2026-01-01T00:00:00Z", "event": "search_start"},
            {"timestamp": "2026-01-01T00:00:02Z", "event": "search_end"},
        ],
        "dropped": 4,
    }
    (row,) = obsnb.debug_sessions(answers={"lab-00001": answer}).to_dicts()
    assert (row["session"], row["commands"], row["dropped"]) == (
        "lab-00001",
        ["search_start", "search_end"],
        4,
    )
    assert row["duration"].total_seconds() == 2
    (unnamed,) = obsnb.debug_sessions(answers=answer).to_dicts()
    assert (unnamed["session"], unnamed["dropped"]) == (None, 4)


@pytest.mark.parametrize("texts", [[], [None], ["a debug session would help"], ["debug: sessions are fine"]])
def test_lines_that_tell_of_no_session_give_an_empty_frame(texts):
    out = obsnb.debug_sessions(lines_of(texts))
    assert out.shape == (0, 13)
    assert debug_events(out).height == 0
