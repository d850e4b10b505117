// A table of any frame: sorted by its headings, searched, rows chosen, one row whole below.

/** Two shares below their words: the selection's solid, the baseline's striped. */
function bars(text, look) {
  const lanes = look.split(":").slice(1).map((share, place) => {
    const lane = h("i", { class: place ? "obsnb-striped" : "obsnb-solid", "aria-hidden": "true" });
    lane.style.width = `${Math.min(1, Number(share)) * 100}%`;
    return lane;
  });
  return h("span", { role: "gridcell", class: "obsnb-bars", title: text }, h("span", {}, text), lanes);
}

function cell(text, column, look) {
  if (look.startsWith("bars:")) return bars(text, look);
  return h("span", { role: "gridcell", class: `obsnb-cell${column.number ? " obsnb-number" : ""}${look ? ` obsnb-${look}` : ""}`, title: column.unit ? `${text} (${column.unit})` : text }, text);
}

function render({ model, el }) {
  const start = model.get("start");
  const { tools, body, ask, hear, about, stop } = house({ model, el, title: start.title });
  const query = { ...start.query };
  const wide = start.columns.map((column) => column.wide).join(" ");
  const heads = start.columns.map((column, place) =>
    h("button", { type: "button", class: `obsnb-sort${column.number ? " obsnb-number" : ""}`, title: `${column.unit ? `${column.unit}. ` : ""}Sort by ${column.title}`, onclick: () => sort(place) }, column.title),
  );
  const head = h("div", { class: "obsnb-head", role: "group", "aria-label": "Sort by" }, heads);
  const act = start.act; // what following a row does, in words; empty where nobody listens
  const list = new Rows({
    ask,
    head,
    label: `${start.title}. Enter shows a row whole, space selects${act ? `, t: ${act}` : ""}.`,
    height: start.height,
    rowHeight: 24,
    draw: (row) => start.columns.map((column, place) => cell(row.cells[place], column, row.looks[place])),
    open,
    press,
    chosen: tell,
  });
  list.element.style.setProperty("--o-columns", wide);
  const least = start.columns.reduce((sum, { wide: own }) => sum + 8 + (Number(own.match(/(\d+)px/)?.[1] ?? 0) || 110), 8);
  list.element.style.setProperty("--o-least", `${least}px`); // narrower, the list scrolls sideways
  const details = pane(`${start.title}: one row`, () => list.box);
  const search = h("input", { type: "search", "aria-label": `Search: ${start.title}`, placeholder: "Search (/)", value: query.text });
  search.addEventListener("input", settled(150, () => find({ text: search.value })));
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    list.box.focus();
  });
  const only = toggle("Selected only", query.only, (on) => find({ only: on }));
  tools.append(search, only);
  if (start.again) tools.append(h("button", { type: "button", onclick: again }, "Ask again"));
  body.append(list.element, details.element);

  const sort = (place) => find({ sort: place, down: query.sort === place ? !query.down : start.columns[place].number });

  async function find(change) {
    Object.assign(query, change);
    const answer = await ask("find", query);
    if (answer) apply(answer);
  }

  async function again(event) {
    event.target.disabled = true;
    const answer = await ask("again");
    event.target.disabled = false;
    if (answer) apply(answer);
  }

  function apply(answer, options) {
    Object.assign(query, answer.query);
    only.setAttribute("aria-pressed", String(query.only));
    heads.forEach((one, place) => {
      const sorted = query.sort === place;
      one.textContent = start.columns[place].title + (sorted ? (query.down ? " ▼" : " ▲") : "");
      one.setAttribute("aria-label", `${start.columns[place].title}${sorted ? `, sorted ${query.down ? "downwards" : "upwards"}` : ""}`);
    });
    list.show(answer, options);
    tell(answer);
  }

  function tell(answer) {
    if (answer.says) about.textContent = answer.says;
  }

  async function open(row, at) {
    if (!row) return;
    const answer = await ask("details", { at });
    if (!answer) return;
    const go = act ? h("button", { type: "button", onclick: () => ask("follow", { at }) }, `${act} ↗`) : null;
    details.show(answer.whole ? h("pre", { class: "obsnb-whole" }, answer.whole) : null, go, fieldList(answer.fields));
  }

  function press(key, row, at) {
    if (key === "t" && act && row) ask("follow", { at });
    else if (key === "/") search.focus();
    else return false;
    return true;
  }

  hear("changed", (answer) => apply(answer, { stay: true, at: answer.at ?? null }));
  apply(start, {});
  return stop;
}

export default { render: standing(render) };
