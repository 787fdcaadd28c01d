/** Bodies of responses on the way from the vault to the page. */

/** The largest body, in bytes, that is sent together with the head of its response. */
const SHORT = 65536;

/** The longest time, in milliseconds, for which the head of a response waits for its body. */
const WAIT = 5;

/** The body of one response. */
export class Body {
  /** @type {ReadableStreamDefaultReader<Uint8Array>} */
  #reader;
  /** Pieces that `whole` has read before the body turned out to be long or slow. @type {Promise<{ value?: Uint8Array }>[]} */
  #ahead = [];

  /** @param {ReadableStream<Uint8Array>} stream */
  constructor(stream) {
    this.#reader = stream.getReader();
  }

  /**
   * The whole body if it is short and follows the head at once, as most bodies of APIs do: one message is faster than several.
   * Otherwise `undefined`, and {@link read} returns the body from its beginning.
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>}
   */
  async whole() {
    /** @type {Uint8Array[]} */
    const pieces = [];
    let length = 0;
    /** @type {Promise<undefined>} */
    const late = new Promise((resolve) => setTimeout(resolve, WAIT));
    while (length <= SHORT) {
      const next = this.#reader.read();
      this.#ahead.push(next);
      const step = await Promise.race([next, late]).catch(() => {}); // `read` reports a failure
      if (!step) return;
      if (!step.value) return joined(pieces, length);
      pieces.push(step.value);
      length += step.value.length;
    }
  }

  /** The next piece, without a value at the end. Rejects if the response broke off. */
  read() {
    return this.#ahead.shift() ?? this.#reader.read();
  }

  cancel() {
    return this.#reader.cancel();
  }
}

/** @param {Uint8Array[]} pieces @param {number} length of all pieces @returns {any} */
function joined(pieces, length) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
