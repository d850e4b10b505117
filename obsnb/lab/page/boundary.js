// An error boundary: what fails inside is logged and shown, and the rest of the page goes on.

import { logger } from "./logger.js";

/** Fills an element with what a function draws; where it fails, with what failed. */
export async function within(element, draw, { span = null, component }) {
  try {
    const drawn = await draw();
    element.replaceChildren(...[drawn].flat());
    return true;
  } catch (error) {
    logger.error(`${component} failed`, { error, span, component });
    if (error instanceof Error) error.toldByBoundary = true;
    element.replaceChildren(fallback(error, span));
    span?.fail(error);
    return false;
  }
}

function fallback(error, span) {
  const box = document.createElement("section");
  box.className = "boundary";
  box.setAttribute("role", "alert");
  const title = document.createElement("h2");
  title.textContent = "Something went wrong";
  const what = document.createElement("pre");
  what.textContent = `${error}\n${span ? `Correlation id: ${span.correlationId}` : ""}`;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Reload the page";
  again.addEventListener("click", () => location.reload());
  box.append(title, what, again);
  return box;
}
