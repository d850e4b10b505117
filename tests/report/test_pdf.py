from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.report.made_up import postmortem
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
