// Long work in short slices, so that nobody who moves the map waits for it.

/** A busy machine takes several times as long for one, and nobody should notice even then. */
const SLICE_MS = 6;

/** Tells when a slice of work has been long enough. */
export class Slices {
  #began = performance.now();

  /** Let the browser do what else it has to, if it has waited for long. */
  get rest(): Promise<void> | null {
    if (performance.now() - this.#began < SLICE_MS) return null;
    return breath().then(() => {
      this.#began = performance.now();
    });
  }
}

/** Go on once the browser has done what else it had to; timers would wait longer than that. */
function breath(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });
}
