"""The command line: answers, files, exit codes and words."""

import html
import json
import os
import re
import shutil
import sys
from datetime import datetime

import pytest

from obsnb.archive.bundled import incident_path, runbooks
from obsnb.cli import main


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run of the demo, for all that look at what it left."""
    out = tmp_path_factory.mktemp("demo") / "out"
    return main(["demo", "--out", str(out)]), out


def test_the_demo_finds_what_was_wrong_and_leaves_a_post_mortem_and_a_notebook(demo):
    code, out = demo
    assert code == 0
    assert {"postmortem.html", "postmortem.md", "findings.json", "90_postmortem.ipynb"} <= {
        p.name for p in out.iterdir()
    }
    findings = json.loads((out / "findings.json").read_text("utf-8"))
    truth = json.loads((incident_path("slow-query") / "truth.json").read_text("utf-8"))
    cause = truth["root_cause"]
    assert findings["suspects"][0]["service"] == cause["service"]
    assert [cause["table"]] in [
        query["tables"] for query in findings["slow_queries"] if (query["change"] or 0) > 2
    ]
    assert cause["error"] in [error["type"] for error in findings["errors"] if error["is_new"]]
    assert any(cause["change"] in event["title"] for event in findings["events"] if event["kind"] == "deploy")
    for key, moment in (("start", "onset"), ("end", "recovery")):
        assert abs(datetime.fromisoformat(findings["during"][key]).timestamp() - truth[moment]) <= 60


def test_the_demos_report_is_under_six_megabytes_and_asks_for_nothing(demo):
    page = (demo[1] / "postmortem.html").read_text("utf-8")
    assert len(page.encode()) < 6_000_000
    assert "default-src 'none'" in html.unescape(page)
    links = re.findall(r"""<[^>]*?\b(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", page)
    assert all(link.startswith("#") for link in links), links


def test_the_demo_tells_the_answer_and_where_the_files_are(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # as where obsnb is in an environment that is not active
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--out", str(tmp_path), "--archive", "datasource"]) == 0
    told = capfd.readouterr().out
    assert f"{sys.executable} -m obsnb demo --lab  opens it in JupyterLab" in told
    for word in ("What", "Since", "Where", "Why", "How sure", "loki", "postmortem.html", "jupyter lab"):
        assert word in told


def test_an_archive_that_does_not_exist_ends_with_one_and_says_so(capsys):
    assert main(["archive", "verify", "no-such-archive"]) == 1
    assert "no-such-archive" in capsys.readouterr().err


def test_a_damaged_archive_is_found(tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(incident_path("datasource"), copy)
    victim = next((copy / "queries").glob("001-*"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    assert main(["archive", "verify", str(copy)]) == 1
    assert "001-logs.parquet" in capsys.readouterr().err


def test_a_whole_archive_is_said_to_be_whole(capsys):
    assert main(["archive", "verify", "slow-query"]) == 0
    assert capsys.readouterr().out == "slow-query: whole, 11 queries, every digest holds.\n"


def test_an_archive_can_be_listed_for_people_and_for_scripts(capsys):
    assert main(["archive", "show", "slow-query"]) == 0
    assert "errors.spans" in capsys.readouterr().out
    assert main(["archive", "show", "slow-query", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert records[0]["role"] == "scope.logs"
    assert records[0]["rows"] == 33_356


def test_notes_are_begun_once_and_go_into_the_rendered_report(tmp_path, capsys):
    copy = tmp_path / "incident"
    shutil.copytree(incident_path("datasource"), copy)
    assert main(["notes", str(copy)]) == 0
    notes = copy / "notes.toml"
    text = notes.read_text("utf-8")
    notes.write_text(
        text.replace("trigger = '''\n", "trigger = '''\nA limit was lowered <b>on Monday</b>.\n"), "utf-8"
    )
    assert main(["notes", str(copy)]) == 0
    assert "was left as it is" in capsys.readouterr().out
    target = tmp_path / "report.html"
    assert main(["render", str(copy), "--out", str(target), "--title", "Searches failed"]) == 0
    page = target.read_text("utf-8")
    assert "A limit was lowered &lt;b&gt;on Monday&lt;/b&gt;." in page
    assert "Searches failed" in page
    assert "DataSourceError" in page
    assert main(["render", str(copy), "--out", str(target), "--audience", "public"]) == 0
    page = target.read_text("utf-8")
    assert "A limit was lowered &lt;b&gt;on Monday&lt;/b&gt;." in page
    assert "DataSourceError" not in page


def test_a_report_of_another_suffix_is_refused_and_nothing_is_written(tmp_path, capsys):
    target = tmp_path / "report.docx"
    assert main(["render", "datasource", "--out", str(target)]) == 2
    assert "the suffix says the format" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_runbooks_are_copied_and_never_over_an_edited_one(tmp_path, capsys):
    assert main(["notebooks", str(tmp_path)]) == 0
    assert {p.stem for p in tmp_path.iterdir()} == set(runbooks())
    edited = tmp_path / "90_postmortem.ipynb"
    edited.write_text("mine")
    assert main(["notebooks", str(tmp_path)]) == 0
    assert edited.read_text() == "mine"
    assert "was left as it is" in capsys.readouterr().out


def test_doctor_without_a_source_says_how_to_configure_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [
        name for name in os.environ if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_"))
    ]:
        monkeypatch.delenv(name)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("No source is configured.\nHint: Pass connect(loki=")


def test_a_parameter_or_scope_without_a_value_is_a_usage_error_that_shows_how_it_is_written(capsys):
    assert main(["run", "postmortem", "--set", "ARCHIVE"]) == 2
    told = capsys.readouterr().err
    assert told == "--set: 'ARCHIVE' has no name and value.\nHint: Such as --set OBJECTIVE=0.99.\n"
    assert main(["run", "postmortem", "--scope", "=prod"]) == 2
    told = capsys.readouterr().err
    assert told == "--scope: '=prod' has no name and value.\nHint: Such as --scope namespace=prod.\n"


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    assert "investigate the bundled incident" in capsys.readouterr().out
