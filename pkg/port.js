/**
 * Calls over a `MessagePort`. A call is `{ id, op, …arguments }`, its result `{ id, value }` or `{ id, error }`, and an event
 * `{ event, … }`. The messages are the same for page, worker and shared worker. No result of a worker contains an access token
 * or a refresh token.
 */

import { Promise, dataOf, listen, pinned, postToPort, startPort, withoutPrototype } from './platform.js';

/** The version of the package. Page and worker of different versions may not understand each other. */
export const VERSION = '0.1.0';

/** Under this key, a vault that was loaded into the page offers its function `connect`. */
export const CONNECT = Symbol.for(`valet-key ${VERSION}`);

/** @typedef {import('./errors.js').Plain} Plain */
/** @typedef {{ event: string, session: unknown, reason: string, error?: Plain, text?: string }} Event */
/**
 * Sends a call and resolves with the message that comes back. The message has no prototype, because a promise looks up `then`
 * in its value.
 * @typedef {(op: string, args?: object, options?: { transfer?: unknown, signal?: AbortSignal }) => Promise<{ value: any }>} Call
 */

/**
 * The calling end of a port.
 * @param {MessagePort} port @param {(event: Event) => void} onEvent @param {(error: Plain) => Error} toError
 * @returns {{ call: Call, fail: (error: Error) => void, isWaiting: () => boolean }} `fail` rejects all pending and all later
 *   calls; `isWaiting` says whether there are pending ones.
 */
export function callingEnd(port, onEvent, toError) {
  /** @type {Record<number, { resolve: (value: any) => void, reject: (error: unknown) => void }>} */
  const pendingCalls = withoutPrototype();
  let last = 0;
  /** @type {Error | undefined} */
  let lost;
  listen(port, 'message', (event) => {
    const data = withoutPrototype(dataOf(event));
    if (data.event) return onEvent(data);
    const call = pendingCalls[data.id];
    delete pendingCalls[data.id];
    if (data.error) call?.reject(toError(data.error));
    else call?.resolve(data);
  });
  startPort(port);
  return {
    call: (op, args, options) =>
      pinned(
        new Promise((resolve, reject) => {
          const { transfer, signal } = withoutPrototype(options);
          const id = ++last;
          if (lost) return reject(lost);
          if (signal?.aborted) return reject(signal.reason);
          pendingCalls[id] = { resolve, reject };
          postToPort(port, { ...args, id, op }, transfer);
          if (!signal) return;
          listen(signal, 'abort', () => {
            if (!pendingCalls[id]) return;
            delete pendingCalls[id];
            postToPort(port, { id, op: 'abort' });
            reject(signal.reason);
          });
        }),
      ),
    isWaiting: () => {
      for (const _ in pendingCalls) return true;
      return false;
    },
    fail: (error) => {
      lost = error;
      for (const id in pendingCalls) {
        pendingCalls[id].reject(error);
        delete pendingCalls[id];
      }
    },
  };
}

/**
 * The serving end of a port. Each operation has a fixed schema: the names of its arguments and their `typeof`. A message with
 * a missing, unknown or mistyped property is dropped without a result.
 * @template Args
 * @param {MessagePort} port
 * @param {Record<string, { takes: Record<string, string>, run: (args: any, signal: AbortSignal) => Promise<{ value?: unknown, transfer?: Transferable[] }> }>} operations
 * @param {(error: unknown) => Plain} toPlain
 */
export function servingEnd(port, operations, toPlain) {
  /** @type {Map<number, AbortController>} */
  const running = new Map();
  port.onmessage = async ({ data }) => {
    if (data?.op === 'abort') return running.get(data.id)?.abort();
    const operation = data && Object.hasOwn(operations, data.op) ? operations[data.op] : null;
    if (!operation || !Number.isSafeInteger(data.id) || running.has(data.id) || !fits(data, operation.takes)) return;
    const abort = new AbortController();
    running.set(data.id, abort);
    try {
      const { value, transfer = [] } = await operation.run(data, abort.signal);
      port.postMessage({ id: data.id, value }, transfer);
    } catch (error) {
      port.postMessage({ id: data.id, error: toPlain(error) });
    } finally {
      running.delete(data.id);
    }
  };
}

/** @param {Record<string, unknown>} data @param {Record<string, string>} takes */
function fits(data, takes) {
  const names = Object.keys(data).filter((name) => name !== 'id' && name !== 'op');
  return (
    names.every((name) => Object.hasOwn(takes, name)) &&
    Object.entries(takes).every(
      ([name, type]) =>
        typeof data[name] === type ||
        (type.endsWith('?') && data[name] === undefined) ||
        `${typeof data[name]}?` === type,
    )
  );
}
