// The page's log: on the console, and sent to the backend, each line with the ids of what it is about.
//
// An Error has no properties that JSON sees: the guide's lines arrive with `error: {}`. Here its name, its
// message and its stack are fields of their own.

import { Batch } from "./sending.js";
import { currentRelease, now } from "./tracing.js";

const SENT = new Batch("/api/v1/logs");
const LONGEST = 3000;

class Logger {
  #context = {};

  /** Fields of every line from now on. */
  setContext(context) {
    this.#context = { ...this.#context, ...context };
  }

  #log(level, message, { span = null, error = null, ...fields } = {}) {
    const context = plain({ ...this.#context, ...fields, ...told(error) });
    if (span) context.correlation_id = span.correlationId;
    console[level === "debug" ? "debug" : level](message, context);
    SENT.add({
      timestamp_ms: now(),
      level,
      message: String(message).slice(0, LONGEST),
      release: currentRelease(),
      context,
      trace_id: span?.traceId ?? null,
      span_id: span?.spanId ?? null,
    });
  }

  debug(message, fields) {
    this.#log("debug", message, fields);
  }

  info(message, fields) {
    this.#log("info", message, fields);
  }

  warn(message, fields) {
    this.#log("warn", message, fields);
  }

  error(message, fields) {
    this.#log("error", message, fields);
  }
}

function told(error) {
  if (error === null || error === undefined) return {};
  if (!(error instanceof Error)) return { "exception.message": String(error).slice(0, LONGEST) };
  return {
    "exception.type": error.name,
    "exception.message": error.message.slice(0, LONGEST),
    "exception.stacktrace": (error.stack ?? "").slice(0, LONGEST),
  };
}

/** Only what JSON holds as a value; all else as text. */
function plain(fields) {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      ["string", "number", "boolean"].includes(typeof value) || value === null ? value : String(value),
    ]),
  );
}

export const logger = new Logger();

/** What nobody caught goes into the log. The boundary has its own; an event that it marked is not told twice. */
export function listenForErrors() {
  addEventListener("error", (event) => {
    if (event.error?.toldByBoundary) return;
    logger.error("Unhandled error", {
      error: event.error ?? event.message,
      filename: event.filename,
      line: event.lineno,
      column: event.colno,
    });
  });
  addEventListener("unhandledrejection", (event) => {
    if (event.reason?.toldByBoundary) return;
    logger.error("Unhandled promise rejection", { error: event.reason });
  });
}
