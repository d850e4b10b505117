// Draws a dashboard.

import { table } from "./table.js";

export function drawDashboard(board) {
  const title = document.createElement("h2");
  title.textContent = `Dashboard ${board.id}`;
  const sources = Object.entries(board.values).map(([source, rows]) => [source, rows.length, rows[0]?.value ?? 0]);
  return [
    title,
    table(["Source", "Rows", "Newest"], sources),
    table(["Panel", "Query"], board.panels.map((panel) => [panel.title, panel.query])),
  ];
}
