"""What somebody waits for who looks at widgets in a JupyterLab, by the clock of the browser."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.benchmarks.measuring import Row
from tests.browser.lab import Lab
from tests.requirements import require

_TIMES = 5
_STEPS = 30
_FRAMES = """
import obsnb, polars as pl
from tests.views.widgets.made_up import lines, trace
million = lines([f"request {at} took {at % 997} ms for user-{at % 4001}" for at in range(1_000_000)],
                levels=["info", "info", "info", "warning", "error"])
spans = trace([None, *(at // 3 for at in range(9_999))])
"""
# A widget that only says a message back: what Jupyter's way to the kernel takes by itself.
_ECHO = """
import anywidget
class Echo(anywidget.AnyWidget):
    _esm = "export default { render: ({ model, el }) => { el.className = 'echo'; el.model = model; } }"
    def __init__(self):
        super().__init__()
        self.on_msg(lambda _, content, buffers: self.send(content))
Echo()
"""
_PING = """async (times) => {
    while (!document.querySelector(".echo")) await new Promise(requestAnimationFrame);
    const { model } = document.querySelector(".echo");
    const took = [];
    for (let time = 0; time < times; time += 1) {
        const began = performance.now();
        await new Promise((done) => {
            const heard = () => (model.off("msg:custom", heard), done());
            model.on("msg:custom", heard);
            model.send({});
        });
        took.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    return took;
}"""
# From the moment the cell is run to the frame that shows rows with text in them, as the page's clock has it.
_PAINT = """async (code) => {
    const { commands, shell } = window.jupyterapp;
    await commands.execute("notebook:insert-cell-below");
    const cell = shell.currentWidget.content.activeCell;
    cell.model.sharedModel.setSource(code);
    const began = performance.now();
    commands.execute("notebook:run-cell");
    const frame = () => new Promise(requestAnimationFrame);
    while (!cell.node.querySelector(".obsnb [role=row]:not([aria-busy])")) await frame();
    await frame();
    return performance.now() - began;
}"""
# From a jump of the scroll bar, or a turn of the wheel, to the frame in which all rows in sight have text.
_SCROLL = """async ([far, steps]) => {
    const rows = [...document.querySelectorAll(".obsnb-rows")].at(-1);
    const frame = () => new Promise(requestAnimationFrame);
    const took = [];
    for (let step = 0; step < steps; step += 1) {
        await frame();
        const began = performance.now();
        if (far) rows.scrollTop = (rows.scrollHeight - rows.clientHeight) * ((step * 0.381966 + 0.1) % 1);
        else rows.dispatchEvent(new WheelEvent("wheel", { deltaY: rows.clientHeight, cancelable: true }));
        await frame();
        while (rows.querySelector("[aria-busy]")) await frame();
        took.push(performance.now() - began);
    }
    return took;
}"""


def widgets() -> list[Row]:
    """First paint, scroll step and waterfall; the kernel is up and holds the frames."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=flags)
        lab = Lab(browser, Path(folder))
        try:
            lab.run(_FRAMES)
            fall = [lab.page.evaluate(_PAINT, "obsnb.widgets.TraceWaterfall(spans)") for _ in range(_TIMES)]
            paint = [lab.page.evaluate(_PAINT, "obsnb.widgets.LogBrowser(million)") for _ in range(_TIMES)]
            lab.run(_ECHO)
            ping = lab.page.evaluate(_PING, _STEPS)
            far = lab.page.evaluate(_SCROLL, [True, _STEPS])
            near = lab.page.evaluate(_SCROLL, [False, _STEPS])
        finally:
            lab.close()
            browser.close()
    return [
        _row("a million lines, from running the cell to rows", paint, "1 s", 1_000),
        _row("a million lines, a jump of the scroll bar to rows never seen", far, "50 ms", 50),
        Row("an empty message to the kernel and back, which such a jump waits for", *_spread(ping), ""),
        _row("a million lines, a page by the wheel", near, "50 ms", 50),
        _row("ten thousand spans, from running the cell to bars", fall, "1 s", 1_000),
    ]


def _row(what: str, ms: list[float], target: str, most_ms: float) -> Row:
    return Row(what, *_spread(ms), "", f"median under {target}", statistics.median(ms) < most_ms)


def _spread(ms: list[float]) -> tuple[str, str]:
    """The median, and of how many and how far from the worst it is."""
    return f"{statistics.median(ms):.0f} ms", f"median of {len(ms)}, worst {max(ms):.0f} ms"
