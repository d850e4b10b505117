"""What a notebook's cells put out, redacted whatever pieces it came in."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from obsnb.checking import check
from obsnb.redact import Redactor

_CUT = [
    new_output("stream", name="stdout", text="token=hunter2"),
    new_output("stream", name="stderr", text="a warning\n"),
    new_output("stream", name="stdout", text="hunter2\nnext line\n"),
]


def _book(*outputs):
    return new_notebook(cells=[new_code_cell("print()", outputs=[dict(each) for each in outputs])])


def test_a_secret_that_was_printed_in_two_pieces_is_one_secret():
    book = _book(*_CUT)
    Redactor().notebook(book)
    assert [(each["name"], each["text"]) for each in book.cells[0].outputs] == [
        ("stdout", "token=[redacted:secret]\nnext line\n"),
        ("stderr", "a warning\n"),
    ]
    nbformat.validate(book)


def test_what_is_printed_after_a_display_stays_after_it():
    shown = new_output("display_data", data={"text/plain": "x"})
    book = _book(_CUT[0], shown, _CUT[2])
    Redactor().notebook(book)
    kinds = [each["output_type"] for each in book.cells[0].outputs]
    assert kinds == ["stream", "display_data", "stream"]


def test_a_check_finds_it_too(tmp_path):
    path = tmp_path / "cut.ipynb"
    path.write_text(json.dumps(_book(*_CUT)), "utf-8")
    (leak,) = check(path, redactor=Redactor()).leaks
    assert (leak.kind, leak.where) == ("secret", "cell 1, output 1, line 1")
