"""How a connection is made, and what it says when it cannot be."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import obsnb
from obsnb.errors import ArchiveError, DamagedArchiveError, NotRecordedError, SettingsError


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's, and no obsnb.toml above."""
    import os

    for name in list(os.environ):
        if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_")) and name != "OBSNB_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


def test_nothing_configured_says_how_to() -> None:
    with pytest.raises(SettingsError) as caught:
        obsnb.connect()
    assert str(caught.value) == (
        "No source is configured.\n"
        'Hint: Pass connect(loki="http://...", prometheus=..., tempo=...), set OBSNB_LOKI_URL, '
        "OBSNB_PROMETHEUS_URL or OBSNB_TEMPO_URL, or write a profile in obsnb.toml."
    )


def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSNB_LOKI_URL", "http://127.0.0.1:1")
    with obsnb.connect() as obs:
        assert repr(obs) == "Connection(loki)"


def test_a_profile_sets_conventions_and_frames(tmp_path: Path) -> None:
    (tmp_path / "obsnb.toml").write_text(
        '[conventions]\nservice_labels = ["team"]\n'
        '[profiles.prod]\nframes = "pandas"\nlate_margin_s = 7\n'
        '[profiles.prod.tempo]\nurl = "http://127.0.0.1:1"\n'
    )
    with obsnb.connect(profile="prod") as obs:
        assert repr(obs) == "Connection(tempo)"
        assert obs.conventions.service_labels == ("team",)
        assert obs._late_margin_s == 7
        assert type(obs.out(obsnb.schema.LOGS.empty())).__module__.startswith("pandas")


def test_a_secret_is_in_no_repr_and_no_error() -> None:
    with obsnb.connect(loki="http://bob:hunter2@127.0.0.1:1", token="hunter2") as obs:
        assert "hunter2" not in repr(obs)
        assert "hunter2" not in repr(vars(obs))


def test_a_bundled_incident_opens_by_name_and_offline() -> None:
    obs = obsnb.open_archive("slow-query")
    assert repr(obs) == ("Connection(slow-query, an archive of 2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z)")
    assert obs.notes_path is not None
    assert obs.notes_path.name == "notes.toml"
    assert dict(obs.redactions) == {}


def test_a_path_wins_over_a_bundled_name_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "slow-query").mkdir()
    with pytest.raises(ArchiveError) as caught:
        obsnb.open_archive("slow-query")
    assert str(caught.value) == (
        "slow-query is no frozen incident: it has no manifest.json.\n"
        "Hint: obs.save(...) writes one, as a folder or as a file that ends in .obsnb. "
        "It hides the bundled incident slow-query: work in another folder, or rename it."
    )


def test_an_archive_says_what_scope_it_holds() -> None:
    obs = obsnb.open_archive("slow-query")
    assert obs.window is not None
    with pytest.raises(NotRecordedError) as caught:
        obs.role("alerts", obs.window, scope={"namespace": "other"})
    assert str(caught.value) == (
        "The archive holds the scope {'namespace': 'shop-prod'}, not {'namespace': 'other'}.\n"
        "Hint: Leave the scope out, or ask live sources."
    )


def test_an_archives_own_window_is_the_default() -> None:
    obs = obsnb.open_archive("datasource")
    lines = obs.logs('{namespace="data-prod"}')
    assert lines.height == 19_815
    assert obs.ledger[0].window == obs.window


def test_an_archive_is_verified_to_its_last_row(tmp_path: Path) -> None:
    import hashlib
    import json
    import shutil

    from obsnb.archive.bundled import incident_path
    from obsnb.archive.manifest import dump

    bundled = incident_path("datasource")
    assert bundled is not None
    obsnb.open_archive(bundled).verify()
    folder = shutil.copytree(bundled, tmp_path / "forged")
    values = json.loads((folder / "manifest.json").read_bytes())
    forged = folder / values["files"][0]["name"]
    pl.read_parquet(forged).reverse().write_parquet(forged)
    data = forged.read_bytes()
    values["files"][0] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    values.pop("digest")
    (folder / "manifest.json").write_bytes(dump(values))
    with pytest.raises(DamagedArchiveError) as caught:
        obsnb.open_archive(folder).verify()
    assert str(caught.value) == (
        f"{folder} is damaged: the rows of queries/001-logs.parquet are not those of its query.\n"
        "Hint: Fetch or copy it again: what it holds now cannot be trusted."
    )
