/**
 * The platform's functions as they were when this library loaded. A script that replaces one of them later sees no message
 * of ours and gets no port, worker or window of ours. `docs/security.md` says what a script that was there earlier can do.
 *
 * The rules for every file of the page, where messages, ports and options pass:
 *
 * - Functions of the platform come from here. Lists are read by index, and objects have no prototype: iterators, `map`, `Map`
 *   and the members of `Object.prototype` may be a script's by now.
 * - A promise that is awaited is {@link pinned}, and what it resolves with is a primitive or has no prototype.
 * - An event counts only if the browser itself made it, see {@link listen}.
 */

/** The page's globals. A server has none, and this file touches nothing there. @type {any} */
const scope = typeof Window === 'undefined' ? {} : globalThis;

const { apply } = Reflect;
const { iterator } = Symbol;

/** The engine's own, which `await` compares with: some libraries put another one in its place. @type {PromiseConstructor} */
export const Promise = /** @type {any} */ ((async () => {})().constructor);
export const { defineProperty, freeze } = Object;
export const { BroadcastChannel, MessageChannel, SharedWorker, Worker, open, setTimeout } = scope;

/**
 * A method as a function that takes its object first. @param {string} type @param {string} name
 * @returns {(self: any, ...args: any[]) => any}
 */
const method = (type, name) => held(scope[type]?.prototype[name]);

/** An attribute as a function that takes its object. @param {string} type @param {string} name @returns {(self: any) => any} */
const getter = (type, name) => held(scope[type]?.prototype.__lookupGetter__(name));

/** @param {any} f @returns {(self: any, ...args: any[]) => any} */
const held = (f) => (self, ...args) => apply(f, self, args);

export const dataOf = getter('MessageEvent', 'data');
export const portOf = getter('SharedWorker', 'port');
export const port1Of = getter('MessageChannel', 'port1');
export const port2Of = getter('MessageChannel', 'port2');
export const startPort = method('MessagePort', 'start');
export const closeChannel = method('BroadcastChannel', 'close');
export const endWorker = method('Worker', 'terminate');

/** A `postMessage`, with one object to transfer. @param {string} type @returns {(to: any, message: object | string, one?: any) => void} */
const posting = (type) => {
  const post = method(type, 'postMessage');
  return (to, message, one) => post(to, message, listOf(one));
};
export const postToPort = posting('MessagePort');
export const postToWorker = posting('Worker');
export const postToChannel = posting('BroadcastChannel');

/** `postMessage` walks a list by its iterator, and a script may have replaced that of arrays. @param {any} one */
const listOf = (one) => ({
  [iterator]: () => ({
    next() {
      const step = { done: !one, value: one };
      one = undefined;
      return step;
    },
  }),
});

const addListener = method('EventTarget', 'addEventListener');

/**
 * Hears what the browser itself tells: an event that a script dispatches does not count.
 * @param {EventTarget} target @param {string} type @param {(event: any) => unknown} heard
 */
export const listen = (target, type, heard) => addListener(target, type, (/** @type {Event} */ event) => event.isTrusted && heard(event));

const locks = scope.navigator?.locks;
const requestLock = held(locks?.request);

/** Calls when a lock is free, where there are locks. @param {string} name @param {() => Promise<void>} then */
export const whenFree = (name, then) => locks && requestLock(locks, name, then);

const { trustedTypes } = scope;
const createPolicy = held(trustedTypes?.createPolicy);
const createScriptURL = method('TrustedTypePolicy', 'createScriptURL');
/** The one address that may become a worker right now. */
let permitted = '';
/** @type {any} */
let policy;

/** An address of a worker, where Trusted Types are demanded. @param {string} url @returns {string} */
export function scriptUrl(url) {
  if (!trustedTypes) return url;
  policy ??= createPolicy(trustedTypes, 'valet-key', { createScriptURL: (/** @type {string} */ asked) => (asked === permitted ? asked : '') });
  permitted = url;
  return createScriptURL(policy, url);
}

const { URL } = globalThis;
const hrefOf = held(/** @type {any} */ (URL.prototype).__lookupGetter__('href'));

/** @param {string | URL} url @param {string} base @returns {string} */
export const resolve = (url, base) => hrefOf(new URL(typeof url === 'string' ? url : hrefOf(url), base));

/** What is said, without what `Object.prototype` says. @template {object} T @param {T} [said] @returns {T} */
export const own = (said) => /** @type {any} */ ({ __proto__: null, ...said });

/**
 * `await` reads the `constructor` of a promise, and a script may have made that of `Promise.prototype` a getter, which is
 * handed the promise and so its value. One of its own keeps this promise to those who have it.
 * @template T @param {Promise<T>} promise @returns {Promise<T>}
 */
export const pinned = (promise) => defineProperty(promise, 'constructor', own({ value: Promise }));
