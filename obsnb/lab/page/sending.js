// What the page tells of itself, in batches: at most every half second, and when the page goes away.
//
// The guide posts each line and each measurement by itself. As posts are measured too, its monitor never
// comes to rest; here the page's own posts are not measured (see performance.js).

const EVERY_MS = 500;
const MOST = 100;

/** Collects what is to go to one address. */
export class Batch {
  #url;
  #waiting = [];
  #timer = null;

  constructor(url) {
    this.#url = url;
    addEventListener("pagehide", () => this.send());
  }

  add(one) {
    if (this.#waiting.length >= MOST) this.send();
    this.#waiting.push(one);
    this.#timer ??= setTimeout(() => this.send(), EVERY_MS);
  }

  send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const body = this.#waiting.splice(0);
    if (!body.length) return;
    // Not through the traced fetch: telling of the telling would have no end. Nothing is done about a
    // failure but to say so on the console, since a log line would go the same way.
    fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true,
    }).then(
      (answer) => answer.ok || console.warn("The page's telemetry was refused:", answer.status),
      (error) => console.warn("The page's telemetry was not sent:", error.message),
    );
  }
}

/** The addresses that only carry the page's own telemetry. */
export const OWN = ["/api/v1/logs", "/api/v1/traces", "/api/v1/metrics/frontend"];
