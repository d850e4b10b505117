"""The package's surface: every name is there, and none costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import obsnb

_HEAVY = (
    "polars",
    "pandas",
    "pyarrow",
    "plotly",
    "IPython",
    "httpx",
    "narwhals",
    "sqlglot",
    "jinja2",
    "numpy",
)


def test_importing_obsnb_loads_nothing_heavy() -> None:
    code = f"import sys, obsnb; print([name for name in {_HEAVY!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_window_and_an_error_load_nothing_heavy_either() -> None:
    code = (
        "import sys, obsnb; obsnb.window('2026-11-23T18:00Z', '2026-11-23T19:00Z'); obsnb.ObsnbError('x');"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.parametrize("name", obsnb.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(obsnb, name) is not None
    assert name in dir(obsnb)


def test_every_error_is_public_and_is_an_obsnb_error() -> None:
    from obsnb import errors

    for name in errors.__all__:
        assert getattr(obsnb, name) is getattr(errors, name)
        assert issubclass(getattr(errors, name), obsnb.ObsnbError | UserWarning)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        obsnb.logs  # noqa: B018 - the access is what is tested
    assert str(caught.value) == "module 'obsnb' has no attribute 'logs'"
