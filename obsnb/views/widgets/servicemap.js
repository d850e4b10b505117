// The service map: boxes and lines in SVG. Tab reaches the map, arrows go through it, Enter chooses.

const LEAST = 0.74; // of its size, to which a map shrinks before it has to be scrolled

function render({ model, el }) {
  const { body, tools, about, ask, hear, stop } = house({ model, el, title: "Service map" });
  const key = h("span", { class: "obsnb-quiet" }, "★ suspect with its rank, ✖ failed calls (also a dashed line), dotted box: a peer without spans of its own");
  tools.append(h("button", { type: "button", onclick: () => change("none", {}) }, "Select none"), key);

  let here = "node-0"; // the part that Tab reaches
  let order = []; // the parts as arrows go through them: each service, then its calls

  async function change(question, given, focus) {
    const answer = await ask(question, given);
    if (answer) show(answer, focus);
  }

  const part = (name) => body.querySelector(`[data-reach="${name}"]`);

  function reached(name) {
    part(here)?.setAttribute("tabindex", -1);
    here = name;
    part(here)?.setAttribute("tabindex", 0);
    part(here)?.focus();
  }

  function step(event) {
    const at = order.indexOf(here);
    const services = order.filter((name) => name.startsWith("node"));
    const of = services.indexOf(order.slice(0, at + 1).findLast((name) => name.startsWith("node")));
    const to = {
      ArrowRight: order[at + 1],
      ArrowLeft: order[at - 1],
      ArrowDown: services[of + 1],
      ArrowUp: here.startsWith("edge") ? services[of] : services[of - 1],
      Home: order[0],
      End: services.at(-1),
    };
    if (event.key === "Escape") change("none", {}, here);
    else if (event.key in to) reached(to[event.key] ?? here);
    else return;
    event.preventDefault();
  }

  const reach = (question, at, label, ...children) =>
    h(
      "svg:g",
      {
        tabindex: `${question}-${at}` === here ? 0 : -1,
        role: "button",
        "aria-label": label,
        "data-reach": `${question}-${at}`,
        onclick: () => {
          here = `${question}-${at}`;
          change(question, { at }, here);
        },
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
    return reach(
      "node",
      at,
      `${node.name}: ${node.says}${node.rank ? `, suspect ${node.rank}` : ""}`,
      h("svg:rect", { x: node.x, y: node.y, width: wide, height: tall, rx: 5, class: `obsnb-box${node.rank ? " obsnb-suspect" : ""}${node.peer ? " obsnb-peer" : ""}` }),
      h("svg:text", { x: node.x + 9, y: node.y + 19, class: "obsnb-name" }, `${node.rank ? `★${node.rank} ` : ""}${node.label}`),
      h("svg:text", { x: node.x + 9, y: node.y + 35, class: "obsnb-small" }, node.calls),
      h("svg:text", { x: node.x + 9, y: node.y + 50, class: "obsnb-small" }, node.took),
    );
  }

  function line(edge, at, nodes, { wide, tall }, most) {
    const [from, to] = [nodes[edge.from], nodes[edge.to]];
    const forward = to.x > from.x;
    const aside = from === to ? 24 : 0; // a service that calls itself: a loop, which needs two feet
    const [x1, y1] = [from.x + (forward ? wide : wide / 2 + aside), from.y + (forward ? tall / 2 : tall)];
    const [x2, y2] = [to.x + (forward ? 0 : wide / 2 - aside), to.y + (forward ? tall / 2 : tall)];
    const deep = aside ? 28 : 40; // a loop ends above the box below
    const bend = forward ? `C${x1 + 40} ${y1} ${x2 - 40} ${y2}` : `C${x1 + aside} ${y1 + deep} ${x2 - aside} ${y2 + deep}`;
    const path = `M${x1} ${y1} ${bend} ${x2} ${y2}`;
    const drawn = h("svg:path", { d: path, class: `obsnb-call${edge.failed ? " obsnb-bad" : ""}${edge.on ? " obsnb-on" : ""}`, "marker-end": `url(#${arrow})` });
    drawn.style.strokeWidth = `${1 + (3 * Math.log1p(edge.weight)) / Math.log1p(most)}px`;
    return reach("edge", at, `${from.name} calls ${to.name}: ${edge.says}${edge.on ? ", selected" : ""}`, h("svg:path", { d: path, class: "obsnb-near" }), drawn);
  }

  const arrow = `obsnb-${Math.random().toString(36).slice(2)}`;

  function show(answer, focus) {
    about.textContent = answer.says;
    const { nodes, edges, size } = answer;
    order = nodes.flatMap((_, at) => [`node-${at}`, ...edges.flatMap((edge, call) => (edge.from === at ? [`edge-${call}`] : []))]);
    if (!order.includes(here)) here = order[0];
    const most = Math.max(1, ...edges.map((edge) => edge.weight));
    const head = h("svg:marker", { id: arrow, viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, h("svg:path", { d: "M0 0 8 4 0 8z", class: "obsnb-arrow" }));
    const [across, down] = [size.width + 12, size.height + 12];
    const drawing = h("svg:svg", { viewBox: `-6 -6 ${across} ${down}`, class: edges.some((edge) => edge.on) ? "obsnb-some" : null, role: "group", "aria-label": "Service map. Arrows go through services and calls, Enter chooses, Escape chooses none.", onkeydown: step }, h("svg:defs", {}, head));
    drawing.style.width = `clamp(${LEAST * across}px, 100%, ${across}px)`;
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
