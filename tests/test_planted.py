"""No secret of the environment or of obsnb.toml is in anything that is shown or written."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

import obsnb
from obsnb.archive import ArchiveReader
from obsnb.cli import main
from obsnb.errors import SourceError
from obsnb.timerange import TimeRange
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn
from tests.standin.serving import serving

_TOKEN = "correct-horse-battery/staple"  # in obsnb.toml
_PASSWORD = "tr0ub4dor&3 of the environment"
_HEADER = "a-header-that-only-we-know"
_BASIC = b64encode(f"reader:{_PASSWORD}".encode()).decode()
_SECRETS = (_TOKEN, _PASSWORD, _HEADER, _BASIC, "correct-horse-battery%2Fstaple")

_S = 10**9
_START = 1_795_457_600 * _S
_WINDOW = TimeRange(_START, _START + 600 * _S)


def _rows() -> list[Row]:
    """Lines of a proxy that logs what it was sent, without a key that would give it away."""
    echoes = [f"upstream said: {secret}" for secret in _SECRETS]
    quoted = [json.dumps({"level": "error", "msg": f"refused {secret}"}) for secret in _SECRETS]
    stream = (("namespace", "shop"), ("service_name", "gateway"), ("note", f"as {_HEADER}"))
    return [Row(_START + n * _S, stream, line) for n, line in enumerate([*echoes, *quoted], 1)]


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[obsnb.Connection]:
    """A connection by a profile and the environment to a server that repeats what it was sent."""

    def echo(path: str, params: object) -> tuple[int, dict[str, str], bytes] | None:
        if "explode" in str(params):
            return 400, {"content-type": "text/plain"}, f"not for {_TOKEN}".encode()
        return None

    with serving(LokiStandIn(_rows(), before=echo)) as url, serving(PrometheusStandIn()) as metrics:
        (tmp_path / "obsnb.toml").write_text(
            f'[profiles.p.loki]\nurl = "{url}"\ntoken = "{_TOKEN}"\nheaders = {{ X-Key = "{_HEADER}" }}\n'
            f'[profiles.p.prometheus]\nurl = "{metrics}"\nuser = "reader"\n'
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OBSNB_PROMETHEUS_PASSWORD", _PASSWORD)
        with obsnb.connect() as obs:
            yield obs


def _bare(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [secret for secret in _SECRETS if secret.encode() in data]


def test_what_is_planted_does_come_in_or_the_other_tests_would_show_nothing(
    connected: obsnb.Connection,
) -> None:
    lines = connected.logs('{namespace="shop"}', _WINDOW)
    assert _bare("\n".join(lines["line"])) == list(_SECRETS)


@pytest.mark.parametrize("name", ["a", "a.obsnb"])
def test_no_archive_has_them(connected: obsnb.Connection, tmp_path: Path, name: str) -> None:
    connected.logs(f'{{namespace="shop"}} != "{_TOKEN}"', _WINDOW)
    path = connected.save(tmp_path / name)
    reader = ArchiveReader.open(path)
    assert reader.redactions["own-secret"] >= 10
    assert [_bare(frame.write_json()) for _, frame in reader.tables()] == [[]]
    if path.is_dir():
        assert [_bare(file.read_bytes()) for file in path.rglob("*") if file.is_file()] == [[], []]
    else:
        with zipfile.ZipFile(path) as packed:
            assert [_bare(packed.read(member)) for member in packed.namelist()] == [[], []]


def test_no_report_and_no_findings_have_them(connected: obsnb.Connection) -> None:
    inv = obsnb.investigate(connected, _WINDOW, scope={"namespace": "shop"})
    inv.hypothesis(f"It was {_TOKEN}.", against=[f"It was {_PASSWORD}."])
    report = inv.postmortem(title=f"About {_HEADER}")
    assert report.redactions["own-secret"] >= 10
    for text in (report.to_html(), report.to_markdown(), json.dumps(inv.findings())):
        assert _bare(text) == []


def test_no_error_no_log_and_no_repr_has_them(
    connected: obsnb.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SourceError) as refused:
        connected.logs('{namespace="explode"}', _WINDOW)
    with pytest.raises(SourceError) as rejected:
        connected.metrics("rate(", _WINDOW)
    connected.logs('{namespace="shop"}', _WINDOW)
    shown = io.StringIO()
    for error in (refused.value, rejected.value):
        print(error, repr(error), error._render_traceback_(), error.__context__, file=shown)
    print(
        connected, connected.ledger, connected.ledger.to_html(), connected.health(), caplog.text, file=shown
    )
    assert "***" in shown.getvalue()
    assert _bare(shown.getvalue()) == []


def test_no_command_prints_them(
    connected: obsnb.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.md").write_text("\n".join(_SECRETS), "utf-8")
    main(["doctor"])
    main(["doctor", "--json"])
    assert main(["check", "report.md"]) == 1
    told = capsys.readouterr()
    assert "5 found in 5 places." in told.out
    assert _bare(told.out + told.err) == []
