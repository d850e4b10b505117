// A list of any length, of which only what is in sight is drawn: it stands behind house.js in each widget.

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
    this.held = null; // the press of a button that is down on a row, or whose click is on its way
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
    this.layer.addEventListener("pointerdown", (event) => event.button === 0 && this.hold());
  }

  /** Keeps the rows as they are while a button is down on one: of a row drawn anew there comes no click. */
  hold() {
    const press = {};
    this.held = press;
    const release = () => {
      for (const end of ["pointerup", "pointercancel"]) window.removeEventListener(end, release, true);
      setTimeout(() => {
        if (this.held !== press) return; // the next press of a double click has come before
        this.held = null;
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
