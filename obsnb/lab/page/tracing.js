// Spans of the page, and their propagation with W3C's traceparent.
//
// JavaScript in a browser has no context that follows a promise, so a span is handed on by hand: who traces
// a function gets its span, and gives it to what it calls. (The guide relies on a context manager that it
// never sets up, so that its spans would have no children.)

import { Batch } from "./sending.js";

const spans = new Batch("/api/v1/traces");
let release = "0";

/** Which release of the page the spans tell of. */
export function setRelease(name) {
  release = name;
}

export function currentRelease() {
  return release;
}

function hex(bytes) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (one) => one.toString(16).padStart(2, "0")).join("");
}

/** Milliseconds since the epoch, finer than Date has them and never going back. */
export function now() {
  return performance.timeOrigin + performance.now();
}

/** One operation, from its making to `end`. */
export class Span {
  #start = now();
  #ended = false;

  constructor(name, { parent = null, kind = "internal", attributes = {} } = {}) {
    this.name = name;
    this.kind = kind;
    this.attributes = { ...attributes };
    this.traceId = parent?.traceId ?? hex(16);
    this.spanId = hex(8);
    this.parentId = parent?.spanId ?? null;
    this.correlationId = parent?.correlationId ?? crypto.randomUUID();
    this.error = null;
  }

  /** What goes with a request, so that the other side goes on with the same trace. */
  headers() {
    return { traceparent: `00-${this.traceId}-${this.spanId}-01`, "x-correlation-id": this.correlationId };
  }

  fail(error) {
    this.error = `${error?.name ?? "Error"}: ${error?.message ?? error}`.slice(0, 2000);
    this.attributes["error.type"] = error?.name ?? "Error";
  }

  end() {
    if (this.#ended) return;
    this.#ended = true;
    spans.add({
      trace_id: this.traceId,
      span_id: this.spanId,
      parent_span_id: this.parentId,
      name: this.name,
      kind: this.kind,
      start_ms: this.#start,
      end_ms: now(),
      release,
      error: this.error,
      attributes: { correlation_id: this.correlationId, ...this.attributes },
    });
  }
}

/** Runs a function, sync or async, in a span that it is given; the result comes back, or the error. */
export function traced(name, work, options = {}) {
  const span = new Span(name, options);
  const failed = (error) => {
    span.fail(error);
    span.end();
    throw error;
  };
  let result;
  try {
    result = work(span);
  } catch (error) {
    failed(error);
  }
  if (result instanceof Promise) {
    return result.then((value) => {
      span.end();
      return value;
    }, failed);
  }
  span.end();
  return result;
}

/** A fetch of the lab's own addresses with a span of its own, which the server's span is a child of. */
export async function tracedFetch(path, { method = "GET", headers = {}, body = undefined, parent = null } = {}) {
  const attributes = { "http.request.method": method, "url.path": path };
  return traced(
    `${method} ${path.replace(/\/\d+$/, "/{id}")}`,
    async (span) => {
      const answer = await fetch(path, { method, body, headers: { ...headers, ...span.headers() } });
      span.attributes["http.response.status_code"] = answer.status;
      if (!answer.ok) {
        span.fail({ name: String(answer.status), message: `${method} ${path} answered ${answer.status}` });
      }
      return answer;
    },
    { parent, kind: "client", attributes },
  );
}
