"""``obsnb compare`` and `obsnb.compare`: two archives in, what is new and gone out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obsnb.archive import write
from obsnb.cli import main
from obsnb.redact import Policy, Redactor
from tests.archive.conftest import WINDOW, answer, logs


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keeping = Redactor(Policy.of_table({"email": "keep"}))
    for name, error in (("calm", "KeyError: 'a'"), ("storm", "TimeoutError: for ada@example.org")):
        lines = logs(*["order 7 shipped"] * 20, *[json.dumps({"level": "error", "message": error})] * 4)
        answers = [answer("logs", '{namespace="shop"}', lines, role="scope.logs")]
        write(tmp_path / name, answers, window=WINDOW, scope={"namespace": "shop"}, redactor=keeping)
    return ["calm", "storm"]


def test_people_read_what_is_new_and_gone(archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *archives]) == 0
    told = capsys.readouterr().out
    assert told.startswith("A: calm, ")
    assert "\nErrors: " in told
    words = " ".join(told.split())
    assert "TimeoutError" in words
    assert "KeyError" in words
    assert "ada@example.org" not in words


def test_scripts_read_json_and_a_page_is_written_beside_it(
    archives: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *archives, "--json", "--out", "c.html"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["change"] for row in told["rows"] if row["what"] == "error"} == {"new", "gone"}
    assert "ada@example.org" not in (tmp_path / "c.html").read_text("utf-8")
