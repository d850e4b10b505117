"""A browser that uses the page: a headless Chromium which goes on clicking until it is ended."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from obsnb.errors import UsageError
from obsnb.lab.settings import LabSettings

__all__ = ["visiting"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
_STOP_S = 10.0


@contextlib.contextmanager
def visiting(settings: LabSettings) -> Iterator[None]:
    """A browser on the page, for as long as this is open.

    Raises
    ------
    UsageError
        There is no Chromium.
    """
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if program is None:
        raise UsageError(
            "This scenario needs a browser, and there is no Chromium.", hint="On Debian: apt install chromium"
        )
    url = f"{settings.url('backend')}/#visit={settings.key}"
    with tempfile.TemporaryDirectory(prefix="obsnb-lab-", ignore_cleanup_errors=True) as profile:
        words = [program, *_QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
        null = subprocess.DEVNULL
        running = subprocess.Popen(  # noqa: S603  # a browser of this machine, on the lab's own page
            words, stdin=null, stdout=null, stderr=null, start_new_session=True
        )
        try:
            yield
        finally:
            running.terminate()
            try:
                running.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
