// The trace waterfall: names in a tree at the left, bars on a time axis at the right, one span's details below.

function spanRow(row) {
  const name = h("span", { role: "gridcell", class: "obsnb-line obsnb-span" });
  name.style.paddingLeft = `${Math.min(row.depth, 16) * 12}px`;
  const sign = row.below ? (row.open ? "▾" : "▸") : "";
  fill(name, [
    h("span", { class: "obsnb-twist", "data-act": row.below ? "twist" : null, title: row.below ? `${counted(row.below)} spans below` : null, "aria-hidden": "true" }, sign),
    h("b", { class: "obsnb-mark", title: row.waits.length ? "on the critical path" : null }, row.waits.length ? "◆" : ""),
    row.service ? h("span", { class: "obsnb-quiet" }, `${row.service} `) : null,
    h("span", { class: row.hit ? "obsnb-hit" : "" }, row.name),
    row.open || !row.below ? null : h("span", { class: "obsnb-quiet" }, ` (+${counted(row.below)})`),
  ]);
  const lane = h("span", { role: "gridcell", class: "obsnb-lane", title: row.says });
  const bar = h("span", { class: `obsnb-bar obsnb-c${row.slot}${row.waits.length ? "" : " obsnb-off"}${row.failed ? " obsnb-fail" : ""}` });
  bar.style.left = `${row.at * 100}%`;
  bar.style.width = `max(2px, ${row.long * 100}%)`;
  const waits = row.waits.map(([at, long]) => {
    const one = h("span", { class: "obsnb-wait" });
    one.style.left = `${at * 100}%`;
    one.style.width = `max(1px, ${long * 100}%)`;
    return one;
  });
  lane.append(bar, ...waits);
  const took = [h("span", {}, row.took), row.failed ? h("b", { class: "obsnb-bad" }, " ✖ error") : null];
  return [
    name,
    h("span", { role: "gridcell", class: "obsnb-number", title: "how long it took" }, took),
    h("span", { role: "gridcell", class: "obsnb-number", title: "self time: while none of its children ran" }, row.own),
    lane,
  ];
}

function axis(ticks) {
  const lane = h("span", { class: "obsnb-lane" });
  for (const tick of ticks) {
    const one = h("span", { class: tick.at > 0.8 ? "obsnb-tick obsnb-last" : "obsnb-tick" }, tick.says);
    one.style.left = `${tick.at * 100}%`;
    lane.append(one);
  }
  const number = (name, title) => h("span", { class: "obsnb-number", title }, name);
  return [h("span", {}, "span"), number("took"), number("self"), lane];
}

function render({ model, el }) {
  const start = model.get("start");
  const { tools, body, ask, hear, about, stop } = house({ model, el, title: "Trace" });
  const query = { ...start.query };
  const head = h("div", { class: "obsnb-head", "aria-hidden": "true" });
  const list = new Rows({
    ask,
    head,
    label: "Spans. Left and right fold and unfold, Enter shows details, space selects.",
    height: start.height,
    rowHeight: 24,
    draw: spanRow,
    open,
    press,
    chosen: tell,
  });
  list.element.classList.add("obsnb-waterfall");
  const details = pane("Details of the span", () => list.box);
  const search = h("input", { type: "search", "aria-label": "Search the spans by name or service", placeholder: "Search (/)" });
  search.addEventListener("input", settled(150, () => find({ text: search.value })));
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    list.box.focus();
  });
  const path = toggle("◆ Critical path only", query.path, (on) => find({ path: on }));
  const failed = toggle("✖ Failed only", query.failed, (on) => find({ failed: on }));
  const foldAll = async (fold) => {
    const answer = await ask("fold_all", { fold });
    if (answer) apply(answer);
  };
  const legend = h("span", { class: "obsnb-legend", "aria-label": "Services" });
  tools.append(
    search,
    path,
    failed,
    h("button", { type: "button", onclick: () => foldAll(true) }, "Fold all"),
    h("button", { type: "button", onclick: () => foldAll(false) }, "Unfold all"),
  );
  body.append(legend, list.element, details.element);

  async function find(change) {
    Object.assign(query, change);
    const answer = await ask("find", query);
    if (answer) apply(answer);
  }

  function apply(answer, options) {
    Object.assign(query, answer.query);
    if (document.activeElement !== search) search.value = query.text;
    path.setAttribute("aria-pressed", String(query.path));
    failed.setAttribute("aria-pressed", String(query.failed));
    head.replaceChildren(...axis(answer.ticks));
    legend.replaceChildren(
      ...answer.services.map(({ name, slot }) => h("span", {}, h("i", { class: `obsnb-c${slot}`, "aria-hidden": "true" }), name)),
      answer.further ? h("span", { class: "obsnb-quiet" }, `and ${counted(answer.further)} further services`) : "",
      h("span", {}, h("i", { class: "obsnb-wait", "aria-hidden": "true" }), "◆ critical path: what the request waited for"),
    );
    list.show(answer, options);
    tell(answer);
  }

  function tell(answer) {
    if (answer.says) about.textContent = answer.says;
  }

  async function fold(at, wanted) {
    const answer = await ask("fold", { at, fold: wanted });
    if (answer) list.show(answer, { stay: true });
  }

  async function open(row, at) {
    if (!row) return;
    const answer = await ask("details", { at });
    if (!answer) return;
    const part = (title, ...children) => (children.flat().length ? [h("h4", {}, title), ...children] : []);
    const lines = answer.lines.map((one) => h("div", { class: "obsnb-whole" }, one.join("  ")));
    details.show(
      fieldList(answer.fields),
      answer.attributes.length ? part("Attributes", fieldList(answer.attributes)) : [],
      answer.events.length ? part("Events (UTC)", fieldList(answer.events)) : [],
      part("Links", answer.links.map((one) => h("div", {}, one))),
      part("Log lines (UTC)", lines),
    );
  }

  function press(key, row, at) {
    if (key === "ArrowLeft" && row?.below && row.open) fold(at, true);
    else if (key === "ArrowRight" && row?.below && !row.open) fold(at, false);
    else if (key === "ArrowLeft" && row) {
      let above = at - 1;
      while (above > 0 && (list.cache.get(above)?.depth ?? 0) >= row.depth) above -= 1;
      list.move(above, false);
    } else if (key === "twist") fold(at, row.open);
    else if (key === "/") search.focus();
    else return false;
    return true;
  }

  hear("changed", (answer) => apply(answer, { at: answer.at ?? null }));
  apply(start, {});
  return stop;
}

export default { render: standing(render) };
