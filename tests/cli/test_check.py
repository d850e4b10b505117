"""``obsnb check``: words for people, JSON for scripts, and an exit code that says what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obsnb.cli import main


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_what_is_found_is_listed_by_place_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.md").write_text("\x1btoken=hunter2hunter2\n" * 7, "utf-8")
    assert main(["check", "a.md"]) == 1
    shown = [
        f"a.md: line {line}: secret: \N{REPLACEMENT CHARACTER}token=[redacted:secret]" for line in range(1, 6)
    ]
    told = capsys.readouterr().out.splitlines()
    assert told[:5] == shown
    assert told[5:] == [
        "a.md: secret in 2 further places (--json lists them)",
        "7 found in 7 places.",
        "Hint: Save the report anew, or run obsnb archive redact; [redact] in obsnb.toml says what stays.",
    ]


def test_a_clean_file_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.md").write_text("fine", "utf-8")
    assert main(["check", "a.md"]) == 0
    assert capsys.readouterr().out == "Nothing found in a.md.\n"


def test_json_has_all_places_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.txt").write_text("ada@example.org", "utf-8")
    assert main(["check", "a.txt", "none.txt", "--json"]) == 1
    leak = {"file": "a.txt", "where": "line 1", "kind": "email", "count": 1, "excerpt": "[redacted:email]"}
    assert json.loads(capsys.readouterr().out) == {
        "leaks": [leak],
        "unreadable": [{"file": "none.txt", "reason": "No such file or directory"}],
    }


def test_a_file_that_cannot_be_read_ends_with_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "none.txt"]) == 3
    assert "none.txt: cannot be read: No such file or directory\n" in capsys.readouterr().err


def test_the_policy_of_obsnb_toml_says_what_is_no_leak_and_its_secrets_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("obsnb.toml").write_text(
        '[redact]\nemail = "keep"\n[profiles.p.loki]\nurl = "http://h"\ntoken = "correct-horse-battery"\n',
        "utf-8",
    )
    monkeypatch.setenv("OBSNB_GRAFANA_TOKEN", "staple-of-the-environment")
    Path("a.txt").write_text("ada@example.org correct-horse-battery staple-of-the-environment", "utf-8")
    assert main(["check", "a.txt"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(
        "a.txt: line 1: own-secret: ada@example.org [redacted:own-secret] [redacted:own-secret]\n2 found"
    )
