"""What is no archive, not whole, or not to be trusted is refused in words."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.archive import ArchiveReader, container, files, write
from obsnb.archive.bundled import incidents
from obsnb.archive.manifest import dump
from obsnb.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from tests.archive.conftest import CREATED, WINDOW, some_answers

_WRITE = "Hint: obs.save(...) writes one, as a folder or as a file that ends in .obsnb."
_COPY = "Hint: Fetch or copy it again: what it holds now cannot be trusted."
_REFUSE = "Hint: Do not open it; ask whoever made it for one that obs.save(...) wrote."


def _folder(tmp_path: Path) -> Path:
    return write(tmp_path / "a", some_answers(), window=WINDOW, created_ns=CREATED)


def _forge(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and make its digest hold again."""
    manifest = path / "manifest.json"
    values = json.loads(manifest.read_bytes())
    values.pop("digest")
    change(values)
    manifest.write_bytes(dump(values))


def _put_bytes(path: Path, data: bytes) -> None:
    """Put other bytes into the first file, and make the manifest's digest of it hold again."""
    (path / "queries" / "001-logs.parquet").write_bytes(data)
    _forge(path, lambda m: m["files"][0].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))


def _said(path: Path, kind: type[ArchiveError] = ArchiveError) -> str:
    with pytest.raises(ArchiveError) as caught:
        ArchiveReader.open(path).verify()
    assert type(caught.value) is kind
    return str(caught.value)


def test_nothing_there(tmp_path: Path) -> None:
    assert _said(tmp_path / "no") == (
        f"There is no frozen incident at {tmp_path / 'no'}.\n{_WRITE} Bundled are {', '.join(incidents())}."
    )


def test_a_folder_that_is_no_archive(tmp_path: Path) -> None:
    assert _said(tmp_path) == f"{tmp_path} is no frozen incident: it has no manifest.json.\n{_WRITE}"


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.obsnb"
    path.write_text("hello")
    why = "it is not a zip, or only the beginning of one"
    assert _said(path) == f"{path} is no frozen incident: {why}.\n{_WRITE}"


def test_a_zip_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.obsnb"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.txt", "hello")
    assert _said(path) == f"{path} is no frozen incident: it has no manifest.json.\n{_WRITE}"


def test_the_beginning_of_an_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)
    path.write_bytes(path.read_bytes()[:-200])
    why = "it is not a zip, or only the beginning of one"
    assert _said(path) == f"{path} is no frozen incident: {why}.\n{_WRITE}"


def test_a_newer_format(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    _forge(path, lambda m: m.update(format=2, queries="in another form"))
    assert _said(path) == (
        f"{path} has format 2, and this obsnb reads formats up to 1.\n"
        "Hint: Open it with a newer obsnb: pip install --upgrade obsnb."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ("[]", "does not say its format"),
        ('{"format": "1"}', "does not say its format"),
        ('{"format": 1}', "has changed since it was written"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: str, why: str) -> None:
    path = _folder(tmp_path)
    (path / "manifest.json").write_text(text)
    assert _said(path, DamagedArchiveError) == f"{path} is damaged: its manifest.json {why}.\n{_COPY}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda m: m["queries"][0].update(kind="ads"),
            "cannot be understood: Invalid enum value 'ads' - at `$.queries[0].kind`.",
        ),
        (
            lambda m: m["queries"][0].pop("asked"),
            "cannot be understood: Object missing required field `asked` - at `$.queries[0]`.",
        ),
        (
            lambda m: m["window"].update(start="2026-11-23"),
            "cannot be understood: '2026-11-23' has no time zone.",
        ),
        (
            lambda m: m["window"].update(m["window"], start=m["window"]["end"]),
            "cannot be understood: The window is empty: it begins and ends at 2026-11-23T18:23:20Z.",
        ),
        (lambda m: m["queries"][0].update(file="queries/9.parquet"), "has a query without a file."),
        (lambda m: m["files"].append(m["files"][0]), "names a file twice."),
    ],
)
def test_a_manifest_that_makes_no_sense(tmp_path: Path, change: Any, why: str) -> None:
    path = _folder(tmp_path)
    _forge(path, change)
    assert _said(path, DamagedArchiveError) == f"{path} is damaged: its manifest.json {why}\n{_COPY}"


@pytest.mark.parametrize(
    "name",
    ["../x.parquet", "/etc/passwd", "queries/../../x", "C:\\x", "..\\x", "a//b", "./a", "a/", "", "a\x00b"],
)
def test_a_path_that_climbs_out(tmp_path: Path, name: str) -> None:
    path = _folder(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"outside")

    def climb(manifest: dict[str, Any]) -> None:
        manifest["files"][0]["name"] = manifest["queries"][0]["file"] = name

    _forge(path, climb)
    assert _said(path, UnsafeArchiveError) == (
        f"{path} names a path outside itself, or an odd one: {name!r}.\n{_REFUSE}"
    )


@pytest.mark.parametrize("name", ["../x.txt", "/x.txt", "a/../../x.txt"])
def test_a_zip_with_a_member_that_climbs_out(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(name, "hello")
    assert _said(path, UnsafeArchiveError) == (
        f"{path} names a path outside itself, or an odd one: {name!r}.\n{_REFUSE}"
    )


@pytest.mark.parametrize("name", ["manifest.json", "queries/001-logs.parquet", "queries"])
def test_a_link_in_a_folder(tmp_path: Path, name: str) -> None:
    path = _folder(tmp_path)
    (path / name).rename(tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    said = "queries/001-logs.parquet" if name == "queries" else name
    assert _said(path, UnsafeArchiveError) == f"{path} has a link instead of {said}.\n{_REFUSE}"


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    path = write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)
    link = zipfile.ZipInfo("notes.toml")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    assert _said(path, UnsafeArchiveError) == f"{path} has a link instead of notes.toml.\n{_REFUSE}"


def test_a_member_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate name"):
        packed.writestr("manifest.json", "{}")
    assert _said(path, UnsafeArchiveError) == f"{path} has manifest.json twice.\n{_REFUSE}"


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.obsnb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.json", b"0" * 20_000_000)
    times = 20_000_000 / zipfile.ZipFile(path).infolist()[0].compress_size
    assert _said(path, UnsafeArchiveError) == (
        f"{path} would unpack manifest.json to {times:,.0f} times its size, more than the 100 times that are "
        f"allowed.\n{_REFUSE}"
    )


def test_too_much_in_one_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container._LARGEST, "manifest.json", 1_000)
    for path in (_folder(tmp_path), write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)):
        assert _said(path, UnsafeArchiveError) == (
            f"{path} cannot be read: manifest.json has 0 MB, more than the 0 MB that are allowed.\n{_REFUSE}"
        )


def test_too_much_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.obsnb", some_answers(), window=WINDOW)
    monkeypatch.setattr(container, "_LARGEST_SUM", 1_000)
    assert _said(path, UnsafeArchiveError) == (
        f"{path} cannot be read: it has 0 MB, more than the 0 MB that are allowed.\n{_REFUSE}"
    )


def test_parquet_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _folder(tmp_path)
    monkeypatch.setattr(files, "_VALUES", 10)
    monkeypatch.setattr(files, "_TIMES", 0)
    said = _said(path, UnsafeArchiveError)
    assert said.startswith(f"{path} cannot be read: queries/001-logs.parquet has ")
    assert said.endswith(f" values.\n{_REFUSE}")


def test_a_member_that_says_less_than_it_holds_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "x.obsnb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.json", b"0" * 500_000)
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):  # both places that declare the size
        begin = data.find(signature) + at
        data[begin : begin + 4] = (100).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    said = _said(path, DamagedArchiveError)
    assert said.startswith(f"{path} is damaged: manifest.json cannot be unpacked (Bad CRC-32")


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An archive's files by name."""
    path = _folder(tmp_path_factory.mktemp("whole"))
    found = sorted(path.rglob("*.*"))
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}


@settings(max_examples=150)
@given(st.data())
def test_any_changed_byte_is_found(
    members: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged")
    (path / "queries").mkdir()
    for name, content in members.items():
        (path / name).write_bytes(content)
    changed = data.draw(st.sampled_from(sorted(members)))
    content = bytearray(members[changed])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (path / changed).write_bytes(content)
    try:
        ArchiveReader.open(path)
    except ArchiveError:
        return
    # Only the white space between a manifest's values may change without a change of what it says.
    assert changed == "manifest.json"
    assert json.loads(content) == json.loads(members[changed])


def test_a_changed_byte_is_told_with_its_file(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    target = path / "queries" / "002-series.parquet"
    content = bytearray(target.read_bytes())
    content[100] ^= 1
    target.write_bytes(bytes(content))
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/002-series.parquet does not have the bytes that its manifest tells.\n"
        f"{_COPY}"
    )


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    (path / "queries" / "002-series.parquet").unlink()
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/002-series.parquet is missing.\n{_COPY}"
    )


def test_a_member_that_is_missing(tmp_path: Path) -> None:
    folder, path = _folder(tmp_path), tmp_path / "x.obsnb"
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(folder / "manifest.json", "manifest.json")
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/001-logs.parquet is missing.\n{_COPY}"
    )


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    (path / "queries" / "002-series.parquet").unlink()
    (path / "queries" / "002-series.parquet").mkdir()
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/002-series.parquet is not a file.\n{_COPY}"
    )


def test_bytes_that_are_no_parquet(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    _put_bytes(path, b"hello" * 10)
    said = _said(path, DamagedArchiveError)
    assert said.startswith(f"{path} is damaged: queries/001-logs.parquet is not Parquet (")
    assert said.endswith(f".\n{_COPY}")


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_rows_that_are_not_as_many_as_declared(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    _put_bytes(path, _parquet(some_answers()[0].frame.head(3)))
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/001-logs.parquet has 3 rows, not 20.\n{_COPY}"
    )


def test_rows_that_are_others(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    _put_bytes(path, _parquet(some_answers()[0].frame.reverse()))
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: the rows of queries/001-logs.parquet are not those of its query.\n{_COPY}"
    )


def test_rows_of_another_kind(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    _put_bytes(path, _parquet(pl.DataFrame({"n": range(20)})))
    assert _said(path, DamagedArchiveError) == (
        f"{path} is damaged: queries/001-logs.parquet has no column timestamp of the type "
        f"Datetime(time_unit='ns', time_zone='UTC').\n{_COPY}"
    )


def test_a_disk_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _folder(tmp_path)

    def fail(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert _said(path) == (
        f"{path} cannot be read: Input/output error.\nHint: Look at its permissions and its disk."
    )


def test_nothing_in_an_archive_is_run(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    marker = tmp_path / "ran"
    for name in ("__init__.py", "queries/__init__.py", "conftest.py", "sitecustomize.py"):
        (path / name).write_text(f"open({str(marker)!r}, 'w')")
    _put_bytes(path, b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")  # a pickle
    with pytest.raises(DamagedArchiveError):
        ArchiveReader.open(path)
    assert not marker.exists()


def test_an_archive_can_be_moved_and_opened_through_a_link(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    shutil.move(path, tmp_path / "moved")
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    assert len(ArchiveReader.open(tmp_path / "link").records) == 4
