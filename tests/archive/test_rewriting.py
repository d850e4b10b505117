"""Archives written anew: several as one, one under a stricter policy; nothing comes back that went."""

from __future__ import annotations

from pathlib import Path

import pytest

from obsnb.archive import ArchiveReader, write
from obsnb.archive.rewriting import merge, redact
from obsnb.errors import ArchiveError
from obsnb.redact import Policy, Redactor
from obsnb.timerange import TimeRange
from tests.archive.conftest import START, WINDOW, S, answer, logs

_LATER = TimeRange(WINDOW.end_ns, WINDOW.end_ns + 600 * S)


def _written(path: Path, line: str, **more: object) -> Path:
    given = {
        "window": WINDOW,
        "asked_at_ns": START,
        "scope": {"namespace": "shop"},
        "query": '{a="b"}',
    } | more
    record = {"window": given["window"], "asked_at_ns": given["asked_at_ns"]}
    answers = [answer("logs", str(given["query"]), logs(line), **record)]
    keeping = Redactor(Policy.of_table({"email": "keep", "user": "keep"}))
    return write(path, answers, window=given["window"], scope=given["scope"], redactor=keeping)  # type: ignore[arg-type]


def _lines(path: Path) -> list[str]:
    return [line for _, frame in ArchiveReader.open(path).tables() for line in frame["line"]]


def test_an_archive_is_redacted_anew_under_a_key_of_its_own_and_counts_on(tmp_path: Path) -> None:
    old = _written(tmp_path / "old", "ada@example.org password=s3cr3t")
    made = [redact(old, tmp_path / name, redactor_of=lambda key: Redactor(key=key)) for name in ("a", "b")]
    lines = [_lines(one.path) for one in made]
    assert lines[0] == lines[1]
    assert lines[0][0].startswith("[email:")
    assert lines[0][0].endswith("] password=[redacted:password]")
    assert made[0].redactions == {"email": 1, "password": 1}
    assert ArchiveReader.open(made[0].path).policy == Policy()


def test_archives_of_one_scope_become_one_that_answers_for_both(tmp_path: Path) -> None:
    a = _written(tmp_path / "a", "first")
    b = _written(tmp_path / "b", "second", window=_LATER)
    made = merge([a, b], tmp_path / "c.obsnb", redactor=Redactor())
    reader = ArchiveReader.open(made.path)
    assert (made.queries, reader.window) == (2, TimeRange(WINDOW.start_ns, _LATER.end_ns))
    assert [reader.logs('{a="b"}', when).frame.height for when in (WINDOW, _LATER)] == [1, 1]
    assert sorted(_lines(made.path)) == ["first", "second"]


def test_of_a_question_that_both_hold_the_newest_answer_stays(tmp_path: Path) -> None:
    a = _written(tmp_path / "a", "newer", asked_at_ns=START + S)
    b = _written(tmp_path / "b", "older")
    assert _lines(merge([a, b], tmp_path / "c", redactor=Redactor()).path) == ["newer"]


def test_archives_of_different_scopes_are_not_mixed(tmp_path: Path) -> None:
    a = _written(tmp_path / "a", "x")
    b = _written(tmp_path / "b", "y", scope={"namespace": "other"})
    with pytest.raises(ArchiveError) as refused:
        merge([a, b], tmp_path / "c", redactor=Redactor())
    assert str(refused.value) == (
        "a is of {'namespace': 'shop'}, tenant None, and b of {'namespace': 'other'}, tenant None.\n"
        "Hint: Only archives of one scope and tenant are merged: their answers would mix."
    )
    assert not (tmp_path / "c").exists()
