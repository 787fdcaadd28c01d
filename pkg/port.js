/**
 * Calls over a `MessagePort`: `{ id, op, …arguments }` one way, `{ id, value }` or `{ id, error }` the other, and
 * `{ event, … }` when nobody asked. Page, worker and shared worker speak it alike. No answer carries a token.
 */

/** @typedef {import('./errors.js').Plain} Plain */
/** @typedef {{ event: string, session: unknown, reason: string }} Event */
/** @typedef {(op: string, args?: object, options?: { transfer?: Transferable[], signal?: AbortSignal }) => Promise<any>} Call */

/**
 * The asking end.
 * @param {MessagePort} port @param {(event: Event) => void} onEvent @param {(error: Plain) => Error} toError
 * @returns {{ call: Call, fail: (error: Error) => void }} `fail` rejects whatever waits or comes later, when the other end is gone.
 */
export function asking(port, onEvent, toError) {
  /** @type {Map<number, { resolve: (value: unknown) => void, reject: (error: unknown) => void }>} */
  const waiting = new Map();
  let last = 0;
  /** @type {Error | undefined} */
  let lost;
  port.onmessage = ({ data }) => {
    if (data.event === 'there') return port.postMessage({ id: ++last, op: 'here' });
    if (data.event) return onEvent(data);
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) call?.reject(toError(data.error));
    else call?.resolve(data.value);
  };
  return {
    call: (op, args, { transfer = [], signal } = {}) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        if (lost) return reject(lost);
        if (signal?.aborted) return reject(signal.reason);
        waiting.set(id, { resolve, reject });
        port.postMessage({ ...args, id, op }, transfer);
        signal?.addEventListener('abort', () => {
          if (!waiting.delete(id)) return;
          port.postMessage({ id, op: 'abort' });
          reject(signal.reason);
        });
      }),
    fail: (error) => {
      lost = error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}

/**
 * The answering end. Each operation has a fixed schema: the arguments it takes, and what `typeof` says of them. A
 * message that does not fit to the last property is dropped without an answer.
 * @template Args
 * @param {MessagePort} port
 * @param {Record<string, { takes: Record<string, string>, run: (args: any, signal: AbortSignal) => Promise<{ value?: unknown, transfer?: Transferable[] }> }>} operations
 * @param {(error: unknown) => Plain} toPlain
 */
export function answering(port, operations, toPlain) {
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
    Object.entries(takes).every(([name, type]) => typeof data[name] === type || (type.endsWith('?') && data[name] === undefined) || `${typeof data[name]}?` === type)
  );
}
