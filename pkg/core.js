/** The core, and the border to it: texts and bytes in its memory. `src/npm/border.rs` is the other side. */

import { forward, send, verify } from './host.js';

/**
 * A call under way. `requests`: the app's own, once for each time it may be sent; `response`: the last response to one.
 * @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void, requests: Request[], response?: Response }} Running
 */
/** @type {Map<number, Running>} */
const calls = new Map();
let last = 0;

/**
 * What the core tells without waiting for an outcome. `changed`: the session of a port's client; `tell`: the other vaults.
 * @typedef {{ changed: (port: number, text: string) => void, tell: (text: string) => void, failed: (error: unknown) => void }} Listener
 */
/** @type {Listener} */
let listener;
/** @type {any} */
let core;

/** @param {WebAssembly.Module} module @param {Listener} told `failed` hears of what goes wrong outside of a call */
export function start(module, told) {
  listener = told;
  const host = {
    tell,
    wall: () => Date.now(),
    monotonic: () => performance.now(),
    random: (/** @type {number} */ at, /** @type {number} */ length) => {
      try {
        crypto.getRandomValues(bytesAt(at, length));
      } catch {} // the core does not take zeros; an exception would leave it in the middle of something
    },
    origin: (/** @type {number} */ at, /** @type {number} */ length) => new TextEncoder().encodeInto(location.origin, bytesAt(at, length)).written,
  };
  core = new WebAssembly.Instance(module, { host }).exports;
}

/**
 * Gives the core a message; `src/vault/messages.rs` has them by name.
 * @param {Record<string, unknown> & { op: string }} message @param {Request[]} [requests] the app's
 * @returns {Promise<any>} a text, empty for nothing; the response to an app's request. It rejects with a text.
 */
export const run = (message, requests = []) =>
  new Promise((resolve, reject) => {
    calls.set(++last, { resolve, reject, requests });
    core.call(last, ...put(new TextEncoder().encode(JSON.stringify(message))));
  });

/**
 * What the core says. Its memory may move before anything else happens, so bytes are copied.
 * @param {number} message @param {number} id @param {number} at @param {number} length @param {number} bytes @param {number} count
 */
function tell(message, id, at, length, bytes, count) {
  const text = new TextDecoder().decode(bytesAt(at, length));
  const question = QUESTIONS[message - NOTES.length];
  if (!question) return NOTES[message](id, text);
  question(JSON.parse(text), bytesAt(bytes, count).slice())
    .catch(() => NOTHING)
    .then(({ status, head = '', body = new Uint8Array() }) => core.answer(id, status, ...put(new TextEncoder().encode(head)), ...put(body)))
    .catch(listener.failed);
}

/** What the place answers that cannot do what it is asked. @type {import('./host.js').Answer} */
const NOTHING = { status: -1 };

/** @param {number} id */
const ended = (id) => {
  const call = /** @type {Running} */ (calls.get(id));
  calls.delete(id);
  return call;
};

/** The order of both lists is that of `Message` in src/npm/border.rs. @type {((id: number, text: string) => void)[]} */
const NOTES = [
  (id, text) => {
    const { resolve, response } = ended(id);
    resolve(response ?? text);
  },
  (id, text) => ended(id).reject(text),
  (port, text) => listener.changed(port, text),
  (id) => {
    // The API refuses it, and its response is not used: the browser has the CORS preflight, which is the point.
    const { url, credentials } = /** @type {Running} */ (calls.get(id)).requests[0];
    fetch(url, { method: 'HEAD', headers: { authorization: 'Bearer ahead' }, credentials, redirect: 'error' }).catch(() => {});
  },
  (_, text) => listener.tell(text),
];

/** @type {((question: any, bytes: Uint8Array<ArrayBuffer>) => Promise<import('./host.js').Answer>)[]} */
const QUESTIONS = [
  send,
  verify,
  async ({ call, authorization }) => {
    const running = /** @type {Running} */ (calls.get(call));
    const { status, response } = await forward(/** @type {Request} */ (running.requests.shift()), authorization);
    running.response = response;
    return { status };
  },
];

/** @param {number} at @param {number} length */
const bytesAt = (at, length) => new Uint8Array(core.memory.buffer, at, length);

/** Hands bytes over: where they lie, and how many they are. @param {Uint8Array} bytes @returns {[number, number]} */
function put(bytes) {
  const at = core.room(bytes.length);
  bytesAt(at, bytes.length).set(bytes);
  return [at, bytes.length];
}
