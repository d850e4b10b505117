// The page: buttons, what they ask for, what is drawn of it.

import { within } from "./boundary.js";
import { listenForErrors, logger } from "./logger.js";
import { monitor } from "./performance.js";
import { table } from "./table.js";
import { setRelease, traced, tracedFetch } from "./tracing.js";

const find = (id) => document.getElementById(id);
const given = new URLSearchParams(location.hash.slice(1));
// The key stays in this page: what comes after the # is sent to nobody.
const key = given.get("key") ?? given.get("visit") ?? "";
let token = "";

/** What is asked for with a click: a span around it all, the busy sign, the error boundary. */
function onClick(id, component, work) {
  find(id).addEventListener("click", () =>
    monitor.measure(component, () =>
      traced(`click ${id}`, async (span) => {
        find("state").textContent = `${component} …`;
        await within(find("view"), () => work(span), { span, component });
        find("state").textContent = "";
        find("foot").textContent = `Correlation id of the last click: ${span.correlationId}`;
        document.body.dataset.clicks = String(Number(document.body.dataset.clicks ?? 0) + 1);
        document.body.dataset.trace = span.traceId;
      }, { attributes: { component } }),
    ),
  );
}

async function ask(path, span, options = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (options.body) headers["content-type"] = "application/json";
  const answer = await tracedFetch(path, { ...options, headers, parent: span });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error?.message ?? `The backend answers ${answer.status}`);
  return told;
}

async function logIn(span) {
  const tenant = find("tenant").value;
  const body = JSON.stringify({ user: `user-${tenant}-page`, tenant, secret: key });
  token = (await ask("/api/v1/login", span, { method: "POST", body })).access_token;
  logger.setContext({ tenant_id: tenant, user_id: `user-${tenant}-page` });
  logger.info("Logged in", { span });
  find("who").textContent = `user-${tenant}-page of ${tenant}`;
  return [];
}

async function search(span) {
  const body = JSON.stringify({ free_text: find("text").value });
  const found = await ask("/api/v1/search", span, { method: "POST", body });
  logger.info("Search shown", { span, results: found.results.length });
  return [
    table(["Saved search", "Runs"], found.saved.map((one) => [one.title, one.runs])),
    table(["Line"], found.results.map((one) => [one.line])),
  ];
}

/** Which release of the page is served may change while it is open: a dashboard takes the newest one. */
async function dashboard(span) {
  const config = await configure(span);
  const board = await ask(`/api/v1/dashboards/${Number(find("number").value)}`, span);
  return traced("draw dashboard", async () => {
    const { drawDashboard } = await import(`/page/${config.script}`);
    return drawDashboard(board);
  }, { parent: span });
}

async function alerts(span) {
  const found = await ask("/api/v1/alerts", span);
  return table(["Alert", "Above"], found.alerts.map((one) => [one.title, one.above]));
}

async function configure(span) {
  const config = await (await tracedFetch("/config.json", { parent: span })).json();
  setRelease(config.release);
  return config;
}

/** A visitor who goes on clicking: for runs of the lab with a browser but without anybody before it. */
async function visit() {
  const clicks = ["search", "dashboard", "alerts", "dashboard"];
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  let loggedIn = -Infinity;
  for (let number = 0; ; number += 1) {
    if (performance.now() - loggedIn > 40_000) {  // before the token is over, however slow the answers are
      loggedIn = performance.now();
      find("login").click();
      await pause(700);
    }
    find("number").value = String(1 + (number % 12));
    find(clicks[number % clicks.length]).click();
    await pause(500 + Math.random() * 500);
  }
}

listenForErrors();
await traced("load page", async (span) => {
  await configure(span);
  logger.info("Page loaded", { span });
});
monitor.start();
onClick("login", "Login", logIn);
onClick("search", "Search", search);
onClick("dashboard", "Dashboard", dashboard);
onClick("alerts", "Alerts", alerts);
document.body.dataset.ready = "yes";
if (given.has("visit")) visit();
