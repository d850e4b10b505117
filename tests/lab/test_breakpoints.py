"""Breakpoints: inert wherever nobody sits before a terminal and asked for them."""

import pdb
import sys

import pytest

from obsnb.lab.backend.breakpoints import debug_here, debug_on_exception
from tests.coroutines import finish


@pytest.fixture
def stopped(monkeypatch):
    """Whether a debugger would have stopped."""
    found = []
    monkeypatch.setattr(pdb, "set_trace", lambda: found.append("here"))
    monkeypatch.setattr(pdb, "post_mortem", lambda: found.append("after"))
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    return found


@debug_on_exception
def fails():
    raise ValueError("no")


@debug_on_exception
async def fails_later():
    raise ValueError("later")


def test_a_servers_process_never_stops_and_its_errors_go_on(stopped, monkeypatch):
    monkeypatch.setenv("OBSNB_LAB_PDB", "1")  # asked for, but there is no terminal
    monkeypatch.setattr(sys, "stdin", None)
    assert not debug_here()
    for call in (fails, lambda: finish(fails_later())):
        with pytest.raises(ValueError, match=r"no|later"):
            call()
    assert stopped == []


def test_a_terminal_alone_is_not_enough(stopped, monkeypatch):
    monkeypatch.delenv("OBSNB_LAB_PDB", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert not debug_here()
    assert stopped == []


def test_a_developer_who_asked_for_it_is_stopped_in_functions_and_coroutines(stopped, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setenv("OBSNB_LAB_PDB", "1")
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert debug_here()
    for call in (fails, lambda: finish(fails_later())):
        with pytest.raises(ValueError, match=r"no|later"):
            call()
    assert stopped == ["here", "after", "after"]
