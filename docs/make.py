"""Makes the guide's pictures and post-mortem: ``python docs/make.py``. It needs Chromium and Pillow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from obsnb import investigate, open_archive
from obsnb.archive.bundled import runbooks
from obsnb.runbook import run_runbook

DOCS = Path(__file__).resolve().parent
#: Of a runbook's report, what the runbook came to; of the post-mortem, its beginning.
SHOWN = "#conclusions, #hypotheses"
_HIDE = f"""<style>
.page {{ display: block; max-width: 860px; margin: 0 auto; padding: 12px 28px; }}
.toc, main > :not({SHOWN}) {{ display: none; }}
section {{ margin-top: 20px; }} html {{ color-scheme: light; }}
</style>"""


def main() -> int:
    """Run each runbook on the incident that it is meant for, and keep a picture of its report."""
    browser = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write("Pictures need Chromium. On Debian: apt install chromium\n")
        return 1
    (DOCS / "pictures").mkdir(exist_ok=True)
    for name in runbooks():
        with tempfile.TemporaryDirectory() as room:
            result = run_runbook(name, out=room)
            report = next(path for path in result.written if path.suffix == ".html")
            picture(browser, report, DOCS / "pictures" / f"{name}.webp", whole="postmortem" in name)
        sys.stdout.write(f"{name}\n")
    investigate(open_archive("slow-query")).postmortem().save(DOCS / "postmortem.html")
    return 0


def picture(browser: str, report: Path, target: Path, *, whole: bool) -> None:
    """What a browser shows of a report, without its empty margins."""
    page = report.read_text("utf-8")
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # it would refuse the style
    shown = report.with_name("shown.html")
    shown.write_text(page if whole else page.replace("</head>", f"{_HIDE}</head>"), "utf-8")
    shot = report.with_name("shot.png")
    size = "1180,1150" if whole else "900,1400"
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    words += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    words += [f"--user-data-dir={report.parent / 'profile'}", f"--screenshot={shot}", f"--window-size={size}"]
    subprocess.run(  # noqa: S603 - a browser of this machine, on a page of our own
        [browser, *words, shown.as_uri()], check=True, capture_output=True, timeout=120
    )
    image = Image.open(shot).convert("RGB")
    inked = ImageChops.difference(image, Image.new("RGB", image.size, image.getpixel((0, 0)))).getbbox()
    _, top, _, bottom = inked or (0, 0, *image.size)
    image.crop((0, max(0, top - 16), image.width, min(image.height, bottom + 16))).save(target, quality=70)


if __name__ == "__main__":
    sys.exit(main())
