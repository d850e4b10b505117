// The checklist: four phases, each item with a box, who ticked it and when, and what came of it.

function render({ model, el }) {
  const { body, tools, about, ask, hear, stop } = house({ model, el, title: "Checklist" });
  const who = h("input", { type: "text", "aria-label": "Who ticks", placeholder: "your name" });
  tools.append(h("label", {}, "by ", who));
  body.classList.add("obsnb-phases");

  let drawing = false; // a field that is taken away loses the focus, and nobody has entered what is in it
  async function change(question, given) {
    show((await ask(question, given)) || model.get("start"));
  }

  function line(row) {
    const box = h("input", { type: "checkbox", checked: Boolean(row.by) });
    box.addEventListener("change", () => change("tick", { item: row.item, done: box.checked, who: who.value }));
    const note = row.by ? h("input", { type: "text", "aria-label": `What came of it: ${row.item}`, placeholder: "what came of it", value: row.note }) : null;
    let entered = row.note;
    const enter = () => {
      if (drawing || note.value === entered) return;
      entered = note.value;
      change("note", { item: row.item, note: entered });
    };
    // Not at "change", which a browser leaves out where a new view has put what was typed into a new field.
    note?.addEventListener("blur", enter);
    note?.addEventListener("keydown", (event) => {
      if (event.key === "Escape") note.value = entered; // what was typed is taken back
      if (event.key === "Enter") enter();
    });
    return h("li", { "data-item": row.item }, h("label", {}, box, h("span", {}, row.item)), row.by ? h("span", { class: "obsnb-quiet obsnb-by" }, `✓ ${row.by}`) : null, note);
  }

  function show(answer) {
    about.textContent = answer.says;
    if (document.activeElement !== who) who.value = answer.who;
    const at = body.contains(document.activeElement) ? document.activeElement : null;
    const held = at && { item: at.closest("[data-item]").dataset.item, type: at.type, words: at.value, caret: at.selectionStart };
    drawing = true;
    body.replaceChildren(
      ...answer.phases.map(({ phase, items }, place) => {
        const done = items.filter((row) => row.by).length;
        return h("section", { "aria-label": phase }, h("h4", {}, `${place + 1}. ${phase} (${done} of ${items.length})`), h("ul", {}, items.map(line)));
      }),
    );
    drawing = false;
    const row = held && [...body.querySelectorAll("[data-item]")].find((one) => one.dataset.item === held.item);
    const again = row?.querySelector(`input[type=${held.type}]`);
    again?.focus();
    if (!again || held.type !== "text") return;
    again.value = held.words; // a view may come while somebody types
    again.setSelectionRange(held.caret, held.caret);
  }

  hear("changed", (answer) => show(answer));
  show(model.get("start"));
  return stop;
}

export default { render: standing(render) };
