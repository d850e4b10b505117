"""A real JupyterLab with a real kernel, driven by Playwright: cells run, widgets used, values read back."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Browser, Locator, Page, Request

ROOT = Path(__file__).parent.parent.parent
_NOTEBOOK = "widgets.ipynb"
_PATIENCE_S = 30
_PATIENCE_MS = 240_000  # a JupyterLab that starts while other tests have the cores takes its time
_SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/themes": {"theme": "JupyterLab Light"},
}
_RUN = """async (code) => {
    const { commands, shell } = window.jupyterapp;
    const notebook = shell.currentWidget.content;
    // A widget that takes the focus late makes its own cell the active one: below the last, and held on to.
    notebook.activeCellIndex = notebook.widgets.length - 1;
    await commands.execute("notebook:insert-cell-below");
    const cell = notebook.activeCell;
    cell.model.sharedModel.setSource(code);
    notebook.activeCellIndex = notebook.widgets.indexOf(cell);
    await commands.execute("notebook:run-cell");
    // JupyterLab moves the focus a frame after its cell is done.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return notebook.widgets.indexOf(cell);
}"""


class Lab:
    """A server, a page that shows one notebook, and a second client of the same kernel.

    Everything stays in the folder; what a page asks of any other machine, and every error on its console,
    is written down in `strangers` and `errors`.
    """

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.folder = folder
        self.strangers: list[str] = []
        self.errors: list[str] = []
        self._browser = browser
        self._server, self.address = _serve(folder)
        self._reading = _until(self._server, "is running at")
        try:
            _until_it_listens(self._server, self.address)
            self.page = self.open_page()
            self.kernel = self._connect()
        except BaseException:
            self._end()
            raise

    def open_page(self, *, scheme: str = "light") -> Page:
        """The notebook in a fresh browser profile."""
        context = self._browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("request", self._asked)
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.goto(f"{self.address}/lab/tree/{_NOTEBOOK}")
        page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.isReady")
        page.evaluate("window.jupyterapp.shell.currentWidget.context.ready")
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        return page

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.strangers.append(request.url)

    def _connect(self) -> BlockingKernelClient:
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.ready")
        self.page.wait_for_function(
            "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
        )
        (found,) = (self.folder / "runtime").glob("kernel-*.json")
        client = BlockingKernelClient(connection_file=str(found))
        client.load_connection_file()
        client.start_channels()
        return client

    def run(self, code: str) -> Locator:
        """The cell that this code was run in, below all others, once it is done."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.page.evaluate(_RUN, code))

    def show(self, code: str) -> Locator:
        """The widget that this code shows, drawn."""
        widget = self.run(code).locator(".obsnb").first
        widget.wait_for()
        return widget

    def dress(self, theme: str) -> None:
        """JupyterLab in its light or its dark theme, as its settings do it."""
        name = f"JupyterLab {theme.title()}"
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        light = "true" if theme == "light" else "false"
        self.page.locator(f"body[data-jp-theme-light='{light}']").wait_for(state="attached")
        # A splash covers the page meanwhile; JupyterLab stumbles if it is to show again before it is gone.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def read(self, expression: str) -> Any:
        """The value of an expression in the kernel, as JSON carries it."""
        asked = {"value": f"__import__('json').dumps({expression}, default=str)"}
        self.kernel.execute("", user_expressions=asked, store_history=False)
        told = self.kernel.get_shell_msg(timeout=30)["content"]["user_expressions"]["value"]
        assert told["status"] == "ok", told
        return json.loads(ast.literal_eval(told["data"]["text/plain"]))

    def do(self, code: str) -> None:
        """Run code in the kernel that shows nothing."""
        self.kernel.execute(code, store_history=False)
        told = self.kernel.get_shell_msg(timeout=60)["content"]
        assert told["status"] == "ok", told

    def strange_scripts(self) -> int:
        """How many scripts are in the page that are not JupyterLab's: it loads its own as they are needed."""
        own = [f"{self.address}/static/", f"{self.address}/lab/extensions/"]
        count = (
            "(own) => [...document.scripts].filter((one) => !own.some((at) => one.src.startsWith(at))).length"
        )
        return int(self.page.evaluate(count, own))

    def saved(self) -> Any:
        """The notebook as it would be saved now; saving itself can ask a question that nobody answers."""
        held = self.page.evaluate("window.jupyterapp.shell.currentWidget.context.model.toJSON()")
        return nbformat.reads(json.dumps(held), as_version=4)

    def open_reader(self, notebook: Any) -> Page:
        """The notebook as somebody reads it who has no kernel for it."""
        # Nor a language that a kernel here has: JupyterLab may take the only kernel of a notebook's language.
        notebook.metadata["kernelspec"] = {"name": "elsewhere", "display_name": "Elsewhere"}
        notebook.metadata["language_info"] = {"name": "elsewhere"}
        nbformat.write(notebook, self.folder / "read.ipynb")
        page = self._browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("request", self._asked)
        page.goto(f"{self.address}/lab/workspaces/reader/tree/read.ipynb?reset")
        page.locator(".jp-Dialog-button", has_text="No Kernel").click()
        return page

    @staticmethod
    def export(notebook: Any) -> str:
        """The page that nbconvert makes of the notebook."""
        from nbconvert import HTMLExporter

        return str(HTMLExporter().from_notebook_node(notebook)[0])

    def close(self) -> None:
        """End what was started."""
        self.kernel.stop_channels()
        self._end()

    def _end(self) -> None:
        os.killpg(self._server.pid, signal.SIGTERM)
        self._server.wait(timeout=20)
        self._reading.join(timeout=20)


def _serve(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A server on a free port of this machine, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, values in _SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": spec}), folder / _NOTEBOOK)
    here = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data", "runtime")}
    here |= {f"JUPYTERLAB_{name.upper()}_DIR": str(folder / name) for name in ("settings", "workspaces")}
    options = (
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        "--ServerApp.root_dir=" + str(folder),
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--no-browser",
        "--allow-root",
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        cwd=folder,
        env={**os.environ, **here, "IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return server, f"http://127.0.0.1:{port}"


def _until(server: subprocess.Popen[str], words: str) -> threading.Thread:
    """Read until a line has these words; the thread that comes back reads the rest, so that no pipe fills."""
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if words in line:
            rest = threading.Thread(target=_read_all, args=(server.stderr,), daemon=True)
            rest.start()
            return rest
    raise AssertionError("JupyterLab did not start:\n" + "".join(said))


def _until_it_listens(server: subprocess.Popen[str], address: str) -> None:
    """Knock until it opens: it says that it is running a moment before that."""
    host, _, port = address.removeprefix("http://").partition(":")
    deadline = time.monotonic() + _PATIENCE_MS / 1_000
    while time.monotonic() < deadline:
        assert server.poll() is None, "JupyterLab ended at once; another process may have taken its port"
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"JupyterLab does not listen at {address}")


def _read_all(lines: IO[str]) -> None:
    with lines:
        for _ in lines:
            pass


def row(widget: Locator, text: str) -> Locator:
    """A list's first row with this text."""
    return widget.locator("[role=row]", has_text=text).first


def about(widget: Locator) -> Locator:
    """What a widget says of itself, beside its title."""
    return widget.locator(".obsnb-about")


def eventually(read: Callable[[], Any], wanted: Any) -> None:
    """Ask until the answer is this one: what is typed is on its way to the kernel."""
    until = time.monotonic() + _PATIENCE_S
    while (found := read()) != wanted and time.monotonic() < until:
        pass
    assert found == wanted, found
