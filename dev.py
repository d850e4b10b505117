"""Set up and run: `python3 dev.py demo`, `python3 dev.py test`. Standard library only.

demo      make .venv, install what a user needs, run `obsnb demo` (further words go to it)
test      make .venv, install what the tests need, run every test (further words go to pytest)
check     the linters: ruff, mypy, import-linter
lock      write the pinned, hashed requirements anew (needs uv)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
SCRIPTS = HOME / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")


def run(*words: str | Path, check: bool = True) -> int:
    """Run a command in the project's folder; where it fails, end with its exit code."""
    # Kernels and commands are processes of their own: without compiled files each would compile all anew.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code = subprocess.run([str(word) for word in words], cwd=ROOT, env=env, check=False).returncode
    if check and code:
        sys.exit(code)
    return code


def install(name: str) -> None:
    """Make .venv hold just what requirements/NAME.txt pins, and obsnb itself, editable."""
    wanted = ROOT / "requirements" / f"{name}.txt"
    parts = [wanted.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode()]
    stamp = hashlib.sha256(b"".join(parts)).hexdigest()
    done = HOME / f"installed-{name}"
    if PYTHON.exists() and done.exists() and done.read_text() == stamp:
        return
    if not PYTHON.exists():
        print(f"Making {HOME.name} ...", flush=True)
        try:
            venv.create(HOME, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(HOME, ignore_errors=True)
            sys.exit(
                "This Python makes no virtual environment: on Debian or Ubuntu, apt install python3-venv."
            )
    print(f"Installing what requirements/{name}.txt pins (a minute or two the first time) ...", flush=True)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
    # The list is whole. pip's own look for what each needs takes longer than to install it, and refuses an
    # older release that something wants with an extra.
    run(*pip, "--no-deps", "--require-hashes", "-r", wanted)
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    done.write_text(stamp)


def demo(words: list[str]) -> int:
    """The bundled incident, from the archive to a post-mortem."""
    install("demo")
    return run(PYTHON, "-m", "obsnb.cli", "demo", *words, check=False)


def test(words: list[str]) -> int:
    """Every test, doctest and runbook."""
    install("test")
    # A file's tests stay together: what they share (a server, a browser) is started once. One more process
    # than there are processors, for they wait for servers and browsers often.
    workers = str((os.cpu_count() or 1) + 1)
    spread = (
        "-n",
        workers,
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
    )  # the order is tests/conftest.py's
    return run(PYTHON, "-m", "pytest", *spread, *words, check=False)


def lint(_: list[str]) -> int:
    """Format, lint, types, and who may import whom."""
    install("test")
    run(PYTHON, "-m", "ruff", "format", "--check")
    run(PYTHON, "-m", "ruff", "check")
    run(PYTHON, "-m", "mypy")
    return run(SCRIPTS / "lint-imports", check=False)


def lock(words: list[str]) -> int:
    """Pin every package with its hashes, for Python 3.11 to 3.13 on each platform, naming no index."""
    both = ["--generate-hashes", "--universal", "--no-header", "--python-version", "3.11", "--quiet"]
    both += ["pyproject.toml", "--extra", "jupyter", "--extra", "pandas", *words]
    run("uv", "pip", "compile", *both, "--group", "build", "--group", "pins", "-o", "requirements/demo.txt")
    tests = [word for extra in ("lab", "pdf", "plots", "sql") for word in ("--extra", extra)]
    tests += ["--group", "build", "--group", "pins", "--group", "dev"]
    return run("uv", "pip", "compile", *both, *tests, "-o", "requirements/test.txt")


COMMANDS = {"demo": demo, "test": test, "check": lint, "lock": lock}


def main() -> int:
    """Do what the first word says."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is told so, in words
        sys.exit("obsnb needs Python 3.11 or newer.")
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(__doc__)
        return 0 if sys.argv[1:] in ([], ["-h"], ["--help"]) else 2
    return COMMANDS[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
