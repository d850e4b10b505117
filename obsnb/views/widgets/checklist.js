// The checklist: four phases, each item with a box, who ticked it and when, and what came of it.

function render({ model, el }) {
  const { body, tools, about, ask, hear, stop } = house({ model, el, title: "Checklist" });
  const who = h("input", { type: "text", "aria-label": "Who ticks", placeholder: "your name" });
  tools.append(h("label", {}, "by ", who));
  body.classList.add("obsnb-phases");

  async function change(question, given) {
    const answer = await ask(question, given);
    show(answer || model.get("start"), given.item, question);
  }

  function line(row) {
    const box = h("input", { type: "checkbox", checked: Boolean(row.by) });
    box.addEventListener("change", () => change("tick", { item: row.item, done: box.checked, who: who.value }));
    const note = row.by ? h("input", { type: "text", "aria-label": `What came of it: ${row.item}`, placeholder: "what came of it", value: row.note }) : null;
    note?.addEventListener("keydown", (event) => {
      if (event.key === "Escape") note.value = row.note; // what was typed is taken back
    });
    note?.addEventListener("change", () => change("note", { item: row.item, note: note.value }));
    return h("li", { "data-item": row.item }, h("label", {}, box, h("span", {}, row.item)), row.by ? h("span", { class: "obsnb-quiet obsnb-by" }, `✓ ${row.by}`) : null, note);
  }

  function show(answer, item, question) {
    about.textContent = answer.says;
    if (document.activeElement !== who) who.value = answer.who;
    const typed = body.contains(document.activeElement) && document.activeElement.type === "text" ? document.activeElement : null;
    const typing = typed && { item: typed.closest("[data-item]").dataset.item, words: typed.value, at: typed.selectionStart };
    body.replaceChildren(
      ...answer.phases.map(({ phase, items }, place) => {
        const done = items.filter((row) => row.by).length;
        return h("section", { "aria-label": phase }, h("h4", {}, `${place + 1}. ${phase} (${done} of ${items.length})`), h("ul", {}, items.map(line)));
      }),
    );
    const rowOf = (name) => [...body.querySelectorAll("[data-item]")].find((one) => one.dataset.item === name);
    rowOf(item)?.querySelector(question === "note" ? "input[type=text]" : "input")?.focus();
    const again = typing && rowOf(typing.item)?.querySelector("input[type=text]");
    if (!again) return;
    again.value = typing.words; // a view came while somebody typed
    again.focus();
    again.setSelectionRange(typing.at, typing.at);
  }

  hear("changed", (answer) => show(answer));
  show(model.get("start"));
  return stop;
}

export default { render: standing(render) };
