from __future__ import annotations

from pathlib import Path

import pytest

from tests.requirements import require


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("OBSNB_REQUIRE", raising=False)


def test_a_program_that_is_there_is_found(no_programs: None, tmp_path: Path) -> None:
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert require("prometheus") == str(program)


def test_a_missing_program_skips_the_test(no_programs: None) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"^prometheus is not installed$"):
        require("prometheus")


def test_a_missing_program_fails_the_test_where_it_is_required(
    no_programs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSNB_REQUIRE", "chromium,prometheus")
    with pytest.raises(pytest.fail.Exception) as failed:
        require("prometheus")
    assert failed.value.msg == "prometheus is not installed, and OBSNB_REQUIRE asks for it"


def test_what_is_required_says_nothing_of_other_programs(
    no_programs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSNB_REQUIRE", "chromium")
    with pytest.raises(pytest.skip.Exception):
        require("prometheus")
