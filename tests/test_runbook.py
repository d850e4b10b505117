"""Runbooks run headless, take parameters, and say which cell failed."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from obsnb.archive.bundled import runbooks
from obsnb.errors import RunbookError, UsageError
from obsnb.runbook import run_runbook


def _book(folder, *sources, parameters="WHO = 'world'"):
    cells = [new_markdown_cell("# Title"), new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    for number, source in enumerate(sources, 1):
        cells += [new_markdown_cell(f"## Step {number}"), new_code_cell(source)]
    path = folder / "book.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


_WRITES = "import json; open('findings.json', 'w').write(json.dumps({'who': WHO}))"


def test_a_runbook_runs_in_its_output_folder_with_the_parameters_given(tmp_path):
    told = []
    result = run_runbook(
        _book(tmp_path, _WRITES),
        out=tmp_path / "out",
        parameters={"WHO": 'it\'s "me"'},
        on_cell=lambda *words: told.append(words),
    )
    assert result.findings == {"who": 'it\'s "me"'}
    assert [path.name for path in result.written] == ["findings.json"]
    assert told == [(1, 3, "Title"), (2, 3, "Title"), (3, 3, "Step 1")]
    executed = nbformat.read(result.notebook, as_version=4)
    assert executed.cells[2].metadata["tags"] == ["injected-parameters"]


def test_findings_of_an_earlier_run_are_not_taken_for_this_ones(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "findings.json").write_text(json.dumps({"who": "old"}))
    assert run_runbook(_book(tmp_path, "1 + 1"), out=out).findings == {}


def test_a_failing_cell_is_named_and_the_notebook_as_far_as_it_came_is_kept(tmp_path):
    book = _book(tmp_path, "1 + 1", "raise ValueError('no such thing')", "2 + 2")
    with pytest.raises(RunbookError) as caught:
        run_runbook(book, out=tmp_path / "out")
    kept = tmp_path / "out" / "book.ipynb"
    assert str(caught.value) == (
        "Cell 3 of book.ipynb failed: ValueError: no such thing\n"
        f"Hint: The notebook as far as it came is {kept.resolve()}."
    )
    assert nbformat.read(kept, as_version=4).cells[3].outputs[0].data["text/plain"] == "2"


def test_an_error_that_a_cell_was_meant_to_raise_is_not_taken_for_the_one_that_ended_the_run(tmp_path):
    book = _book(tmp_path, "raise ValueError('as shown')", "raise KeyError('no such thing')")
    cells = nbformat.read(book, as_version=4)
    cells.cells[3].metadata["tags"] = ["raises-exception"]
    nbformat.write(cells, book)
    with pytest.raises(RunbookError) as caught:
        run_runbook(book, out=tmp_path / "out")
    assert str(caught.value).startswith("Cell 3 of book.ipynb failed: KeyError: 'no such thing'\n")


def test_a_parameter_that_the_runbook_does_not_have_is_refused_with_those_it_has(tmp_path):
    book = _book(tmp_path, "1", parameters="WHO = 'x'\nWHEN = None")
    with pytest.raises(UsageError) as caught:
        run_runbook(book, out=tmp_path / "out", parameters={"WHOM": 1})
    assert str(caught.value) == "book.ipynb has no parameter WHOM.\nHint: Its parameters are WHO, WHEN."


def test_a_runbook_that_does_not_exist_is_refused_with_the_bundled_ones(tmp_path):
    with pytest.raises(UsageError) as caught:
        run_runbook("nothing", out=tmp_path)
    assert str(caught.value) == (
        f"There is no runbook 'nothing'.\nHint: Give a notebook's path, or one of {', '.join(runbooks())}."
    )


def test_bundled_runbooks_are_committed_without_outputs_and_with_parameters():
    assert "90_postmortem" in runbooks()
    for path in runbooks().values():
        book = nbformat.read(path, as_version=4)
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        assert all(not cell.outputs and cell.execution_count is None for cell in code), path
        assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1, path


def test_what_cells_put_out_is_redacted_before_it_is_written_under_the_reports_key(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSNB_LOKI_TOKEN", "correct-horse-battery")
    prints = (
        "import obsnb\n"
        "from IPython.display import HTML, display\n"
        "print('token=hunter2hunter2')\n"
        "display(HTML('<b>{&quot;password&quot;: &quot;hunter2hunter2&quot;}</b>'))\n"
        "obs = obsnb.open_archive(ARCHIVE)\n"
        "import os, pathlib\n"
        "_ = pathlib.Path('report.txt').write_text(obs.redactor.text('ada@example.org')[0])\n"
        "print(os.environ['OBSNB_LOKI_TOKEN'])\n"
        "{'a': 'ada@example.org'}"
    )
    out = tmp_path / "out"
    book = _book(
        tmp_path,
        prints,
        "raise ValueError('hunter2hunter2, token=hunter2hunter2')",
        parameters="ARCHIVE = 'datasource'",
    )
    with pytest.raises(RunbookError) as caught:
        run_runbook(book, out=out)
    assert (
        caught.value.what
        == "Cell 3 of book.ipynb failed: ValueError: hunter2hunter2, token=[redacted:secret]"
    )
    text = (out / "book.ipynb").read_text("utf-8")
    outputs = nbformat.reads(text, as_version=4).cells[3].outputs
    assert outputs[0].text == "token=[redacted:secret]\n"
    assert outputs[1].data["text/html"] == '<b>{"password": "[redacted:password]"}</b>'
    assert outputs[2].text == "[redacted:own-secret]\n"
    assert outputs[3].data["text/plain"] == f"{{'a': '{(out / 'report.txt').read_text()}'}}"
    assert "ada@" not in json.dumps(outputs)
