/**
 * The guard: a service worker that begins sign-ins and takes the provider's responses before any page exists, so that no script of
 * a page meets a code, a verifier or a `state`. It runs the same file and the same module as the vault. Its scope is the folder of
 * that file, so it controls the vault and no page of the app.
 *
 * `src/vault/guard.rs` decides where the browser goes. This file answers the requests, and holds what waits for the vault.
 */

/** The longest time, in milliseconds, for which a response waits for the vault. */
const HELD = 60_000;

/** A page in place of the app's, at the end of a sign-in in another window. */
const CLOSING = '<!doctype html><title>Signed in</title><script>close()</script><p>You can close this window.';
const CLOSING_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'",
  'cache-control': 'no-store',
};

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

/** By the name of the sign-in: what the vault gets. @type {Map<string, { handover: Promise<object>, at: number }>} */
const waiting = new Map();

/** Begins to serve. To be called once, when the service worker starts. The addresses are absolute. */
export function standGuard(
  /** @type {string} */ folder,
  /** @type {(message: object) => Promise<string>} */ core,
) {
  const redirectPage = `${folder}callback.html`;

  /** @param {Fetch} event @param {{ address?: string, carried?: string }} args */
  async function onward(event, args) {
    try {
      const { to, flow, record, failure } = /** @type {Onward} */ (JSON.parse(await core(args)));
      if (flow) hold(event, flow, failure ? { failure } : record && { record, address: args.address });
      if (to) return Response.redirect(inApp(to), 303);
    } catch {} // a fault of this library, or its files cannot be loaded
    return Response.redirect(redirectPage, 303); // without the response
  }

  /** A page of the app; never one in this folder except the closing page. @param {string} to @returns {string} */
  function inApp(to) {
    const { href } = new URL(to, folder);
    return href.startsWith(folder) && href !== `${folder}guard/done` ? new URL('/#-', folder).href : href;
  }

  /** @param {Fetch} event @param {string} flow @param {object | undefined | ''} what */
  function hold(event, flow, what) {
    const now = Date.now();
    for (const [name, { at }] of waiting) if (!(now - at >= 0 && now - at <= HELD)) waiting.delete(name);
    if (!what) return;
    const handover =
      'failure' in what ? Promise.resolve(what) : core(what).then((text) => ({ handover: text }));
    waiting.set(flow, { handover, at: now });
    event.waitUntil(handover.catch(() => {}));
    // The page that waits for another window. No other page knows the name, and the message says nothing.
    const channel = new BroadcastChannel(`valet-key:${flow}`);
    channel.postMessage('');
    setTimeout(() => channel.close(), 1000);
  }

  /** Gives the vault what it waits for, once. @param {Fetch} event */
  async function take({ clientId, request }) {
    const client = clientId ? await scope.clients.get(clientId) : undefined;
    if (client?.type !== 'sharedworker' || client.url !== `${folder}worker.js`) return new Response('', { status: 403 });
    const flow = await request.text();
    const { handover } = waiting.get(flow) ?? {};
    waiting.delete(flow);
    const text = JSON.stringify((await handover?.catch(() => {})) ?? {});
    return new Response(text, { headers: { 'cache-control': 'no-store' } });
  }

  scope.onfetch = (/** @type {Fetch} */ event) => {
    const { mode, method, url } = event.request;
    const [address] = url.split(/[?#]/);
    const query = url.slice(address.length);
    if (mode !== 'navigate') {
      if (address === `${folder}guard/take` && method === 'POST') event.respondWith(take(event));
    } else if (address === `${folder}guard/go`) event.respondWith(onward(event, { carried: query.slice(1) }));
    else if (address === redirectPage && query.length > 1) event.respondWith(onward(event, { address: url }));
    else if (address === `${folder}guard/done`) event.respondWith(new Response(CLOSING, { headers: CLOSING_HEADERS }));
  };
  scope.oninstall = (/** @type {any} */ event) => {
    // The vault's calls of APIs pass this worker by where the engine knows static routes. Elsewhere `onfetch` lets them pass.
    event.addRoutes?.({ condition: { not: { urlPattern: `${folder}*` } }, source: 'network' }).catch(() => {});
    event.waitUntil(sealed(redirectPage).then(() => scope.skipWaiting()));
  };
  scope.onactivate = (/** @type {Extendable} */ event) => event.waitUntil(scope.clients.claim());
}

/** Forgets what waits for the vault. To be called when the user has signed out. */
export const forgetWaiting = () => waiting.clear();

/**
 * Checks that no page can read the redirect page, which a browser without a guard shows: in a sandbox it has an origin of its own.
 * With `X-Frame-Options`, WebKit shows a page instead whose address the parent can read.
 * @param {string} redirectPage
 */
async function sealed(redirectPage) {
  const { ok, headers } = await fetch(redirectPage, { cache: 'no-store' });
  const policies = (headers.get('content-security-policy') ?? '').split(/[;,]/);
  if (!ok || headers.has('x-frame-options') || !policies.some((directive) => /^\s*sandbox\s*$/i.test(directive)))
    throw new Error(`${redirectPage} needs the header \`Content-Security-Policy: default-src 'none'; sandbox\``);
}
