// The query box: what to ask, what it would cost, the answer's first rows with the verdict, and the history.

/** In which language each is asked, and how a query in it looks. */
const LANGUAGES = {
  logs: ["LogQL", '{namespace="prod"} |= "error"'],
  metrics: ["PromQL", "sum by (service) (rate(http_requests_total[1m]))"],
  spans: ["TraceQL", "{ status = error }"],
};

function render({ model, el }) {
  const start = model.get("start");
  const { body, about, ask, say, hear, stop } = house({ model, el, title: "Query" });
  const verb = h("select", { "aria-label": "What to ask for" }, start.verbs.map((one) => h("option", { value: one }, `${one} (${LANGUAGES[one][0]})`)));
  const text = h("textarea", { "aria-label": "Query. Ctrl and Enter asks it.", rows: 2, spellcheck: "false" });
  const example = () => text.setAttribute("placeholder", `${LANGUAGES[verb.value][0]}, such as ${LANGUAGES[verb.value][1]}`);
  verb.addEventListener("change", example);
  example();
  const run = h("button", { type: "button", onclick: () => send("run") }, "Ask");
  const cost = h("button", { type: "button", onclick: () => send("estimate") }, "What would it cost?");
  const told = h("div", { class: "obsnb-told", role: "region", "aria-label": "Answer", tabindex: 0 });
  const past = h("select", { "aria-label": "History" });
  past.addEventListener("change", () => {
    const one = model.get("start").history[past.selectedIndex - 1];
    if (!one) return;
    verb.value = one.verb;
    example();
    text.value = one.text;
    past.selectedIndex = 0;
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    send("run");
  });
  body.append(h("div", { class: "obsnb-ask" }, verb, text), h("div", { class: "obsnb-tools" }, run, cost, past), told);

  async function send(question) {
    run.disabled = cost.disabled = true;
    say(question === "run" ? "Asking …" : "Estimating …");
    const answer = await ask(question, { verb: verb.value, text: text.value });
    run.disabled = cost.disabled = false;
    if (!answer) return;
    say("");
    if (question === "run") show(answer);
    else told.replaceChildren(h("h4", {}, "What it would cost"), answer.why ? h("p", { class: "obsnb-quiet" }, answer.why) : fieldList(answer.estimate));
  }

  function show(answer) {
    about.textContent = answer.says;
    past.replaceChildren(h("option", {}, `History (${answer.history.length})`), ...answer.history.map((one) => h("option", {}, `${one.verb}: ${one.text.slice(0, 80)} (${one.says})`)));
    if (!answer.verdict) return;
    const grid = answer.rows.length
      ? h("table", {}, answer.caption ? h("caption", { class: "obsnb-quiet" }, answer.caption) : null, h("thead", {}, h("tr", {}, answer.head.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, answer.rows.map((row) => h("tr", {}, row.map((one) => h("td", {}, one))))))
      : null;
    fill(told, []).replaceChildren(h("h4", {}, answer.verdict), h("p", { class: "obsnb-asked" }, answer.asked), h("p", { class: "obsnb-quiet" }, answer.why), ...(grid ? [grid] : []));
  }

  hear("changed", show);
  show(start);
  return stop;
}

export default { render: standing(render) };
