// A chart: plotly.js draws the figure, a brush or a click on it chooses rows in the kernel.

const MOST_POINTS = 5000; // of one brush

/** plotly.js as the kernel's Python package has it: the page's own where it is the same, else fetched, once a page. */
function library(version, ask) {
  const shelf = (globalThis[Symbol.for("obsnb.plotly")] ??= new Map());
  if (!shelf.has(version)) {
    const coming = globalThis.Plotly?.version === version ? Promise.resolve(globalThis.Plotly) : fetched(ask);
    shelf.set(version, coming);
    coming.catch(() => shelf.delete(version));
  }
  return shelf.get(version);
}

async function fetched(ask) {
  const answer = await ask("library");
  if (!answer) throw new Error("The kernel did not give plotly.js.");
  const unpacked = new Blob(answer.buffers).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = await new Response(unpacked).text();
  // As a module of its own its wrapper finds CommonJS, whatever loader the page has.
  const parts = ["const module = { exports: {} };\n", code, "\nexport default module.exports;\n"];
  const url = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  try {
    return (await import(/* webpackIgnore: true */ url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Whether the page is dark, as the style sheet of the widgets sees it. */
function isDark() {
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  if (document.body.matches(".vscode-dark, .vscode-light")) return document.body.matches(".vscode-dark");
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function render({ model, el }) {
  let at = model.get("start");
  const { root, body, about, say, cover, ask, hear, stop } = house({ model, el, title: at.title, covers: false });
  root.classList.add("obsnb-chart");
  const plot = h("div", { class: "obsnb-figure", hidden: true, role: "group", "aria-label": `${at.title}: drawing` });
  const how = at.dated ? "Drag over the drawing to choose a window" : "Drag over the drawing to choose points";
  const key = h("span", { class: "obsnb-quiet" }, `${how}; click a point or a bar; shift adds.`);
  const hint = "Enter applies. Arrow up and down, page up and down move it.";
  const typed = ["From (UTC)", "To (UTC)"].map((name) =>
    h("input", { type: "text", "aria-label": name, "aria-description": hint, title: hint, spellcheck: "false" }),
  );
  const named = h("select", { "aria-label": "Choose a point", hidden: true });
  const clear = h("button", { type: "button", onclick: () => send("clear") }, "Choose nothing");
  const ends = at.dated ? [h("label", {}, "from", typed[0]), h("label", {}, "to", typed[1])] : [];
  body.append(plot, h("div", { class: "obsnb-tools" }, ends, named, clear, key));
  let Plotly = null;
  let figure = null;
  let shift = false;
  let pressed = false;
  let gone = false;

  function take(answer) {
    at = answer;
    about.textContent = at.says;
    typed[0].value = at.from;
    typed[1].value = at.to;
    clear.disabled = !at.any;
    draw();
  }

  async function send(what, given = {}) {
    const answer = await ask(what, given);
    if (answer) say("");
    if (answer || what !== "type") take(answer || model.get("start")); // a time that is no time stays, to be mended
  }

  /** The figure with what is chosen marked: a frame around a window, all other points pale. */
  function dressed() {
    const style = getComputedStyle(root);
    const colour = style.getPropertyValue("--o-strong").trim();
    const shapes = [...(figure.layout.shapes || [])];
    if (at.range) {
      const line = { color: colour, width: 2, dash: "dash" };
      const [y0, y1] = at.rows || [0, 1];
      const place = { x0: at.range[0], x1: at.range[1], y0, y1, yref: at.rows ? "y" : "paper" };
      shapes.push({ type: "rect", name: "brush", ...place, line, fillcolor: colour, opacity: 0.18 });
    }
    const any = Object.keys(at.points).length > 0;
    const data = figure.data.map((trace, curve) => ({
      ...trace,
      selectedpoints: any && trace.customdata ? at.points[curve] || [] : undefined,
    }));
    const layout = {
      ...figure.layout,
      shapes,
      width: undefined,
      autosize: true,
      dragmode: "select",
      selectdirection: at.dated && !at.both_ways ? "h" : "any",
      selections: [],
      selectionrevision: Math.random(),
      newselection: { line: { color: colour, width: 2 } },
    };
    return [data, layout];
  }

  async function draw() {
    if (!figure || gone) return;
    plot.style.height = `${figure.layout.height}px`; // plotly takes its own away when the page changes its width
    const config = { responsive: true, displaylogo: false, modeBarButtonsToAdd: ["select2d", "lasso2d"] };
    await Plotly.react(plot, ...dressed(), config);
  }

  function listen() {
    plot.on("plotly_selected", (event) => {
      if (!event || !pressed) return; // drawing anew says so too
      pressed = false;
      const points = event.points.slice(0, MOST_POINTS).map((one) => [one.curveNumber, one.pointNumber]);
      const { x, y } = event.range || {};
      send("brush", { x: x ?? null, y: y ?? null, points, add: shift });
    });
    plot.on("plotly_click", (event) => {
      // Of what lies under the pointer, what can be told by an id goes before an interval.
      const one = event.points.find((point) => point.customdata) || event.points[0];
      if (one) send("click", { curve: one.curveNumber, place: one.pointNumber, add: event.event?.shiftKey || false });
    });
    plot.on("plotly_deselect", () => send("clear"));
  }

  async function open() {
    try {
      const [loaded, answer] = await Promise.all([library(at.library, ask), ask("figure", { dark: isDark() })]);
      if (!answer || gone) return;
      Plotly = loaded;
      figure = answer;
      plot.hidden = false;
    } catch (error) {
      say(`The chart cannot be drawn here: ${error.message} Below stands its static form.`);
      return;
    }
    await draw();
    if (gone) return;
    cover();
    listen();
    dress(); // the page may have changed its colours meanwhile
    const most = figure.choices.length;
    named.hidden = !most;
    named.replaceChildren(
      h("option", { value: "" }, `${counted(most)} point${most === 1 ? "" : "s"}: choose one …`),
      ...figure.choices.map(([curve, place, words]) => h("option", { value: `${curve}.${place}` }, words)),
    );
    plot.dataset.drawn = "";
  }

  async function recolour() {
    const wanted = isDark();
    const answer = await ask("figure", { dark: wanted });
    if (!answer || wanted !== isDark()) return; // the page has changed again, and asks for itself
    figure = answer;
    draw();
  }

  const press = (event) => {
    pressed = true;
    shift = event.shiftKey;
  };
  plot.addEventListener("pointerdown", press, true);
  named.addEventListener("change", () => {
    const [curve, place] = named.value.split(".").map(Number);
    if (named.value) send("click", { curve, place });
  });
  const later = settled(200, () => send("type", { from: typed[0].value, to: typed[1].value }));
  typed.forEach((field) =>
    field.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      const now = Date.parse(field.value);
      if (step && Number.isFinite(now)) {
        field.value = new Date(now + step * at.step_ms).toISOString();
        event.preventDefault();
        later();
      } else if (event.key === "Enter") send("type", { from: typed[0].value, to: typed[1].value });
    }),
  );
  let dark = isDark();
  const dress = () => {
    if (dark === isDark() || !figure) return;
    dark = isDark();
    recolour();
  };
  const look = new MutationObserver(dress);
  look.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", dress);
  hear("changed", take);
  take(at);
  open();
  return () => {
    gone = true;
    look.disconnect();
    media.removeEventListener("change", dress);
    if (figure) Plotly.purge(plot);
    stop();
  };
}

export default { render: standing(render) };
