// What a pointer or the arrow keys are told over the charts, names under the waterfall's bars, the place in
// the contents. Text is only ever set as text. Without this script the page says the same, standing still.
"use strict";
(() => {
  const tip = document.getElementById("tip");
  const data = JSON.parse(document.getElementById("hover").textContent);

  const hide = () => { tip.hidden = true; };
  const show = (x, y) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    tip.style.left = Math.max(6, left) + "px";
    tip.style.top = Math.max(6, Math.min(y + 14, innerHeight - box.height - 6)) + "px";
  };
  const make = (tag, text, parent) => {
    const element = document.createElement(tag);
    element.textContent = text;
    parent.append(element);
    return element;
  };

  // The nearest of the sorted places.
  const nearest = (places, part) => {
    let low = 0, high = places.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places[middle] < part) low = middle; else high = middle;
    }
    return part - places[low] < places[high] - part ? low : high;
  };

  for (const charts of document.querySelectorAll(".charts")) {
    const drawn = () => [...charts.querySelectorAll("svg.panel")].filter((svg) => svg.getBoundingClientRect().width);
    const clear = () => { charts.querySelectorAll(".cross").forEach((line) => line.remove()); hide(); };
    let at = 0.5;

    const point = (part, y) => {
      const panels = drawn();
      if (!panels.length) return;
      clear();
      at = Math.min(1, Math.max(0, part));
      tip.replaceChildren();
      const first = data.find((panel) => panel.x.length);
      if (!first) return;
      at = first.x[nearest(first.x, at)];
      make("b", first.time[nearest(first.x, at)] + " UTC", tip);
      const table = make("table", "", tip);
      for (const panel of data) {
        if (!panel.x.length) continue;
        const place = nearest(panel.x, at);
        for (const line of panel.lines) {
          const row = make("tr", "", table);
          make("td", panel.lines.length > 1 || line.name ? panel.title + " · " + line.name : panel.title, row);
          make("td", line.text[place], row);
        }
      }
      for (const svg of panels) {
        const left = +svg.dataset.left, right = +svg.dataset.right;
        const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const x = left + at * (right - left);
        for (const [name, value] of [["x1", x], ["x2", x], ["y1", 0], ["y2", svg.viewBox.baseVal.height]]) line.setAttribute(name, value);
        line.setAttribute("class", "cross");
        svg.append(line);
      }
      const box = panels[0].getBoundingClientRect(), unit = box.width / panels[0].viewBox.baseVal.width;
      const left = +panels[0].dataset.left, right = +panels[0].dataset.right;
      show(box.left + (left + at * (right - left)) * unit, y === undefined ? box.top : y);
    };

    charts.addEventListener("pointermove", (event) => {
      const svg = drawn()[0];
      if (!svg) return;
      const box = svg.getBoundingClientRect(), unit = box.width / svg.viewBox.baseVal.width;
      const left = +svg.dataset.left, right = +svg.dataset.right;
      point(((event.clientX - box.left) / unit - left) / (right - left), event.clientY);
    });
    charts.addEventListener("pointerleave", clear);
    charts.addEventListener("blur", clear);
    charts.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
      if (step) { event.preventDefault(); point(at + step); }
      if (event.key === "Escape") clear();
    });
  }

  // A bar's title becomes a tip that does not wait; it stays the bar's name for those who hear the page.
  for (const bar of document.querySelectorAll(".trace .span, .lane .mark")) {
    const title = bar.querySelector("title");
    if (!title) continue;
    bar.setAttribute("aria-label", title.textContent);
    const words = title.textContent;
    title.remove();
    bar.addEventListener("pointermove", (event) => {
      event.stopPropagation();
      tip.replaceChildren();
      tip.textContent = words;
      show(event.clientX, event.clientY);
    });
    bar.addEventListener("pointerleave", hide);
  }

  // What is folded is unfolded on paper, but for the long tails.
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details:not([open]):not(.rest)").forEach((one) => { one.open = true; one.dataset.folded = ""; });
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll("details[data-folded]").forEach((one) => { one.open = false; delete one.dataset.folded; });
  });

  // Where the reader is.
  const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
  const here = new IntersectionObserver((seen) => {
    for (const one of seen) {
      if (!one.isIntersecting) continue;
      links.forEach((link) => link.classList.remove("here"));
      const link = links.get(one.target.id);
      if (link) link.classList.add("here");
    }
  }, { rootMargin: "-12% 0px -80% 0px" });
  document.querySelectorAll("section[id]").forEach((section) => here.observe(section));
})();
