// The timeline editor: a list whose rows are starred, reworded, moved, added and removed.

function render({ model, el }) {
  const { body, about, ask, hear, say, stop } = house({ model, el, title: "Timeline" });
  const list = h("ol", { class: "obsnb-timeline", "aria-label": "Timeline. In a row: s stars, Enter rewords, Alt with up or down moves." });
  const time = h("input", { type: "text", "aria-label": "When (UTC), such as 2026-11-23T18:31Z", placeholder: "when, 2026-11-23T18:31Z", size: 24 });
  const what = h("input", { type: "text", "aria-label": "What happened", placeholder: "What happened" });
  const service = h("input", { type: "text", "aria-label": "Service", placeholder: "service", size: 14 });
  const add = h("form", { class: "obsnb-tools obsnb-add" }, time, what, service, h("button", { type: "submit" }, "Add"));
  add.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await ask("add", { time: time.value, title: what.value, service: service.value });
    if (!answer) return;
    what.value = "";
    say("");
    show(answer, answer.at, "row");
  });
  body.append(list, add);

  let typing = null; // new words that nobody has entered yet, and of which row
  const nameOf = (row) => JSON.stringify([row.time, row.kind, row.service, row.title]);
  let busy = false; // places are those of the rows that are seen: one change at a time
  async function change(question, given, part) {
    if (busy) return;
    busy = true;
    const answer = await ask(question, given);
    busy = false;
    if (answer) show(answer, answer.at ?? given.at, part);
  }

  function line(row, at) {
    const button = (name, sign, act, more = {}) => h("button", { type: "button", "aria-label": `${name}: ${row.title}`, title: name, "data-part": act, ...more, onclick: () => acts[act]() }, sign);
    const words = h("span", { class: "obsnb-words", title: row.was ? `before: ${row.was}` : null }, row.title, row.was ? h("i", { class: "obsnb-quiet" }, " (reworded)") : null);
    const acts = {
      star: (part = "star") => change("star", { at }, part),
      up: () => change("move", { at, down: false }, "row"),
      down: () => change("move", { at, down: true }, "row"),
      remove: () => change("remove", { at }, "row"),
      reword: () => reword(),
    };
    const made = h(
      "li",
      { tabindex: at === 0 ? 0 : -1, "data-part": "row", class: row.star ? "obsnb-starred" : "" },
      button(row.star ? "Take the star" : "Star", row.star ? "★" : "☆", "star", { "aria-pressed": String(row.star), class: "obsnb-star" }),
      h("span", { class: "obsnb-time" }, row.time),
      h("span", { class: "obsnb-kind" }, row.kind),
      h("span", { class: "obsnb-quiet" }, row.service),
      words,
      h("span", { class: "obsnb-acts" }, button("Reword", "✎", "reword"), button("Move up", "↑", "up"), button("Move down", "↓", "down"), row.added ? button("Remove", "✕", "remove") : null),
    );
    async function reword() {
      const whole = await ask("words", { at });
      if (whole) edit(whole.title);
    }
    function edit(title, caret = title.length) {
      const field = h("input", { type: "text", "aria-label": "New words", value: title });
      words.replaceChildren(field);
      field.focus();
      field.setSelectionRange(caret, caret);
      typing = { row: nameOf(row), field };
      field.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "Enter") {
          typing = null;
          change("reword", { at, title: field.value }, "row");
        }
        if (event.key === "Escape") {
          typing = null;
          words.replaceChildren(row.title);
          made.focus();
        }
      });
    }
    made.edit = edit;
    made.addEventListener("keydown", (event) => {
      if (event.target !== made) return;
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step && event.altKey) acts[step < 0 ? "up" : "down"]();
      else if (step) focus(at + step, "row");
      else if (event.key === "s") acts.star("row");
      else if (event.key === "Enter") reword();
      else if (event.key === "Delete" && row.added) acts.remove();
      else return;
      event.preventDefault();
    });
    return made;
  }

  function focus(at, part) {
    const row = list.children[Math.max(0, Math.min(at, list.children.length - 1))];
    const found = part === "row" ? row : row?.querySelector(`[data-part=${part}]`);
    found?.focus();
  }

  function show(answer, at, part) {
    about.textContent = answer.says + (answer.left_out ? `; ${counted(answer.left_out)} further rows are not shown` : "");
    list.replaceChildren(...answer.rows.map(line));
    if (!answer.rows.length) list.append(h("li", {}, "Nothing happened yet: add a row below."));
    if (part) focus(at, part);
    const { row, field } = typing ?? {};
    typing = null;
    const again = field ? answer.rows.findIndex((one) => nameOf(one) === row) : -1;
    if (again >= 0) list.children[again].edit(field.value, field.selectionStart); // wherever it stands now
    else if (field) say(`The row that was being reworded is not there any more. It was to say: ${field.value}`);
  }

  hear("changed", (answer) => show(answer));
  show(model.get("start"));
  return stop;
}

export default { render: standing(render) };
