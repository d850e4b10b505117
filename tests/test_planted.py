"""No secret of the environment or of obsnb.toml is in anything that is shown or written."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import obsnb
from obsnb.analysis.story import Entry
from obsnb.archive import ArchiveReader
from obsnb.cli import main
from obsnb.errors import SourceError
from obsnb.report.notes import SECTIONS
from obsnb.report.postmortem import Chart
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


def _said(secret: str) -> str:
    return f"It was {secret}, they said."


def _investigated(connected: obsnb.Connection) -> obsnb.Investigation:
    """An investigation in which people say each secret wherever they can say something."""
    inv = obsnb.investigate(connected, _WINDOW, scope={"namespace": "shop"})
    inv.hypothesis(
        _said(_TOKEN),
        tested=_said(_HEADER),
        against=[_said(_PASSWORD)],
        supports=[_said(_BASIC)],
        verdict="open",
    )
    inv.conclude(_said(_TOKEN), about=_HEADER, normal=[_said(_PASSWORD)], not_seen=[_said(_BASIC)])
    inv.note(_said(_PASSWORD))
    told = inv.board().timeline
    told.entries = (
        *told.entries,
        Entry(_START + 60 * _S, _said(_HEADER), service=_TOKEN, added=True),
    )
    return inv


def _notes(folder: Path) -> Path:
    path, (a, b, c, *_) = folder / "people.toml", (json.dumps(_said(one)) for one in _SECRETS)
    keys = [f"{section.key} = {a}" for section in SECTIONS]
    item = f"[[action_items]]\nwhat = {a}\nowner = {b}\nlink = {c}"
    moment = f"[[timeline]]\nat = 2026-11-23T18:01:00Z\nwhat = {b}\nservice = {c}"
    path.write_text(
        "\n".join([*keys, f"authors = [{b}]", f"severity = {c}", item, moment, f"[glossary]\n{a} = {b}"])
    )
    return path


def _chart() -> Chart:
    """A line of each secret's name, as a label that repeats what was sent would make it."""
    series = pl.DataFrame(
        {
            "timestamp": pl.Series([_START + n * _S for n in range(5)]).cast(pl.Datetime("ns", "UTC")),
            "name": list(_SECRETS),
            "value": [1.0] * 5,
            "unit": ["s"] * 5,
        }
    )
    return Chart(_said(_TOKEN), series, how=_said(_HEADER))


def test_no_report_in_any_form_and_no_findings_have_them(connected: obsnb.Connection, tmp_path: Path) -> None:
    inv = _investigated(connected)
    out = tmp_path / "out"
    out.mkdir()
    report = inv.postmortem(title=f"About {_HEADER}", notes=_notes(tmp_path)).with_chart(_chart())
    assert report.redactions["own-secret"] >= 40
    told = report.titled(_said(_TOKEN)).with_severity(_said(_HEADER))
    for place, one in enumerate((report, told, told.for_audience("public"))):
        for suffix in ("html", "md", "ipynb"):
            one.save(out / f"{place}.{suffix}")
    inv.save_findings(out / "findings.json")
    names = {path.name for path in out.iterdir()}
    assert {"0.html", "0.md", "0-charts.svg", "2.ipynb", "findings.json"} <= names
    assert {path.name: _bare(path.read_bytes()) for path in out.iterdir()} == {name: [] for name in names}
    for notebook in out.glob("*.ipynb"):
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            for attached in cell.get("attachments", {}).values():
                assert _bare(b64decode(attached["image/svg+xml"])) == []


def test_no_file_that_people_wrote_has_them_in_an_archive(
    connected: obsnb.Connection, tmp_path: Path
) -> None:
    _investigated(connected)
    path = connected.save(tmp_path / "told")
    assert _bare((path / "story.json").read_bytes()) == []
    assert "own-secret" in (path / "story.json").read_text("utf-8")
    (path / "notes.toml").write_bytes(_notes(tmp_path).read_bytes())
    opened = obsnb.open_archive(path)
    obsnb.investigate(opened, _WINDOW, scope={"namespace": "shop"}).summary()
    again = opened.save(tmp_path / "again")
    files = {file.name: _bare(file.read_bytes()) for file in again.rglob("*") if file.is_file()}
    assert {"story.json", "notes.toml"} <= set(files)
    assert {name: found for name, found in files.items() if found} == {}


def test_no_comparison_has_them(connected: obsnb.Connection, tmp_path: Path) -> None:
    inv = obsnb.investigate(connected, _WINDOW, scope={"namespace": "shop"})
    made = obsnb.compare(inv, _investigated(connected))
    for suffix in ("html", "md"):
        assert _bare(made.save(tmp_path / f"c.{suffix}").read_bytes()) == []
    assert _bare(json.dumps(made.to_dict())) == []


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
