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

const PAGE = 50; // rows that are asked for together
const AROUND = 25; // rows before and after the visible ones that are fetched too
const TALLEST = 8_000_000; // browsers draw no box much taller than this: past it, the scroll bar is a share
const KEPT = 5_000; // rows that are remembered

/** Any number of rows of one height, of which only those in sight are drawn, fetched from the kernel by page. */
class Rows {
  constructor({ ask, label, height, rowHeight, draw, open, press, chosen, head, choosable = () => true }) {
    Object.assign(this, { ask, head, height, rowHeight, drawRow: draw, open, press, chosen, choosable });
    this.total = 0;
    this.version = -1;
    this.top = 0;
    this.cursor = 0;
    this.anchor = 0;
    this.cache = new Map();
    this.asking = null; // the version of which a page was asked for
    this.id = `obsnb-${Math.random().toString(36).slice(2)}`;
    this.layer = h("div", { class: "obsnb-layer", role: "rowgroup" });
    this.spacer = h("div", { class: "obsnb-spacer", role: "presentation" });
    this.box = h(
      "div",
      { class: "obsnb-rows", tabindex: 0, role: "grid", "aria-label": label, "aria-multiselectable": "true" },
      this.layer,
      this.spacer,
    );
    this.box.style.height = `${height}px`;
    this.element = h("div", { class: "obsnb-list" }, head ?? null, this.box);
    this.box.addEventListener("scroll", () => this.scrolled());
    this.box.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.box.addEventListener("click", (event) => this.clicked(event));
    this.layer.addEventListener("pointerdown", () => this.hold());
  }

  /** Keeps the rows as they are while a button is down on one: of a row drawn anew there comes no click. */
  hold() {
    this.held = true;
    const release = () => {
      for (const end of ["pointerup", "pointercancel"]) window.removeEventListener(end, release, true);
      setTimeout(() => {
        this.held = false;
        this.draw();
      });
    };
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, release, true);
  }

  /** Shows what the kernel said there is; from the top, unless told to stay. */
  show({ total, version, start = 0, rows = [] }, { stay = false, at = null } = {}) {
    this.version = version;
    this.total = total;
    this.cache.clear();
    this.keep(start, rows);
    this.spacer.style.height = `${Math.min(total * this.rowHeight, TALLEST)}px`;
    this.box.style.height = `${Math.max(Math.min(this.height, total * this.rowHeight), 2 * this.rowHeight)}px`;
    if (this.head) this.head.style.paddingRight = `${8 + this.box.offsetWidth - this.box.clientWidth}px`;
    this.box.setAttribute("aria-rowcount", total);
    this.cursor = Math.max(0, Math.min(at ?? (stay ? this.cursor : 0), total - 1));
    if (at !== null) this.goTo(at - Math.floor(this.inSight() / 3));
    else this.goTo(stay ? this.top : 0);
  }

  keep(start, rows) {
    if (this.cache.size > KEPT) this.cache.clear();
    rows.forEach((row, place) => this.cache.set(start + place, row));
  }

  inSight() {
    return (this.box.clientHeight || this.height) / this.rowHeight;
  }

  lastTop() {
    return Math.max(0, this.total - this.inSight());
  }

  scrolled() {
    if (this.moved === this.box.scrollTop) return;
    this.moved = null;
    const most = this.box.scrollHeight - this.box.clientHeight;
    this.top = most > 0 ? (this.box.scrollTop / most) * this.lastTop() : 0;
    this.draw();
  }

  wheeled(event) {
    if (this.total * this.rowHeight <= TALLEST || event.ctrlKey || !event.deltaY) return;
    const step = event.deltaMode === 1 ? event.deltaY : event.deltaY / this.rowHeight;
    const next = Math.max(0, Math.min(this.top + step, this.lastTop()));
    if (next === this.top) return;
    event.preventDefault();
    this.goTo(next);
  }

  goTo(top) {
    this.top = Math.max(0, Math.min(top, this.lastTop()));
    const most = this.box.scrollHeight - this.box.clientHeight;
    this.box.scrollTop = this.lastTop() > 0 ? (this.top / this.lastTop()) * most : 0;
    this.moved = this.box.scrollTop;
    this.draw();
  }

  draw() {
    if (this.held) return;
    const first = Math.floor(this.top);
    const last = Math.min(first + Math.ceil(this.inSight()) + 1, this.total);
    const drawn = [];
    for (let at = first; at < last; at += 1) drawn.push(this.row(at));
    this.layer.replaceChildren(...drawn);
    if (this.total) this.box.setAttribute("aria-activedescendant", `${this.id}-${this.cursor}`);
    else this.box.removeAttribute("aria-activedescendant");
    this.fetch(first, last);
  }

  row(at) {
    const row = this.cache.get(at);
    const made = h(
      "div",
      {
        role: "row",
        id: `${this.id}-${at}`,
        "data-at": at,
        "aria-rowindex": at + 1,
        "aria-selected": String(Boolean(row?.on)),
        "aria-busy": row ? null : "true",
        class: `obsnb-row${at === this.cursor ? " obsnb-here" : ""}`,
      },
      row ? this.drawRow(row, at) : h("span", { role: "gridcell" }, "…"),
    );
    made.style.height = `${this.rowHeight}px`;
    made.style.transform = `translateY(${(at - this.top) * this.rowHeight}px)`;
    return made;
  }

  /** Asks for the pages that hold what is in sight or near it, of one view one question at a time. */
  async fetch(first, last) {
    const { version } = this;
    if (this.asking === version || !this.total) return;
    const from = Math.max(0, first - AROUND);
    const to = Math.min(this.total, last + AROUND);
    let missing = -1;
    for (let at = from; at < to && missing < 0; at += 1) if (!this.cache.has(at)) missing = at;
    if (missing < 0) return;
    this.asking = version;
    const start = Math.floor(missing / PAGE) * PAGE;
    const stop = Math.max(start + PAGE, Math.ceil(to / PAGE) * PAGE);
    const answer = await this.ask("rows", { start, stop });
    if (this.asking === version) this.asking = null;
    if (!answer || !this.box.isConnected) return;
    if (answer.version === this.version) this.keep(answer.start, answer.rows);
    else this.show(answer, { stay: true });
    this.draw();
  }

  /** The rows in sight, asked anew: something about them changed. */
  async reload() {
    const start = Math.max(0, Math.floor(this.top) - AROUND);
    const answer = await this.ask("rows", { start, stop: start + 3 * PAGE });
    if (answer) this.show(answer, { stay: true });
  }

  async select(from, to, how) {
    if (!this.choosable()) return;
    const answer = await this.ask("select", { start: Math.min(from, to), stop: Math.max(from, to) + 1, how });
    if (!answer) return;
    this.chosen?.(answer);
    await this.reload();
  }

  clicked(event) {
    const row = event.target.closest("[role=row]");
    if (!row) return;
    const at = Number(row.dataset.at);
    this.cursor = at;
    const act = event.target.closest("[data-act]");
    if (act) {
      this.draw();
      this.press?.(act.dataset.act, this.cache.get(at), at);
      return;
    }
    if (event.detail === 2) this.open?.(this.cache.get(at), at);
    else if (event.shiftKey) this.select(this.anchor, at, "only");
    else {
      this.anchor = at;
      this.select(at, at, event.ctrlKey || event.metaKey ? "toggle" : "only");
    }
    this.draw();
  }

  move(to, extend) {
    this.cursor = Math.max(0, Math.min(to, this.total - 1));
    const whole = Math.floor(this.inSight());
    if (this.cursor < this.top) this.goTo(this.cursor);
    else if (this.cursor >= this.top + whole) this.goTo(this.cursor - whole + 1);
    else this.draw();
    if (extend) this.select(this.anchor, this.cursor, "only");
    else this.anchor = this.cursor;
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.total) return;
    const page = Math.max(1, Math.floor(this.inSight()) - 1);
    const far = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    if (event.key in far) this.move(this.cursor + far[event.key], event.shiftKey);
    else if (event.key === " ") this.select(this.cursor, this.cursor, "toggle");
    else if (event.key === "Enter") this.open?.(this.cache.get(this.cursor), this.cursor);
    else if (event.key === "Escape") this.select(0, 0, "none");
    else if (!this.press?.(event.key, this.cache.get(this.cursor), this.cursor)) return;
    event.preventDefault();
    event.stopPropagation();
  }
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
