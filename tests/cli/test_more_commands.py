"""Commands around archives, notebooks and the shell: what they write, print and end with."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

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
    assert "new.obsnb: 1 queries; redacted: email 1\n" in capsys.readouterr().out
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


def test_the_help_of_every_command_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    top = capsys.readouterr().out
    names = [line.split()[0] for line in top.splitlines() if line.startswith("    ") and line[4] != " "]
    assert len(top.splitlines()) <= 40
    for name in names:
        if name == "COMMAND":
            continue
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert len(capsys.readouterr().out.splitlines()) <= 40, name
