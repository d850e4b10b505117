from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from obsnb.report.postmortem import Chart
from tests.report.made_up import postmortem, series
from tests.requirements import require, require_module


def test_no_line_on_paper_ends_inside_a_time_or_a_duration(tmp_path: Path) -> None:
    require_module("weasyprint")
    reader = require("pdftotext")
    text = (
        "It took 28 min 30 s (10.9 %) from 2026-11-23T18:39:00Z until 2026-11-23 19:07:30 UTC, and no longer"
    )
    path = postmortem(text).save(tmp_path / "report.pdf")
    told = subprocess.run([reader, "-layout", path, "-"], check=True, capture_output=True, text=True).stdout
    assert told.count("2026-11-23T18:39:00Z") >= 30
    assert re.findall(r"2026-11-$|2026-11-23 $|-23T\w*$|28 min$|28$|10\.9$|19:07:30$", told, re.M) == []


def test_charts_that_do_not_fit_a_page_go_on_overleaf_with_their_axis_below_them_on_both(
    tmp_path: Path,
) -> None:
    require_module("weasyprint")
    reader = require("pdftotext")
    charts = tuple(Chart(f"Panel {n}", series("checkout")) for n in range(5))
    path = replace(postmortem(), charts=charts).save(tmp_path / "report.pdf")
    told = subprocess.run([reader, "-layout", path, "-"], check=True, capture_output=True, text=True).stdout
    pages = [page for page in told.split("\f") if "Panel" in page]
    assert re.search(r"Summary.*Panel 0\b", pages[0], re.S)
    assert "Panel 4" in pages[1]
    assert all(re.search(r"incident, 24 min.*Panel.*18:40", page, re.S) for page in pages)
