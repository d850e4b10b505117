"""Nothing secret is in any byte of an archive, wherever it stood before."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from obsnb.archive import ArchiveReader, write
from obsnb.archive.bundled import incident_path
from obsnb.errors import NotRecordedError
from obsnb.redact import SECRETS_ONLY, Policy, Redactor
from obsnb.schema import dtype
from obsnb.sources.base import Answer
from tests.archive.conftest import WINDOW, answer, logs, spans

_SECRET = "hunter2hunter2"
_TEXTS = [
    f"Authorization: Bearer {_SECRET}",
    f'{{"user": "bob", "password": "{_SECRET}"}}',
    f"postgres://app:{_SECRET}@db/shop failed",
    f"GET /?access_token={_SECRET} 200",
    f"Set-Cookie: sid={_SECRET}; Path=/",
]


def _planted() -> list[Answer]:
    """A secret in each place that an answer has."""
    attribute = {"key": "http.request.header.authorization", "type": "string", "value": f"Basic {_SECRET}"}
    event = {
        "time": 1,
        "name": "exception",
        "attributes": [{"key": "m", "type": "string", "value": _TEXTS[2]}],
    }
    link = {"trace_id": "a", "span_id": "b", "attributes": [attribute]}
    traces = spans((1, 0)).with_columns(
        pl.lit(_TEXTS[0]).alias("status_message"),
        pl.lit(_TEXTS[3]).alias("name"),
        pl.lit(_SECRET).alias("db.password"),
        pl.Series([[attribute]], dtype=dtype("attributes")).alias("attributes"),
        pl.Series([[attribute]], dtype=dtype("attributes")).alias("resource"),
        pl.Series([[event]], dtype=dtype("span_events")).alias("events"),
        pl.Series([[link]], dtype=dtype("span_links")).alias("links"),
    )
    lines = logs(*_TEXTS).with_columns(
        pl.lit(f"token={_SECRET}").cast(pl.Categorical).alias("namespace"),
        pl.lit(_SECRET).alias("metadata.api_key"),
        pl.Series([[_TEXTS[0]]] * len(_TEXTS)).alias("parsed.headers"),
    )
    query = f'{{a="b"}} |= "password={_SECRET}"'
    return [
        answer(
            "logs",
            query,
            lines,
            warnings=(f"slow: {query}",),
            reason=f"asked with token={_SECRET}",
            params={"header": f"Bearer {_SECRET}"},
            selection=f"secret: {_SECRET}",
        ),
        answer("spans", "{ }", traces),
    ]


def _everything(path: Path) -> bytes:
    if path.is_dir():
        return b"".join(
            file.name.encode() + file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()
        )
    with zipfile.ZipFile(path) as packed:
        return b"".join(packed.read(name) for name in packed.namelist()) + path.read_bytes()


@pytest.mark.parametrize("name", ["a", "a.obsnb"])
def test_no_secret_is_in_any_byte_of_an_archive(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, _planted(), window=WINDOW, scope={"namespace": f"token={_SECRET}"})
    assert _SECRET.encode() not in _everything(tmp_path / name)
    reader = ArchiveReader.open(tmp_path / name)
    for one in reader._manifest.queries:  # packed columns would hide it from a look at the bytes
        frame = reader._files.frame(one)
        assert _SECRET not in frame.write_json()
        assert _SECRET not in json.dumps(frame.to_dict(as_series=False), default=str)


def test_what_was_masked_is_counted_by_kind(tmp_path: Path) -> None:
    reader = ArchiveReader.open(write(tmp_path / "a", _planted()[:1], window=WINDOW))
    # Five lines, five labels, five fields named api_key, five lists; then query twice, warning, reason, ...
    assert reader.redactions == {
        "authorization": 6,
        "bearer": 1,
        "cookie": 1,
        "password": 4,
        "secret": 13,
        "url-password": 1,
    }


def test_a_query_with_a_secret_is_found_by_its_own_text(tmp_path: Path) -> None:
    planted = _planted()
    reader = ArchiveReader.open(write(tmp_path / "a", planted[:1], window=WINDOW))
    with pytest.raises(Exception, match="not as it is asked"):
        reader.logs(planted[0].record.asked, WINDOW)  # another parameter: but the text was known
    assert _SECRET not in reader.records[0].asked


def test_what_is_given_to_be_written_is_not_changed(tmp_path: Path) -> None:
    planted = _planted()
    write(tmp_path / "a", planted, window=WINDOW)
    assert planted[0].frame["line"].to_list() == _TEXTS
    assert _SECRET in planted[0].record.query


def test_nothing_of_other_frames_categories_gets_in(tmp_path: Path) -> None:
    lines = logs("a", "b").with_columns(pl.Series(["keep", _SECRET], dtype=pl.Categorical).alias("namespace"))
    write(tmp_path / "a", [answer("logs", "{}", lines.head(1))], window=WINDOW)
    assert _SECRET.encode() not in _everything(tmp_path / "a")


def test_the_archive_says_its_policy_and_a_query_is_found_by_its_text_before_it_was_redacted(
    tmp_path: Path,
) -> None:
    query = '{a="b"} |= "ada@example.org"'
    policy = Policy.of_table({"email": "pseudonym", "fields": {"ref": "remove"}})
    path = write(
        tmp_path / "a",
        [answer("logs", query, logs("ada@example.org"))],
        window=WINDOW,
        redactor=Redactor(policy),
    )
    reader = ArchiveReader.open(path)
    assert reader.policy == policy
    pseudonym = reader.records[0].asked.split('"')[-2]
    assert pseudonym.startswith("[email:")
    for asked in (query, reader.records[0].asked):
        assert reader.logs(asked, WINDOW).frame["line"].to_list() == [pseudonym]


def test_queries_that_differ_only_in_what_was_redacted_are_not_taken_for_each_other(tmp_path: Path) -> None:
    names = ("ada", "grace")
    answers = [
        answer("logs", f'{{a="b"}} |= "{name}@example.org"', logs(f"{name}@example.org")) for name in names
    ]
    reader = ArchiveReader.open(write(tmp_path / "a", answers, window=WINDOW))
    with pytest.raises(NotRecordedError) as refused:
        reader.logs('{a="b"} |= "ada@example.org"', WINDOW)
    asked = [record.asked for record in reader.records]
    assert refused.value.what == (
        "The archive holds 2 queries that differ from this one only in what was redacted."
    )
    assert refused.value.hint == "Ask one of them as it was recorded:\n  " + "\n  ".join(asked)


def test_one_key_gives_two_archives_the_same_pseudonyms(tmp_path: Path) -> None:
    lines = [
        ArchiveReader.open(
            write(
                tmp_path / name,
                [answer("logs", "{}", logs("ada@example.org"))],
                window=WINDOW,
                redactor=Redactor(key=key),
            )
        )
        .logs("{}", WINDOW)
        .frame["line"][0]
        for name, key in (("a", b"one key for both"), ("b", b"one key for both"), ("c", None))
    ]
    assert lines[0] == lines[1] != lines[2]


def test_people_who_wrote_notes_keep_their_addresses_and_lose_their_secrets(tmp_path: Path) -> None:
    notes = f'authors = ["ada@example.org"]\ntrigger = "password={_SECRET}"\n'
    path = write(tmp_path / "a", [answer("logs", "{}", logs("x"))], window=WINDOW, notes=notes)
    assert ArchiveReader.open(path).notes == (
        'authors = ["ada@example.org"]\ntrigger = "password=[redacted:password]"\n'
    )


def test_an_archive_from_before_there_were_policies_opens_and_had_its_secrets_masked() -> None:
    path = incident_path("slow-query")
    assert path is not None
    assert ArchiveReader.open(path).policy == SECRETS_ONLY
