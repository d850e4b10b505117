"""The exception tree and its words."""

import inspect
import re

from obsnb import errors
from obsnb.timerange import TimeRange


def test_an_error_says_what_failed_with_which_query_and_window_what_the_server_said_and_what_to_do():
    error = errors.RejectedError(
        "Loki refused the query.",
        hint="Check the braces.",
        query="{a=",
        window=TimeRange(0, 1_000_000_000),
        server="parse error at line 1",
        status=400,
    )
    assert str(error) == (
        "Loki refused the query.\n"
        "  query:  {a=\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z\n"
        "  server: parse error at line 1\n"
        "Hint: Check the braces."
    )
    assert error.status == 400


def test_ipython_shows_the_message_alone_instead_of_library_frames():
    error = errors.WindowError("The window is empty.", hint="Widen it.")
    assert error._render_traceback_() == ["WindowError: The window is empty.\nHint: Widen it."]


def test_the_docstring_draws_every_class_of_the_tree_and_no_other():
    drawn = set(re.findall(r"\b(\w+(?:Error|Warning))\b", errors.__doc__ or "")) - {"UserWarning"}
    there = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == "obsnb.errors"
    }
    assert drawn == there == set(errors.__all__)


def test_every_error_is_an_obsnb_error():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.ObsnbError | UserWarning), name
