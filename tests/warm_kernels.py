"""Kernels in which what every runbook imports is there already: each is a fork of one clean process.

To import it takes a quarter of the time that a runbook needs on a bundled incident. Each kernel is a process
of its own all the same, and in none is anything that another ran.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from typing import Any

from jupyter_client.provisioning import local_provisioner

_IMPORTED = [
    "ipykernel.kernelapp",
    "obsnb.investigation",
    "obsnb.report.html",
    "obsnb.views.tables",
    "plotly.graph_objects",
    "pyarrow.compute",
    "pyarrow.parquet",
    "sqlglot",
]


def use_warm_kernels() -> None:
    """From now on the kernels that this process starts are forks; for a process that ends with its runs."""
    get_context("forkserver").set_forkserver_preload(_IMPORTED)
    local_provisioner.launch_kernel = _launch


def _launch(command: list[str], *, env: Mapping[str, str], cwd: str | None = None, **_: Any) -> _Kernel:
    assert command[1:3] == ["-m", "ipykernel_launcher"]
    context = get_context("forkserver")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(command[2:], dict(env), cwd, there))
    process.start()
    there.close()
    here.recv_bytes()  # who starts it asks for its group of processes next, to end them together
    here.close()
    return _Kernel(process)


def _run(words: list[str], env: dict[str, str], cwd: str | None, begun: Any) -> None:
    """What the command would do, in this process."""
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    begun.send_bytes(b"begun")
    begun.close()
    os.environ.clear()
    os.environ.update(env)
    if cwd is not None:
        os.chdir(cwd)
    # A kernel whose parent is gone ends itself, and the parent of this one is the server of forks.
    sys.argv = [*words, f"--IPKernelApp.parent_handle={os.getppid()}"]
    launch_new_instance()


class _Kernel:
    """The process as one that a command began."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any) -> None:
        self._process = process
        self.pid = process.pid
        self.send_signal = lambda number: os.kill(self.pid, number)
        self.terminate, self.kill = process.terminate, process.kill

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode
