/** The core, and the border to it: texts and octets in its memory. `src/npm/border.rs` is the other side. */

import { pass, send, verify } from './host.js';

/**
 * A call under way. `requests`: the app's own, once for each time it may be sent; `response`: the last answer.
 * @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void, requests: Request[], response?: Response }} Running
 */
/** @type {Map<number, Running>} */
const calls = new Map();
let last = 0;

/** @type {any} */
let core;
/** @type {(error: unknown) => void} */
let failed;

/** @param {WebAssembly.Module} module @param {(error: unknown) => void} onFault told of what goes wrong outside of a call */
export function start(module, onFault) {
  failed = onFault;
  const host = {
    tell,
    wall: () => Date.now(),
    monotonic: () => performance.now(),
    random: (/** @type {number} */ at, /** @type {number} */ length) => crypto.getRandomValues(octetsAt(at, length)),
  };
  core = new WebAssembly.Instance(module, { host }).exports;
}

/**
 * Runs an operation; `src/npm/mod.rs` has them by name.
 * @param {string} op @param {Record<string, unknown>} [args] @param {Request[]} [requests] the app's
 * @returns {Promise<any>} a text, empty for nothing; of an app's request the answer. It rejects with a text.
 */
export const run = (op, args, requests = []) => new Promise((resolve, reject) => begin(op, args, { resolve, reject, requests }));

/** Asks what the core can say at once. It throws a text. @param {string} op @param {Record<string, unknown>} args */
export function ask(op, args) {
  let [answer, error] = ['', ''];
  begin(op, args, { resolve: (value) => (answer = value), reject: (text) => (error = /** @type {string} */ (text)), requests: [] });
  if (error) throw error;
  return answer;
}

/** @param {string} op @param {Record<string, unknown> | undefined} args @param {Running} call */
function begin(op, args, call) {
  calls.set(++last, call);
  core.call(last, ...put(new TextEncoder().encode(JSON.stringify({ ...args, op }))));
}

/**
 * What the core says. Its memory may move before anything else happens, so octets are copied.
 * @param {number} message @param {number} id @param {number} at @param {number} length @param {number} octets @param {number} count
 */
function tell(message, id, at, length, octets, count) {
  const text = new TextDecoder().decode(octetsAt(at, length));
  if (message < 2) {
    const { resolve, reject, response } = /** @type {Running} */ (calls.get(id));
    calls.delete(id);
    if (message) reject(text);
    else resolve(response ?? text);
  } else {
    QUESTIONS[message - 2](JSON.parse(text), octetsAt(octets, count).slice())
      .then(({ status, head = '', body = new Uint8Array() }) => core.answer(id, status, ...put(new TextEncoder().encode(head)), ...put(body)))
      .catch(failed);
  }
}

/** @type {((question: any, octets: Uint8Array<ArrayBuffer>) => Promise<import('./host.js').Answer>)[]} */
const QUESTIONS = [
  send,
  verify,
  async ({ call, authorization }) => {
    const running = /** @type {Running} */ (calls.get(call));
    const { status, response } = await pass(/** @type {Request} */ (running.requests.shift()), authorization);
    running.response = response;
    return { status };
  },
];

/** @param {number} at @param {number} length */
const octetsAt = (at, length) => new Uint8Array(core.memory.buffer, at, length);

/** Hands octets over: where they lie, and how many they are. @param {Uint8Array} octets @returns {[number, number]} */
function put(octets) {
  const at = core.room(octets.length);
  octetsAt(at, octets.length).set(octets);
  return [at, octets.length];
}
