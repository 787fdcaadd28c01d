/**
 * The guard: a service worker that begins sign-ins and takes the provider's responses before any page exists, so that no script of
 * a page meets a code, a verifier or a `state`. It runs the same file and the same module as the vault. Its scope is the folder of
 * that file, so it controls the vault and no page of the app.
 *
 * `src/vault/guard.rs` decides where the browser goes. This file answers the requests, and holds what waits for the vault.
 */

import { flaw } from '../sealed.js';
import { hearNews, keep } from './keeper.js';

/** The longest time, in milliseconds, for which a response waits for the vault; and how many wait at a time, at most. */
const HELD = 60_000;
const MAX_WAITING = 32;

/** Milliseconds within which a newer file is installed. */
const START = 5000;

/** How often a departure is tried with another release of this file. */
const ATTEMPTS = 3;

/** The page at the end of a sign-in in another window. */
const CLOSING = '<title>Done</title><script>close()</script><p>You can close this window.';

/** @param {string} content */
const page = (content) =>
  new Response(`<!doctype html>${content}`, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'",
      'cache-control': 'no-store',
    },
  });

/** @type {any} */
const scope = globalThis;

/**
 * What this file uses of an event of a service worker.
 * @typedef {{ waitUntil: (promise: Promise<unknown>) => void }} Extendable
 * @typedef {Extendable & { request: Request, clientId: string, respondWith: (response: Response | Promise<Response>) => void }} Fetch
 */

/**
 * @typedef {{ to?: string, flow?: string, record?: string, failure?: string }} Onward where the browser goes, see
 *   `src/vault/guard.rs`
 */

/**
 * By the name of the sign-in: what the vault gets, since when, and the client ID of the vault that has taken it.
 * @type {Map<string, { handover: Promise<object>, at: number, by: string }>}
 */
const waiting = new Map();

/** Begins to serve. To be called once, when the service worker starts. The addresses are absolute. */
export function standGuard(/** @type {string} */ folder, /** @type {(message: object) => Promise<string>} */ core) {
  const redirectPage = `${folder}callback.html`;
  const closingPage = `${folder}guard/done`;

  /**
   * Where the browser goes.
   * @param {Fetch} event @param {{ address?: string, carried?: string }} message @param {string} carried for another attempt
   * @param {number} attempts so far
   */
  async function onward(event, message, carried, attempts) {
    try {
      const { to, flow, record, failure } = /** @type {Onward} */ (JSON.parse(await core(message)));
      if (flow) hold(event, flow, failure ? { failure } : record && { record, address: message.address });
      if (to) return Response.redirect(allowed(to), 303);
    } catch {
      // The files of another release are on the server, or a fault of this library.
      const departure = `${folder}guard/go?${carried}`;
      if (/^[\w-]+$/.test(carried) && attempts < ATTEMPTS) {
        if (message.address) return Response.redirect(departure, 303);
        await update();
        // After as many seconds as there were attempts.
        const next = `${attempts}; url=${departure}&${attempts + 1}`;
        return page(`<meta http-equiv="refresh" content="${next}">One moment`);
      }
    }
    return Response.redirect(SEALED, 303);
  }

  /** The redirect page without a response. Without the fragment, that of a response would be carried over. */
  const SEALED = `${redirectPage}#-`;

  /** An address at the provider or in the app; in this folder only the closing page. @param {string} to @returns {string} */
  function allowed(to) {
    const { href } = new URL(to, folder);
    return href.startsWith(folder) && href !== closingPage ? new URL('/#-', folder).href : href;
  }

  /**
   * Holds what the vault takes, and tells the page that waits for another window. No other page knows the name of the sign-in,
   * and the message says nothing.
   * @param {Fetch} event @param {string} flow @param {object | undefined | ''} what
   */
  function hold(event, flow, what) {
    for (const [name, { at }] of waiting) if (!isRecent(at) || waiting.size > MAX_WAITING) waiting.delete(name);
    const isReady = !what || 'failure' in what;
    const handover = isReady ? Promise.resolve(what || {}) : core(what).then((text) => ({ handover: text }));
    // The user may have sent the provider's form again.
    if (what || !waiting.has(flow)) waiting.set(flow, { handover, at: Date.now(), by: '' });
    event.waitUntil(handover.catch(() => {}));
    const channel = new BroadcastChannel(`valet-key:${flow}`);
    channel.postMessage('');
    setTimeout(() => channel.close(), 1000);
  }

  /**
   * Answers a request of the vault, and of no other client.
   * @param {Fetch} event @param {(text: string, vault: any) => Promise<object | undefined>} find
   */
  async function serve({ clientId, request }, find) {
    const client = clientId ? await scope.clients.get(clientId) : undefined;
    if (client?.type !== 'sharedworker' || client.url !== `${folder}worker.js`)
      return new Response('', { status: 403 });
    const found = await find(await request.text(), client);
    return new Response(JSON.stringify(found ?? {}), { headers: { 'cache-control': 'no-store' } });
  }

  /** Gives a vault what it waits for, once; a second time only to the next vault. @param {string} flow @param {any} vault */
  async function take(flow, { id }) {
    const entry = waiting.get(flow);
    if (!entry || !isRecent(entry.at)) return { lost: true };
    const isFree = !entry.by || (entry.by !== id && !(await scope.clients.get(entry.by)));
    if (!isFree) return;
    entry.by = id;
    return entry.handover.catch(() => undefined);
  }

  /** By the last part of the address. @type {Record<string, (text: string, vault: any) => Promise<object | undefined>>} */
  const services = {
    take,
    // The vault asks whether the guard is there, and not the host, before it makes a deposit.
    keep: async (text, vault) => {
      const { asks, ...message } = JSON.parse(text);
      return asks ? { keeps: asks } : keep(message, vault);
    },
  };

  scope.onfetch = (/** @type {Fetch} */ event) => {
    const { mode, method, url } = event.request;
    const [address] = url.split(/[?#]/);
    const [, query = '', fragment = ''] = /^[^?#]*([?][^#]*)?(#.*)?$/.exec(url) ?? [];
    if (mode !== 'navigate') {
      for (const [name, find] of Object.entries(services))
        if (address === `${folder}guard/${name}` && method === 'POST') event.respondWith(serve(event, find));
    } else if (address === `${folder}guard/go`) {
      const [carried, attempts] = query.slice(1).split('&');
      event.respondWith(onward(event, { carried }, carried, Number(attempts) || 0));
    } else if (address === redirectPage && query.length > 1) {
      const [, , carried = ''] = new URLSearchParams(query).get('state')?.split('.') ?? [];
      event.respondWith(onward(event, { address: url }, carried, 0));
    } else if (address === redirectPage && fragment.length > 1 && fragment !== '#-')
      event.respondWith(Response.redirect(SEALED, 303));
    else if (address === closingPage) event.respondWith(page(CLOSING));
  };
  async function install() {
    const wrong = await flaw(folder);
    if (wrong) throw new Error(wrong);
    await scope.skipWaiting();
  }

  scope.oninstall = (/** @type {any} */ event) => {
    // The vault's calls of APIs pass this worker by where the engine knows static routes. Elsewhere `onfetch` lets them pass.
    event.addRoutes?.({ condition: { not: { urlPattern: `${folder}*` } }, source: 'network' }).catch(() => {});
    event.waitUntil(install());
  };
  hearNews();
  scope.onactivate = (/** @type {Extendable} */ event) => event.waitUntil(scope.clients.claim());
}

/** @param {number} at */
const isRecent = (at) => Date.now() - at >= 0 && Date.now() - at <= HELD;

/** Looks for a newer file. It becomes active when this worker has no more requests to answer, or before. */
async function update() {
  try {
    const registration = await scope.registration.update();
    for (let waited = 0; registration.installing && waited < START; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20));
  } catch {} // offline
}

/** Forgets what waits for the vault, which gets nothing. To be called when the user has signed out. */
export function forgetWaiting() {
  for (const entry of waiting.values()) entry.handover = Promise.resolve({});
}
