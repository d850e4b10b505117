// The bricks that every widget is made of; it stands before each widget's own file.
// What a server wrote only ever becomes a text node or the value of an attribute: no markup is parsed here.

const SVG = "http://www.w3.org/2000/svg";

/** An element (`svg:` before a tag of SVG) with attributes, listeners (`onclick`) and children; strings become text. */
function h(tag, attributes = {}, ...children) {
  const made = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  return fill(made, children);
}

/** Appends children, strings as text; what is null is left out. */
function fill(made, children) {
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** A number with thousands separators, as the Python side writes it. */
const counted = (number) => Number(number).toLocaleString("en-US");

/** A widget's frame: heading, tools, body and a line that says what is going on, also to those who hear it. */
function house({ model, el, title, says = "", covers = true }) {
  const line = h("p", { class: "obsnb-status", role: "status", "aria-live": "polite" });
  const heading = h("h3", { class: "obsnb-title" }, title);
  const about = h("p", { class: "obsnb-about" }, says);
  const tools = h("div", { class: "obsnb-tools" });
  const body = h("div", { class: "obsnb-body" });
  const root = h(
    "section",
    { class: "obsnb", "aria-label": title },
    h("header", {}, heading, about),
    tools,
    body,
    line,
  );
  el.replaceChildren(root);
  const say = (text) => {
    if (line.textContent !== text) line.textContent = text;
  };
  const quiet = keepShortcuts(root);
  let covered = () => {};
  const cover = () => (covered = coverStill(model.get("still")));
  if (covers) cover(); // else whoever cannot draw without the kernel covers it once it has drawn
  const kernel = kernelOf(model, say);
  kernel.hear("look", () => root.scrollIntoView({ block: "nearest", behavior: "smooth" }));
  const stop = () => [quiet, covered, kernel.stop].forEach((end) => end());
  return { root, about, tools, body, say, cover, ask: kernel.ask, hear: kernel.hear, stop };
}

/**
 * A widget's render, anew with other columns, with a sentence in its place while there is trouble.
 *
 * A page that finds its kernel again can be told of a widget before its first view is there: it waits for that.
 */
function standing(render) {
  return ({ model, el }) => {
    let end = null;
    let told = null;
    const trouble = (words) => {
      const sentence = h("p", { class: "obsnb-trouble", role: "note" }, words);
      el.replaceChildren(h("section", { class: "obsnb", "aria-label": "Nothing to show" }, sentence));
      return coverStill(model.get("still"));
    };
    const draw = () => {
      const start = model.get("start");
      const now = JSON.stringify([start.trouble, start.columns]);
      if (now === told || !Object.keys(start).length) return;
      told = now;
      end?.();
      end = start.trouble ? trouble(start.trouble) : render({ model, el });
    };
    model.on("change:start", draw);
    draw();
    return () => {
      model.off("change:start", draw);
      end?.();
    };
  };
}

/** Plain keys typed into the widget are its own, and Enter in any form; others with Ctrl or Cmd stay JupyterLab's. */
function keepShortcuts(root) {
  const look = (event) => {
    if (root.contains(event.target))
      root.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey) || event.key === "Enter");
  };
  // The notebook's own arrow keys would take the focus out of a list of choices.
  const hold = (event) => {
    if (/^(Arrow|Page|Home|End)/.test(event.key)) event.stopPropagation();
  };
  addEventListener("keydown", look, true);
  root.addEventListener("keydown", hold);
  return () => removeEventListener("keydown", look, true);
}

/** The static form that stands below the widget for those without a kernel is hidden while the widget lives. */
function coverStill(name) {
  if (!/^obsnb-still-[0-9a-f]+$/.test(name || "")) return () => {};
  const rule = `.${name}, .jp-OutputArea-child:has(.${name}) { display: none !important; }`;
  const sheet = h("style", {}, rule);
  document.head.append(sheet);
  return () => sheet.remove();
}

/**
 * Questions to the kernel: `ask` gives its answer, or null after saying what went wrong.
 * A cell may change the view beside a question: of the views that are heard, an older one is left.
 */
function kernelOf(model, say) {
  const mine = Math.random().toString(36).slice(2);
  const waiting = new Map();
  const listeners = new Map();
  let count = 0;
  let seen = model.get("start").version ?? 0;
  const isOld = ({ version }) => {
    if (version < seen) return true;
    seen = version ?? seen;
    return false;
  };
  const heard = (message, buffers) => {
    if (message.kind !== "answer") return isOld(message) ? undefined : listeners.get(message.kind)?.(message);
    const asked = waiting.get(message.id);
    if (!asked) return undefined;
    waiting.delete(message.id);
    clearTimeout(asked.late);
    const late = !message.trouble && isOld(message.answer);
    if (message.trouble) say(message.trouble);
    else if (asked.said || late) say("");
    if (message.trouble || late) return asked.done(null);
    return asked.done(buffers?.length ? { ...message.answer, buffers } : message.answer);
  };
  model.on("msg:custom", heard);
  const ask = (what, given = {}) =>
    new Promise((done) => {
      const id = `${mine}.${(count += 1)}`;
      const asked = { done, said: false };
      asked.late = setTimeout(() => {
        asked.said = true;
        say("The kernel has not answered yet: what you see is the last view that it gave.");
      }, 1500);
      waiting.set(id, asked);
      model.send({ kind: "ask", id, what, given, seen });
    });
  const stop = () => {
    model.off("msg:custom", heard);
    for (const asked of waiting.values()) clearTimeout(asked.late);
  };
  return { ask, stop, hear: (kind, listener) => listeners.set(kind, listener) };
}

/** A button that stays pressed. */
function toggle(label, pressed, changed, attributes = {}) {
  const made = h("button", { type: "button", "aria-pressed": String(pressed), ...attributes }, label);
  made.addEventListener("click", () => {
    const now = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", String(now));
    changed(now);
  });
  return made;
}

/** Names with what they hold, and what is known of it beside. */
function fieldList(pairs) {
  return h(
    "dl",
    { class: "obsnb-fields" },
    pairs.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

/** Calls only after it was quiet for some time. */
function settled(ms, call) {
  let timer = 0;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...words), ms);
  };
}

/** A pane below a list that shows one thing whole; Escape closes it and gives the focus back. */
function pane(label, back) {
  const inside = h("div", {});
  const shut = h("button", { type: "button", "aria-label": `Close: ${label}`, class: "obsnb-shut" }, "✕");
  const made = h("aside", { class: "obsnb-pane", role: "region", "aria-label": label, tabindex: -1, hidden: true }, shut, inside);
  const close = () => {
    made.hidden = true;
    back()?.focus();
  };
  shut.addEventListener("click", close);
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  const show = (...children) => {
    inside.replaceChildren(...children.flat(Infinity).filter(Boolean));
    made.hidden = false;
    made.focus({ preventScroll: true });
  };
  return { element: made, show, close };
}
