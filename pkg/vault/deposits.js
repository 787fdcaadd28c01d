/**
 * The vault's side of the keeper, see `keeper.js`. With a guard, the guard is the keeper. Without one, in engines in which workers
 * cannot send messages to a service worker, or where the keeper may not be registered, nothing is deposited, and a session ends
 * with its vault.
 */

import { isGuarded } from './kind.js';

/** Milliseconds between deposits. Firefox ends a service worker that gets no message for about 30 seconds. */
const INTERVAL = 20_000;

/** Milliseconds for which a vault that starts waits for the keeper, which a slow device has to start first, and between looks whether a new keeper has started. */
const WAIT = 2000;
const PAUSE = 25;

/** Milliseconds within which a keeper that was registered starts. */
const START = 10_000;

/** Absent in the workers of some engines. */
const serviceWorker = /** @type {ServiceWorkerContainer | undefined} */ (navigator.serviceWorker);
const name = /** @type {any} */ (globalThis).name;

/** The address of this file, which no page can change, and a scope beside it. No other file is trusted with a deposit. */
const [file] = location.href.split('#');
export const scopeUrl = () => new URL('keeper/', file).href;

/**
 * Where the guard takes deposits: by requests, since workers cannot send messages to a service worker in every engine. A keeper of
 * its own beside the guard, of the same file, made Firefox bypass the guard at times.
 */
const atGuard = __IS_PINNED__ && isGuarded ? new URL('guard/keep', file).href : '';

/**
 * What a vault deposits: its sessions as a text, which is empty if there are none, and the keys that their tokens are bound to, as
 * `adopt` of `src/npm.rs` takes them.
 * @typedef {{ deposit?: string, keys?: unknown[] }} Deposited
 */

/** The requests to the guard, one after the other. @type {Promise<any>} */
let requests = Promise.resolve();

/** @param {Deposited} message @returns {Promise<Deposited & { news?: unknown[] }>} */
function request(message) {
  const { deposit } = message;
  const send = async (/** @type {object} */ content) => {
    const body = JSON.stringify(content);
    // Requests that outlive the worker have a limit of 64 KiB.
    const options = { method: 'POST', body, redirect: 'error', credentials: 'omit', keepalive: !deposit };
    const response = await fetch(atGuard, /** @type {RequestInit} */ (options));
    return response.ok ? response.json() : {};
  };
  return (requests = requests.then(async () => {
    try {
      // The site's host would get the deposit if the browser has removed the guard. No host knows this answer.
      const asks = crypto.randomUUID();
      if (deposit && (await send({ asks })).keeps !== asks) return {};
      return await send({ ...message, name });
    } catch {
      return {};
    }
  }));
}

/** @type {ServiceWorkerRegistration | undefined} */
let registration;
/** @type {Promise<void> | undefined} */
let registering;
/** @type {{ deposit: string, keys: unknown[] }} */
let latest = { deposit: '', keys: [] };
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** The keeper. Any script of the origin could have registered another file for the scope, or the file for a wider scope. */
function keeper() {
  const active = registration?.active;
  return active?.scriptURL === file && registration?.scope === scopeUrl() ? active : undefined;
}

/** @param {Deposited} message @param {Transferable[]} [transfer] @returns {boolean} whether there is a keeper */
function post(message, transfer = []) {
  if (__IS_PINNED__ && isGuarded) return Boolean(request(message));
  keeper()?.postMessage({ ...message, name }, transfer);
  return Boolean(keeper());
}

/**
 * Takes over what an earlier vault has deposited. To be called once, when the vault starts.
 * @param {boolean} had whether there may be a deposit, as a page thinks
 * @returns {Promise<Deposited & { news?: unknown[] }>}
 */
export async function takeOver(had) {
  const late = new Promise((resolve) => setTimeout(resolve, WAIT));
  const asked = ask(had).catch(() => ({}));
  const answer = await Promise.race([late, asked]);
  // The keeper thinks that this vault has the session.
  if (!answer) asked.then(() => post(latest));
  return answer ?? {};
}

/** @param {boolean} had */
async function ask(had) {
  if (__IS_PINNED__ && isGuarded) return had ? request({}) : {};
  registration = await serviceWorker?.getRegistration(scopeUrl());
  // In WebKit, a new worker may not find the registration that an earlier one made. To register again returns it.
  if (had && !keeper()) registration = await serviceWorker?.register(file, { scope: scopeUrl() });
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => (port1.close(), resolve(data));
    if (!post({}, [port2])) resolve({});
  });
}

/**
 * Registers the keeper if that was not done yet. To be called when a sign-in is completed, or begins on another device: the
 * registration takes a moment. Not when one begins here, because WebKit does not finish an installation whose page is left, nor begin
 * another one.
 */
export function prepareKeeper() {
  if (__IS_PINNED__ && isGuarded) return;
  return (registering ??= register().catch(() => {}));
}

/**
 * Deposits the sessions of this vault for the next one.
 * @param {string} text empty if there are none: the keeper forgets them
 * @param {unknown[]} [keys] those of the last call by default
 */
export function deposit(text, keys = latest.keys) {
  latest = { deposit: text, keys: text ? keys : [] };
  clearInterval(timer);
  if (text) timer = setInterval(() => post(latest), INTERVAL);
  if (!post(latest) && text) prepareKeeper();
}

/**
 * Resolves when the guard or the keeper has what was deposited last, unless it does not respond in time: the page may be left right after a
 * sign-in. The first keeper of a browser has to be registered.
 */
export const deposited = () =>
  Promise.race([
    __IS_PINNED__ && isGuarded ? requests : keeper() ? undefined : registering,
    new Promise((resolve) => setTimeout(resolve, WAIT)),
  ]);

/** Registers the keeper, or updates it, and deposits what there is by then. */
async function register() {
  if (!serviceWorker) return;
  registration = await serviceWorker.register(file, { scope: scopeUrl() });
  const isNew = !keeper();
  await started();
  if (!isNew) await registration.update().then(started);
}

/**
 * Waits until the newest file of the keeper has started, which has no deposits then. If it never does, the next sign-in tries
 * again.
 */
async function started() {
  for (let waited = 0; registration?.installing || registration?.waiting || !keeper(); waited += PAUSE) {
    if (waited > START) {
      registering = undefined;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  if (latest.deposit) post(latest);
}
