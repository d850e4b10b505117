// The service map: boxes and lines in SVG; each can be reached by Tab and chosen by Enter.

function render({ model, el }) {
  const { body, tools, about, ask, hear, stop } = house({ model, el, title: "Service map" });
  const key = h("span", { class: "obsnb-quiet" }, "★ suspect with its rank, ✖ failed calls (also a dashed line), dotted box: a peer without spans of its own");
  tools.append(h("button", { type: "button", onclick: () => change("none", {}) }, "Select none"), key);

  async function change(question, given, focus) {
    const answer = await ask(question, given);
    if (answer) show(answer, focus);
  }

  const reach = (question, at, label, ...children) =>
    h(
      "svg:g",
      {
        tabindex: 0,
        role: "button",
        "aria-label": label,
        "data-reach": `${question}-${at}`,
        onclick: () => change(question, { at }, `${question}-${at}`),
        onkeydown: (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          change(question, { at }, `${question}-${at}`);
        },
      },
      h("svg:title", {}, label),
      ...children,
    );

  function box(node, at, { wide, tall }) {
    const name = node.name.length > 22 ? `${node.name.slice(0, 21)}…` : node.name;
    return reach(
      "node",
      at,
      `${node.name}: ${node.says}${node.rank ? `, suspect ${node.rank}` : ""}`,
      h("svg:rect", { x: node.x, y: node.y, width: wide, height: tall, rx: 5, class: `obsnb-box${node.rank ? " obsnb-suspect" : ""}${node.peer ? " obsnb-peer" : ""}` }),
      h("svg:text", { x: node.x + 9, y: node.y + 19, class: "obsnb-name" }, `${node.rank ? `★${node.rank} ` : ""}${name}`),
      h("svg:text", { x: node.x + 9, y: node.y + 36, class: "obsnb-small" }, node.says),
    );
  }

  function line(edge, at, nodes, { wide, tall }, most) {
    const [from, to] = [nodes[edge.from], nodes[edge.to]];
    const forward = to.x > from.x;
    const [x1, y1] = [from.x + (forward ? wide : wide / 2), from.y + (forward ? tall / 2 : tall)];
    const [x2, y2] = [to.x + (forward ? 0 : wide / 2), to.y + (forward ? tall / 2 : tall)];
    const bend = forward ? `C${x1 + 40} ${y1} ${x2 - 40} ${y2}` : `C${x1} ${y1 + 40} ${x2} ${y2 + 40}`;
    const path = `M${x1} ${y1} ${bend} ${x2} ${y2}`;
    const drawn = h("svg:path", { d: path, class: `obsnb-call${edge.failed ? " obsnb-bad" : ""}${edge.on ? " obsnb-on" : ""}`, "marker-end": `url(#${arrow})` });
    drawn.style.strokeWidth = `${1 + (3 * Math.log1p(edge.weight)) / Math.log1p(most)}px`;
    return reach("edge", at, `${from.name} calls ${to.name}: ${edge.says}${edge.on ? ", selected" : ""}`, h("svg:path", { d: path, class: "obsnb-near" }), drawn);
  }

  const arrow = `obsnb-${Math.random().toString(36).slice(2)}`;

  function show(answer, focus) {
    about.textContent = answer.says;
    const { nodes, edges, size } = answer;
    const most = Math.max(1, ...edges.map((edge) => edge.weight));
    const head = h("svg:marker", { id: arrow, viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, h("svg:path", { d: "M0 0 8 4 0 8z", class: "obsnb-arrow" }));
    const drawing = h("svg:svg", { viewBox: `-6 -6 ${size.width + 12} ${size.height + 12}`, width: size.width + 12, height: size.height + 12, role: "group", "aria-label": "Service map" }, h("svg:defs", {}, head));
    drawing.append(...edges.map((edge, at) => line(edge, at, nodes, size, most)), ...nodes.map((node, at) => box(node, at, size)));
    const chosen = edges.filter((edge) => edge.on);
    const told = fieldList(chosen.slice(0, 40).map((edge) => [`${nodes[edge.from].name} → ${nodes[edge.to].name}`, edge.says]));
    body.replaceChildren(h("div", { class: "obsnb-map" }, drawing), chosen.length ? told : "");
    if (focus) body.querySelector(`[data-reach=${focus}]`)?.focus();
  }

  hear("changed", (answer) => show(answer));
  show(model.get("start"));
  return stop;
}

export default { render: standing(render) };
