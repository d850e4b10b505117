// What the browser measures by itself: navigation, resources, paints, and what the page marks.

import { logger } from "./logger.js";
import { Batch, OWN } from "./sending.js";

const SLOW_MS = 1000;

class PerformanceMonitor {
  #observer = null;
  #sent = new Batch("/api/v1/metrics/frontend");

  start() {
    if (!("PerformanceObserver" in window)) {
      console.warn("This browser measures nothing.");
      return;
    }
    this.#observer = new PerformanceObserver((list) => list.getEntries().forEach((one) => this.#take(one)));
    // With `type`, and buffered: entries from before this script ran. With `entryTypes`, as the guide has
    // it, the navigation itself is over before anybody looks.
    for (const type of ["navigation", "resource", "measure", "paint"]) {
      if (PerformanceObserver.supportedEntryTypes.includes(type)) {
        this.#observer.observe({ type, buffered: true });
      }
    }
  }

  #take(entry) {
    const name = nameOf(entry);
    if (entry.entryType === "resource" && OWN.includes(name)) return;
    const duration = entry.entryType === "paint" ? entry.startTime : entry.duration;
    if (duration > SLOW_MS && entry.entryType !== "paint") {
      logger.warn("Slow operation detected", { name, duration_ms: duration, type: entry.entryType });
    }
    this.#sent.add({ name: name.slice(0, 500), type: entry.entryType, duration_ms: Math.max(duration, 0) });
  }

  /** Runs a function, sync or async, and measures it whether it fails or not. */
  measure(name, work) {
    const start = performance.now();
    const done = () => performance.measure(name, { start, end: performance.now() });
    let result;
    try {
      result = work();
    } catch (error) {
      done();
      throw error;
    }
    if (result instanceof Promise) return result.finally(done);
    done();
    return result;
  }
}

/** An address without what follows its path: there may be a key in it. */
function nameOf(entry) {
  const address = ["navigation", "resource"].includes(entry.entryType);
  return address ? new URL(entry.name).pathname : entry.name;
}

export const monitor = new PerformanceMonitor();
