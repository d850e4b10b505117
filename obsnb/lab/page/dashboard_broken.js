// Draws a dashboard, as release 2.4.0 does: it reads a field that the backend does not send yet.

import { table } from "./table.js";

export function drawDashboard(board) {
  const title = document.createElement("h2");
  title.textContent = `Dashboard ${board.id}`;
  const rows = board.panels.map((panel) => [panel.title, panel.thresholds.warning]);
  return [title, table(["Panel", "Warns above"], rows)];
}
