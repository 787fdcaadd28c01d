/**
 * The platform's functions as they were when this library loaded. A script that replaces one of them later sees no message of
 * this library and gets none of its ports, workers or windows. `docs/security.md` says what a script that ran earlier can do.
 *
 * Rules for every file of the page that handles messages, ports or options:
 *
 * - It takes the platform's functions from this file. It reads lists by index and makes objects without a prototype, because a
 *   script may have replaced iterators, `map`, `Map` and the members of `Object.prototype`.
 * - Every awaited promise is {@link pinned}, and resolves with a primitive or with an object without a prototype.
 * - An event counts only if the browser itself dispatched it, see {@link listen}.
 */

/** The page's globals. On a server, where they do not exist, this file touches nothing. @type {any} */
const scope = typeof Window === 'undefined' ? {} : globalThis;

const { apply } = Reflect;
const { iterator } = Symbol;

/** The native `Promise`, with which `await` compares. Some libraries replace the global one. @type {PromiseConstructor} */
export const Promise = /** @type {any} */ ((async () => {})().constructor);
export const { defineProperty, freeze } = Object;
export const { isArray } = Array;
export const { BroadcastChannel, MessageChannel, SharedWorker, Worker } = scope;

/** A function of the page that does not need it as its `this`: some bundles call an import as a method. @param {string} name @returns {any} */
const free = (name) => {
  const native = scope[name];
  return (/** @type {any[]} */ ...args) => apply(native, scope, args);
};
export const open = free('open');
export const setTimeout = free('setTimeout');

/**
 * A method as a function that takes the object as its first argument. @param {string} type @param {string} name
 * @returns {(self: any, ...args: any[]) => any}
 */
const method = (type, name) => uncurryThis(scope[type]?.prototype[name]);

/**
 * The getter of an attribute as a function that takes the object.
 * @param {string} type @param {string} name @returns {(self: any) => any}
 */
const getter = (type, name) => uncurryThis(scope[type]?.prototype.__lookupGetter__(name));

/** @param {any} method @returns {(self: any, ...args: any[]) => any} */
const uncurryThis =
  (method) =>
  (self, ...args) =>
    apply(method, self, args);

export const dataOf = getter('MessageEvent', 'data');
export const portOf = getter('SharedWorker', 'port');
export const port1Of = getter('MessageChannel', 'port1');
export const port2Of = getter('MessageChannel', 'port2');
export const startPort = method('MessagePort', 'start');
export const closeChannel = method('BroadcastChannel', 'close');
export const endWorker = method('Worker', 'terminate');

/**
 * A `postMessage` method that transfers at most one object.
 * @param {string} type @returns {(to: any, message: object | string, one?: any) => void}
 */
const posting = (type) => {
  const post = method(type, 'postMessage');
  return (to, message, one) => post(to, message, listOf(one));
};
export const postToPort = posting('MessagePort');
export const postToWorker = posting('Worker');
export const postToChannel = posting('BroadcastChannel');

/** `postMessage` reads its transfer list with the iterator, and a script may have replaced that of arrays. @param {any} one */
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
 * Listens to events that the browser itself dispatches, and ignores those that a script dispatches.
 * @param {EventTarget} target @param {string} type @param {(event: any) => unknown} listener
 */
export const listen = (target, type, listener) =>
  addListener(target, type, (/** @type {Event} */ event) => event.isTrusted && listener(event));

const locks = scope.navigator?.locks;
const requestLock = uncurryThis(locks?.request);

/** Calls a function when a lock is free, if there are Web Locks. @param {string} name @param {() => Promise<void>} then */
export const whenFree = (name, then) => locks && requestLock(locks, name, then);

const { trustedTypes } = scope;
const createPolicy = uncurryThis(trustedTypes?.createPolicy);
const createScriptURL = method('TrustedTypePolicy', 'createScriptURL');
/** The only URL that the Trusted Types policy lets through at the moment. */
let permitted = '';
/** @type {any} */
let policy;

/** An address of a worker, where Trusted Types are demanded. @param {string} url @returns {string} */
export function scriptUrl(url) {
  if (!trustedTypes) return url;
  policy ??= createPolicy(trustedTypes, 'valet-key', {
    createScriptURL: (/** @type {string} */ requested) => (requested === permitted ? requested : ''),
  });
  permitted = url;
  return createScriptURL(policy, url);
}

const { URL } = globalThis;
const hrefOf = uncurryThis(/** @type {any} */ (URL.prototype).__lookupGetter__('href'));

/** @param {string | URL} url @param {string} base @returns {string} */
export const resolve = (url, base) => hrefOf(new URL(typeof url === 'string' ? url : hrefOf(url), base));

/** A copy with the own properties of an object and without a prototype. @template {object} T @param {T} [from] @returns {T} */
export const withoutPrototype = (from) => /** @type {any} */ ({ __proto__: null, ...from });

/**
 * Gives a promise an own property `constructor`. `await` reads the `constructor` of a promise, and a script may have replaced
 * that of `Promise.prototype` with a getter, which then receives the promise and so its value.
 * @template T @param {Promise<T>} promise @returns {Promise<T>}
 */
export const pinned = (promise) => defineProperty(promise, 'constructor', withoutPrototype({ value: Promise }));
