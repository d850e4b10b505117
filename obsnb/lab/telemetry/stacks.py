"""Stack traces without the folders of the machine they are from: recordings are passed on."""

from __future__ import annotations

import re
import sysconfig
import traceback
from functools import lru_cache
from pathlib import Path

__all__ = ["stack_of"]

_HERE = Path(__file__).resolve().parents[3]


def stack_of(error: BaseException) -> str:
    """The stack trace of an error, with paths from ``obsnb/``, ``site-packages/`` or ``python3.x/`` on."""
    return _folders().sub('File "', "".join(traceback.format_exception(error)))


@lru_cache(maxsize=1)
def _folders() -> re.Pattern[str]:
    paths = sysconfig.get_paths()
    # The longest first: a folder of libraries may lie in the one of the project.
    libraries = {str(Path(paths[name]).parent) for name in ("stdlib", "purelib", "platlib")}
    inside = "|".join(re.escape(root) for root in sorted(libraries, key=len, reverse=True))
    return re.compile(f'File "(?:{re.escape(str(_HERE))}/(?=obsnb/|tests/)|(?:{inside})/)')
