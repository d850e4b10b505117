// The log browser: facets at the left, lines at the right, the fields of one line below.

const LEVELS = [
  [/^(fatal|crit|panic|emerg|alert)/, "bad", "‼"],
  [/^err/, "bad", "✖"],
  [/^warn/, "warn", "▲"],
  [/^(info|notice)/, "info", "●"],
  [/^(debug|trace|verbose)/, "quiet", "·"],
];

function levelLook(level) {
  const [, look, mark] = LEVELS.find(([form]) => form.test(level || "")) || [null, "quiet", "?"];
  return { look, mark };
}

function levelCell(level) {
  const { look, mark } = levelLook(level);
  const word = h("span", { class: "obsnb-word" }, ` ${level || "–"}`);
  return h("span", { class: `obsnb-level obsnb-${look}`, title: level }, h("b", { "aria-hidden": "true" }, mark), word);
}

function lineRow(row, jumps) {
  const cells = [
    h("span", { role: "gridcell", class: "obsnb-time" }, row.time),
    h("span", { role: "gridcell" }, levelCell(row.level)),
    h("span", { role: "gridcell", class: "obsnb-quiet", title: row.service }, row.service),
    h("span", { role: "gridcell", class: "obsnb-line", title: row.line }, row.line),
  ];
  const jump = { "data-act": "t", class: "obsnb-jump", title: "Open this line's trace (t)" };
  cells.push(h("span", { role: "gridcell" }, row.trace && jumps ? h("span", jump, h("span", { class: "obsnb-word" }, "trace "), "↗") : ""));
  return cells;
}

function patternRow(row) {
  return [
    h("span", { role: "gridcell", class: "obsnb-number", title: "lines of this pattern" }, counted(row.count)),
    h("span", { role: "gridcell" }, levelCell(row.level)),
    h("span", { role: "gridcell", class: "obsnb-quiet", title: row.service }, row.service),
    h("span", { role: "gridcell", class: "obsnb-line", title: row.line }, row.line),
    h("span", { role: "gridcell", class: "obsnb-time", title: "first and last seen, UTC" }, row.time),
  ];
}

/** A group of check boxes: each value with its count under the other filters. */
function facet(name, values, chosen, changed) {
  const boxes = values.map(({ value, count }) => {
    const tick = h("input", { type: "checkbox", checked: chosen.has(value) });
    tick.addEventListener("change", () => {
      if (tick.checked) chosen.add(value);
      else chosen.delete(value);
      changed();
    });
    const shown = name === "level" ? levelCell(value) : h("span", { class: "obsnb-line", title: value }, value || "–");
    return h("label", {}, tick, shown, h("span", { class: "obsnb-number" }, counted(count)));
  });
  return h("fieldset", {}, h("legend", {}, name), boxes);
}

function render({ model, el }) {
  const start = model.get("start");
  const { root, tools, body, say, ask, hear, about, stop } = house({ model, el, title: "Log lines" });
  const query = { ...start.query };
  const chosen = { level: new Set(query.level), service: new Set(query.service) };
  const head = h("div", { class: "obsnb-head", "aria-hidden": "true" });
  const side = h("div", { class: "obsnb-side" });
  let folded = query.fold;
  const list = new Rows({
    ask,
    head,
    label: "Log lines. Enter shows a line's fields, space selects, t opens its trace.",
    height: start.height,
    rowHeight: 22,
    draw: (row) => (folded ? patternRow(row) : lineRow(row, start.jumps)),
    open,
    press,
    chosen: (answer) => tell(answer),
    choosable: () => !folded,
  });
  const fields = pane("Fields of the line", () => list.box);
  const search = h("input", { type: "search", "aria-label": "Search the lines", placeholder: "Search (/)", value: query.text });
  const wanted = settled(150, () => find({ text: search.value }));
  search.addEventListener("input", wanted);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    list.box.focus();
  });
  const regex = toggle(".*", query.regex, (on) => find({ regex: on }), { title: "Search for a regular expression", "aria-label": "Regular expression" });
  const fold = toggle("Fold into patterns", query.fold, (on) => find({ fold: on, pattern: null }));
  const only = toggle("Selected only", query.only, (on) => find({ only: on }));
  const unfold = h("button", { type: "button", hidden: true, onclick: () => find({ pattern: null, fold: true }) }, "◂ All patterns");
  tools.append(search, regex, fold, only, unfold);
  body.classList.add("obsnb-beside");
  // As wide as the longest name of a service needs, within bounds, so that names are told apart by their ends.
  const longest = Math.max(4, ...start.facets.service.map(({ value }) => (value || "").length));
  root.style.setProperty("--o-name", `${Math.min(220, 12 + Math.ceil(6.7 * longest))}px`);
  root.classList.toggle("obsnb-jumps", start.jumps);
  body.append(side, h("div", { class: "obsnb-main" }, list.element, fields.element));

  async function find(change) {
    Object.assign(query, change, { level: [...chosen.level], service: [...chosen.service] });
    if (query.fold) say("Folding the lines into patterns …");
    const answer = await ask("find", query);
    if (!answer) return;
    if (query.fold) say("");
    apply(answer);
  }

  function apply(answer, options) {
    Object.assign(query, answer.query);
    folded = query.fold;
    chosen.level = new Set(query.level);
    chosen.service = new Set(query.service);
    fold.setAttribute("aria-pressed", String(query.fold));
    only.setAttribute("aria-pressed", String(query.only));
    unfold.hidden = !query.pattern;
    if (document.activeElement !== search) search.value = query.text;
    list.box.classList.toggle("obsnb-folded", folded);
    head.className = `obsnb-head${folded ? " obsnb-folded" : ""}`;
    head.replaceChildren(...(folded ? ["lines", "level", "service", "pattern", "seen (UTC)"] : [start.day ? `${start.day} UTC` : "time (UTC)", "level", "service", "line", ""]).map((name) => h("span", {}, name)));
    const ticked = document.activeElement?.closest("fieldset label")?.textContent;
    side.replaceChildren(...Object.entries(answer.facets).map(([name, values]) => facet(name, values, chosen[name], () => find({}))));
    if (ticked) [...side.querySelectorAll("label")].find((one) => one.textContent === ticked)?.firstChild.focus();
    list.show(answer, options);
    tell(answer);
  }

  function tell(answer) {
    if (answer.says) about.textContent = answer.says;
  }

  async function open(row, at) {
    if (!row) return;
    if (folded) {
      find({ fold: false, pattern: row.pattern });
      return;
    }
    const answer = await ask("details", { at });
    if (!answer) return;
    const jump = answer.trace && start.jumps ? h("button", { type: "button", onclick: () => ask("jump", { at }) }, "Open its trace ↗") : null;
    fields.show(h("pre", { class: "obsnb-whole" }, answer.line), jump, fieldList(answer.fields));
  }

  function press(key, row, at) {
    if (key === "t" && row?.trace && start.jumps) ask("jump", { at });
    else if (key === "/") search.focus();
    else return false;
    return true;
  }

  hear("changed", (answer) => apply(answer, { stay: true, at: answer.at ?? null }));
  apply(start, {});
  return stop;
}

export default { render: standing(render) };
