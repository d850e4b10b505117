"""Commands around archives, notebooks and the shell: what they write, print and end with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import obsnb
from obsnb.archive import ArchiveReader, write
from obsnb.cli import main
from obsnb.redact import Policy, Redactor
from tests.archive.conftest import START, WINDOW, S, answer, logs
from tests.standin.loki import LokiStandIn, Row
from tests.standin.serving import serving


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("OBSNB_CONFIG", "OBSNB_PROFILE", "LOKI_ADDR", "PROMETHEUS_URL", "TEMPO_URL"):
        monkeypatch.delenv(name, raising=False)


def _archive(name: str, line: str) -> str:
    keeping = Redactor(Policy.of_table({"email": "keep"}))
    write(name, [answer("logs", '{a="b"}', logs(line))], window=WINDOW, scope={"a": "b"}, redactor=keeping)
    return name


def test_an_archive_is_redacted_anew_and_then_nothing_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    old = _archive("old", "ada@example.org")
    assert main(["check", old]) == 1
    assert main(["archive", "redact", old, "--out", "new.obsnb"]) == 0
    assert "new.obsnb: 1 query; redacted: email 1\n" in capsys.readouterr().out
    assert main(["check", "new.obsnb"]) == 0


def test_archives_are_merged_and_said_to_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["archive", "merge", _archive("a", "x"), _archive("b", "y"), "--out", "c", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"path": "c", "queries": 1, "redactions": {}}
    assert len(ArchiveReader.open("c").records) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["archive", "merge", "a", "b"], "archive merge needs --out, where it writes.\n"),
        (["archive", "merge", "a", "--out", "c"], "archive merge takes several.\n"),
        (["archive", "show", "a", "b"], "archive show looks at one archive, and writes nothing.\n"),
        (
            ["capture", "x"],
            "A capture needs a window and a scope.\nHint: Such as --last 2h --scope namespace=prod.\n",
        ),
        (
            ["capture", "x", "--last", "1h", "--from", "2026-11-23T18:00Z"],
            "--last goes without --from and --to.\n",
        ),
        (["capture", "x", "--to", "2026-11-23T18:00Z"], "--to goes with --from.\n"),
        (["strip", "none.ipynb"], "none.ipynb cannot be read: No such file or directory.\n"),
        (["new-runbook", "x"], "x is no notebook's name.\nHint: Call it x.ipynb.\n"),
    ],
)
def test_words_that_do_not_fit_together_are_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == told


def test_a_capture_freezes_what_an_investigation_asks_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    stream = (("namespace", "shop"), ("service_name", "cart"))
    rows = [Row(START + n * S, stream, f"order {n} for ada@example.org") for n in range(1, 30)]
    with serving(LokiStandIn(rows)) as url:
        Path("obsnb.toml").write_text(f'[profiles.p.loki]\nurl = "{url}"\n', "utf-8")
        window = ["--from", WINDOW.start.isoformat(), "--to", WINDOW.end.isoformat()]
        assert main(["capture", "incident.obsnb", "--scope", "namespace=shop", *window]) == 0
        assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("incident.obsnb: ")
    assert "names        no label of none names a service: set service_labels in [conventions]\n" in told
    assert "Hint: Without tempo no traces are seen: set OBSNB_TEMPO_URL or its table in obsnb.toml.\n" in told
    reader = ArchiveReader.open("incident.obsnb")
    assert dict(reader.scope) == {"namespace": "shop"}
    (frame,) = (frame for _, frame in reader.tables() if frame.height)
    assert frame["line"][0].startswith("order 1 for [email:")


def test_outputs_are_stripped_and_the_rest_stays(capsys: pytest.CaptureFixture[str]) -> None:
    cell = {
        "cell_type": "code",
        "source": "1",
        "outputs": [{"text": "1"}],
        "execution_count": 3,
        "metadata": {},
    }
    book = {"cells": [cell, {"cell_type": "markdown", "source": "é"}], "metadata": {"widgets": {}, "a": 1}}
    Path("a.ipynb").write_text(json.dumps(book), "utf-8")
    assert main(["strip", "a.ipynb", "--check"]) == 1
    assert main(["strip", "a.ipynb"]) == 0
    assert main(["strip", "a.ipynb", "--check"]) == 0
    assert capsys.readouterr().out == "a.ipynb has outputs\na.ipynb\n"
    clean = json.loads(Path("a.ipynb").read_text("utf-8"))
    assert clean["cells"] == [cell | {"outputs": [], "execution_count": None}, book["cells"][1]]
    assert clean["metadata"] == {"a": 1}


def test_a_new_runbook_is_a_notebook_that_compiles_and_is_never_overwritten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import nbformat

    assert main(["new-runbook", "mine/70_queues.ipynb"]) == 0
    book = nbformat.read("mine/70_queues.ipynb", as_version=4)
    nbformat.validate(book)
    assert book.cells[0].source.startswith("# Queues\n")
    assert book.cells[1].metadata["tags"] == ["parameters"]
    for cell in book.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")
    assert main(["new-runbook", "mine/70_queues.ipynb"]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_its_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    for word in ("capture", "new-runbook", "--json", "verify"):
        assert word in told


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out + (
        "COMP_WORDS=(obsnb archive ver); COMP_CWORD=2; _obsnb; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(obsnb comp); COMP_CWORD=1; _obsnb; echo ${COMPREPLY[@]}\n"
    )
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "verify\ncompare completion\n"


def test_the_help_fits_on_a_screen_of_80_by_24_and_names_the_exit_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main([])
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert names[0] == "demo"
    assert len(names) == 14
    for name in ["", *names]:
        with pytest.raises(SystemExit):
            main([*([name] if name else []), "--help"])
        told = capsys.readouterr().out
        assert len(told.splitlines()) <= 24, name
        assert max(map(len, told.splitlines())) <= 80, name
        assert "Exit codes: 0 " in told or name == "completion", name
    for action in _actions("lab", capsys):
        with pytest.raises(SystemExit):
            main([*action, "--help"])
        told = capsys.readouterr().out
        assert len(told.splitlines()) <= 24, action
        assert max(map(len, told.splitlines())) <= 80, action


def _actions(command: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The words of each action that a command's help lists."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    listed = capsys.readouterr().out.partition("actions:")[2].splitlines()
    names = [line.split()[0] for line in listed if re.match(r" {2,4}[a-z]", line)]
    assert len(names) == 8
    return [[command, name] for name in names]


def _said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(words)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    "words",
    [
        ["run", "00_start_here", "--archive", "slow-query", "--out", "afile"],
        ["notebooks", "afile"],
        ["new-runbook", "afile/70_queues.ipynb"],
    ],
)
def test_a_file_where_a_folder_is_wanted_is_said_in_words(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("afile").touch()
    code, out, err = _said(words, capsys)
    where = tmp_path / "afile" if words[0] == "run" else "afile"
    assert (code, out) == (1, "")
    assert err == f"{where}: File exists.\nHint: Is it the right path, and may you read or write there?\n"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[1]", b'{"cells": 3}'])
def test_what_is_no_notebook_is_not_run(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("book.ipynb").write_bytes(content)
    assert _said(["run", "book.ipynb"], capsys) == (
        2,
        "",
        "book.ipynb is no notebook.\nHint: A notebook is a JSON file; obsnb new-runbook begins one.\n",
    )


def test_no_kernel_is_started_for_an_archive_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _said(["run", "00_start_here", "--archive", "nowhere", "--out", "found"], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("There is no frozen incident at nowhere.\nHint: obs.save(...) writes one")
    assert not Path("found").exists()


def test_notes_that_are_not_there_are_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(["render", "slow-query", "--notes", "no.toml"], capsys) == (
        2,
        "",
        "There is no text file no.toml.\nHint: obsnb notes ARCHIVE --out FILE begins one.\n",
    )


def test_notes_about_a_bundled_incident_go_where_they_are_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(["notes", "datasource"], capsys) == (
        2,
        "",
        "datasource is bundled with obsnb, and nothing is written into it.\n"
        "Hint: Say where to: --out notes.toml.\n",
    )
    code, out, _ = _said(["notes", "datasource", "--out", "mine.toml"], capsys)
    assert code == 0
    assert out.endswith("obsnb render datasource --notes mine.toml --out postmortem.html\n")
    assert Path("mine.toml").read_text("utf-8")


def test_a_file_that_cannot_be_checked_is_not_said_to_hold_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("plain.txt").write_text("hello", "utf-8")
    assert _said(["check", "nowhere", "plain.txt"], capsys) == (
        3,
        "Nothing found in plain.txt.\n",
        "nowhere: cannot be read: No such file or directory\n",
    )


def test_an_archive_written_anew_replaces_another_only_where_told(capsys: pytest.CaptureFixture[str]) -> None:
    old = _archive("old", "ada@example.org")
    words = ["archive", "redact", old, "--out", "new.obsnb"]
    assert main(words) == 0
    assert _said(words, capsys)[2] == (
        "new.obsnb is there already.\n"
        "Hint: Choose another path, or pass replace=True (--replace) to replace it.\n"
    )
    assert main([*words, "--replace"]) == 0


_NO_KERNEL_LEFT = "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)"


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        (_NO_KERNEL_LEFT, 130, "Interrupted."),
        ("import os\nos._exit(3)", 1, "Cell 1 of book.ipynb ended the kernel; was there too little memory?"),
    ],
)
def test_an_interrupted_run_and_a_dead_kernel_are_said_without_a_traceback(
    source: str, code: int, said: str, tmp_path: Path
) -> None:
    cell = {"cell_type": "code", "id": "a", "execution_count": None, "metadata": {}, "outputs": []}
    book = {"cells": [cell | {"source": source}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    Path("book.ipynb").write_text(json.dumps(book), "utf-8")
    words = [sys.executable, "-m", "obsnb", "run", "book.ipynb", "--out", "out"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == code
    assert said in ended.stderr.splitlines()
    assert "obsnb/runbook.py" not in ended.stderr
    assert Path("out/book.ipynb").is_file()


def test_output_whose_reader_has_gone_ends_quietly() -> None:
    read, written = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "obsnb", "archive", "show", "slow-query", "--json"]
    ended = subprocess.run(words, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
    os.close(written)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_run_tells_scripts_what_was_found_and_nothing_else_on_the_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["new-runbook", "mine.ipynb"])
    capsys.readouterr()
    code, out, err = _said(["run", "mine.ipynb", "--archive", "lab-quiet", "--out", "out", "--json"], capsys)
    told = json.loads(out)
    assert code == 0
    assert told["findings"]["finding"] == "There is no baseline, so that no error can be called new."
    assert [Path(path).name for path in told["written"]] == ["findings.json", "report.html"]
    assert Path(told["notebook"]).name == "mine.ipynb"
    assert err.startswith("[0 of 5 cells done] ")


class _Login:
    """What a proxy shows to whom it does not know."""

    def answer(self, *_: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {"content-type": "text/html"}, b"<html><title>Sign in</title><form></form></html>"


def test_a_message_of_several_lines_stands_in_lines_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(_Login()) as url:
        monkeypatch.setenv("OBSNB_LOKI_URL", url)
        code, out, _ = _said(["doctor"], capsys)
    first, second, third, *_ = out.splitlines()
    assert code == 1
    assert first.endswith("  loki answered 200: an HTML page came back, probably of a login or a proxy.")
    assert second == '             server: a page titled "Sign in"'
    assert third.startswith("             Hint: Check the URL of this source, ")


def test_a_window_of_which_no_source_has_a_row_is_not_called_well(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(LokiStandIn([])) as url:
        Path("obsnb.toml").write_text(f'[profiles.p.loki]\nurl = "{url}"\n', "utf-8")
        window = ["--from", WINDOW.start.isoformat(), "--to", WINDOW.end.isoformat()]
        words = ["run", "00_start_here", "--profile", "p", "--scope", "namespace=shop", *window]
        code, out, _ = _said([*words, "--out", "out", "--json"], capsys)
    assert code == 0
    assert json.loads(out)["findings"]["finding"] == (
        "No source had a row for this window and scope: nothing can be said of it."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["render", "lab-quiet", "--out", "x.docx"], "A post-mortem cannot be saved as 'x.docx': "),
        (
            ["render", "lab-quiet", "--out", "none/x.md"],
            "x.md cannot be written into none: there is no such ",
        ),
        (
            ["compare", "lab-quiet", "slow-query", "--out", "x.pdf"],
            "A comparison cannot be saved as 'x.pdf': ",
        ),
        (["compare", "lab-quiet", "slow-query", "--out", "none/x.md"], "x.md cannot be written into none: "),
    ],
)
def test_what_cannot_be_saved_is_refused_before_anything_is_investigated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    for name in ("investigate", "compare", "open_archive"):
        monkeypatch.setattr(obsnb, name, None)
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(said)
