// The time range picker: bars over time, a brush between two handles, and two fields to type into.

function render({ model, el }) {
  let at = model.get("start");
  const { body, about, say, ask, hear, stop } = house({ model, el, title: "Time range" });
  body.classList.add("obsnb-picker");
  const span = () => at.end_ms - at.start_ms;
  const share = (ms) => (ms - at.start_ms) / span();
  const most = Math.max(1, ...at.rows);
  const striped = `obsnb-${Math.random().toString(36).slice(2)}`;
  const drawing = h("svg:svg", { viewBox: "0 0 1200 100", preserveAspectRatio: "none", role: "img", "aria-label": `Rows over time, ${at.bin} a bar, at most ${counted(most)}; failed ones are striped.` });
  const stripes = h("svg:pattern", { id: striped, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  const ground = h("svg:rect", { width: 4, height: 4 });
  const stripe = h("svg:rect", { width: 2, height: 4 });
  ground.style.fill = "var(--o-paper)";
  stripe.style.fill = "var(--o-bad)";
  stripes.append(ground, stripe);
  drawing.append(h("svg:defs", {}, stripes), ...at.rows.map(bars));
  const shades = [h("svg:rect", { class: "obsnb-shade", y: 0, height: 100 }), h("svg:rect", { class: "obsnb-shade", y: 0, height: 100 })];
  drawing.append(...shades);
  const handles = ["Start of the window", "End of the window"].map((name, place) =>
    h("div", { class: "obsnb-handle", role: "slider", tabindex: 0, "aria-label": name, "aria-orientation": "horizontal", "data-place": place }),
  );
  const plot = h("div", { class: "obsnb-plot" }, drawing, handles);
  const axis = h("div", { class: "obsnb-axis", "aria-hidden": "true" });
  for (const tick of at.ticks) {
    const one = h("span", {}, tick.says);
    const at = share(tick.ms);
    one.style.left = `${at * 100}%`;
    if (at < 0.04) one.style.transform = "none";
    else if (at > 0.96) one.style.transform = "translateX(-100%)";
    axis.append(one);
  }
  const typed = ["From (UTC)", "To (UTC)"].map((name) => h("input", { type: "text", "aria-label": name, spellcheck: "false" }));
  const whole = h("button", { type: "button", onclick: () => send(at.start_ms, at.end_ms) }, "All");
  const key = h("span", { class: "obsnb-quiet" }, `rows, ${at.bin} a bar, at most ${counted(most)}; striped: failed; times are UTC`);
  body.append(plot, axis, h("div", { class: "obsnb-tools" }, h("label", {}, "from", typed[0]), h("label", {}, "to", typed[1]), whole, key));

  function clock(place) {
    return new Date(at.start_ms + (place * span()) / at.rows.length).toISOString().slice(11, 19);
  }

  function bars(count, place) {
    const failed = at.failed[place];
    const group = h("svg:g", {}, h("svg:title", {}, `${clock(place)} UTC, ${at.bin}: ${counted(count)} rows, ${counted(failed)} failed`));
    for (const [kind, many] of [["all", count], ["failed", failed]]) {
      const tall = (100 * many) / most;
      const bar = h("svg:rect", { class: `obsnb-${kind}`, x: place * 10 + 0.5, width: 9, y: 100 - tall, height: tall });
      if (kind === "failed") bar.style.fill = `url(#${striped})`;
      group.append(bar);
    }
    return group;
  }

  function draw(from, to) {
    const [left, right] = [share(from), share(to)];
    shades[0].setAttribute("x", 0);
    shades[0].setAttribute("width", Math.max(0, left * 1200));
    shades[1].setAttribute("x", right * 1200);
    shades[1].setAttribute("width", Math.max(0, (1 - right) * 1200));
    [from, to].forEach((ms, place) => {
      handles[place].style.left = `${share(ms) * 100}%`;
      handles[place].setAttribute("aria-valuemin", at.start_ms);
      handles[place].setAttribute("aria-valuemax", at.end_ms);
      handles[place].setAttribute("aria-valuenow", ms);
      handles[place].setAttribute("aria-valuetext", `${new Date(ms).toISOString()}`);
    });
  }

  let moving = false; // by keys, of which the kernel hears in a moment

  function take(answer) {
    if (moving) return;
    at = answer;
    about.textContent = at.says;
    typed[0].value = at.from;
    typed[1].value = at.to;
    draw(at.from_ms, at.to_ms);
  }

  async function send(from, to) {
    const answer = await ask("brush", { from_ms: Math.min(from, to), to_ms: Math.max(from, to) });
    take(answer || model.get("start"));
  }

  const msAt = (event) => {
    const { left, width } = plot.getBoundingClientRect();
    return at.start_ms + Math.max(0, Math.min(1, (event.clientX - left) / width)) * span();
  };
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const handle = event.target.closest("[data-place]");
    const fixed = handle ? [at.to_ms, at.from_ms][handle.dataset.place] : msAt(event);
    let moved = false;
    const move = (now) => {
      moved = true;
      draw(...[fixed, msAt(now)].sort((a, b) => a - b));
    };
    const done = (now) => {
      plot.removeEventListener("pointermove", move);
      plot.removeEventListener("pointerup", done);
      if (moved) send(fixed, msAt(now));
    };
    plot.setPointerCapture(event.pointerId);
    plot.addEventListener("pointermove", move);
    plot.addEventListener("pointerup", done);
    (handle || handles[1]).focus({ preventScroll: true });
    event.preventDefault();
  });
  const later = settled(120, () => {
    moving = false;
    send(at.from_ms, at.to_ms);
  });
  handles.forEach((handle, place) =>
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }[event.key];
      if (!step) return;
      event.preventDefault();
      const edge = place ? "to_ms" : "from_ms";
      const low = place ? at.from_ms + 1 : at.start_ms;
      const high = place ? at.end_ms : at.to_ms - 1;
      at = { ...at, [edge]: Math.max(low, Math.min(high, at[edge] + (step * span()) / at.rows.length)) };
      draw(at.from_ms, at.to_ms);
      moving = true;
      later();
    }),
  );
  typed.forEach((field) =>
    field.addEventListener("keydown", async (event) => {
      if (event.key === "Escape") take(at); // what was typed is taken back
      if (event.key !== "Enter") return;
      const answer = await ask("type", { from: typed[0].value, to: typed[1].value });
      if (!answer) return;
      say("");
      take(answer);
    }),
  );
  hear("changed", take);
  take(at);
  return stop;
}

export default { render: standing(render) };
