/**
 * The parts of a sign-in or sign-out that not every page needs, loaded when needed: it watches popups, opens hidden frames,
 * passes on the response that comes to another window, waits for another device, restores sessions, and detects redirect loops. A
 * script of the page could replace this file, since it is loaded later. So this file only gets data that a script also finds in
 * the document, in the address or in storage, and events count only if the browser itself dispatched them. This file imports
 * nothing at its start, because bundlers would move anything that two files import into a further file.
 */

/** @typedef {typeof import('./errors.js').failure} Failure */

/** Milliseconds within which the waiting page must accept a response. */
const HAND_OVER = 2000;

/** Seconds that a page in a frame has to hand over its response: from the start, and from its `load` event. */
const FRAME = 10;
const LOADED = 3;

/** Milliseconds that a user has to sign in in a popup. */
const POPUP_LIFE = 10 * 60 * 1000;

/** Milliseconds between checks of a popup. */
const POPUP_CHECK = 50;

/** If at most so many milliseconds lie between the loss of a popup and the focus of this page, the user closed the popup. */
const TOGETHER = 1000;

/** Milliseconds of focus after which the user has returned to this page for good. */
const STAYS = 10_000;

/** More redirects than a user makes: so many times within so many milliseconds. */
const CIRCLE = { times: 5, within: 30_000 };

/**
 * Hands a response over to the page that waits for it.
 * @param {string} state @param {string} address of the page to which the response came
 * @returns {Promise<boolean>} whether the waiting page accepted it
 */
export function handOver(state, address) {
  const channel = new BroadcastChannel(`valet-key:${state}`);
  return /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      channel.onmessage = ({ isTrusted }) => isTrusted && resolve(true);
      setTimeout(resolve, HAND_OVER, false);
      channel.postMessage(address);
    })
  ).finally(() => channel.close());
}

/** Closes this window. Not every browser lets a page close itself, so the page also says that the user can close it. */
export function closeWindow() {
  close();
  (document.body ?? document.documentElement).textContent = 'You can close this window.';
}

/**
 * The second half of a sign-out: navigates to the provider if the vault gives an address where the provider's own session ends.
 * @param {ReturnType<typeof import('./storage.js').storageOf>} storage
 * @param {Record<number, import('./windows.js').GiveUp>} waits
 * @param {Failure} failure @param {Promise<string>} ended resolves with the address
 * @param {() => 1 | 2 | undefined} earlierMark of the session that there was before, if it is still there
 * @returns {Promise<void>}
 */
export async function signOut(storage, waits, failure, ended, earlierMark) {
  for (const wait in waits) waits[wait](superseded(failure));
  try {
    const url = await ended;
    if (storage.had() === 0) storage.mark(null); // no sign-in has come since
    if (!url) return;
    storage.signingOut(new URL(url).searchParams.get('state') ?? '');
    location.assign(url);
  } catch (error) {
    const isRefused = /** @type {import('./errors.js').Plain} */ (error).code === 'config_error';
    const mark = earlierMark();
    if (isRefused && mark && storage.had() === 0) storage.mark({ sub: '' }, mark);
    throw error;
  }
  return new Promise(() => {}); // the page is leaving
}

/** @param {Failure} failure */
const superseded = (failure) =>
  failure('cancelled', 'user', 'superseded by a sign-out', 'Ignore it: the newer call decides.');

/** @param {Failure} failure @returns {never} */
export function blocked(failure) {
  throw failure('popup_blocked', 'browser', 'the browser blocked the popup', 'Call `signIn` first thing in a click.');
}

/** Functions that end the wait for popups which look closed. The next popup calls them. @type {Set<() => void>} */
const closedPopups = new Set();

/**
 * Watches a popup. If a page of the provider cuts the popup off from this page (COOP), its handle says `closed`, just as after
 * the user has closed it. So `closed` alone is not enough, and the page continues to wait for the response. The user has closed
 * the popup if this page regains the focus at that moment, or has the focus for a while.
 * @param {() => boolean} isClosed
 * @param {Failure} failure @param {import('./windows.js').GiveUp} giveUp
 * @returns {(() => void) | undefined} ends the watch
 */
export function watch(isClosed, failure, giveUp) {
  /** @param {import('./errors.js').Plain['code']} code @param {string} message */
  const fail = (code, message) => giveUp(failure(code, 'user', message, 'Offer the sign-in again.'));
  const closed = () => void fail('popup_closed', 'the popup was closed');
  closedPopups.forEach((close) => close());
  closedPopups.clear();
  if (isClosed()) return closed();
  const listening = new AbortController();
  let [isAway, back, since, attention] = [false, -Infinity, Infinity, 0];
  addEventListener('blur', ({ isTrusted }) => void (isAway ||= isTrusted), listening);
  addEventListener('focus', ({ isTrusted }) => void (isTrusted && isAway && (back = performance.now())), listening);
  const look = setInterval(() => {
    if (!isClosed()) return;
    since = Math.min(since, performance.now());
    closedPopups.add(closed);
    attention = document.hasFocus() ? attention + POPUP_CHECK : 0;
    if (Math.abs(back - since) < TOGETHER || attention >= STAYS) closed();
  }, POPUP_CHECK);
  const end = setTimeout(() => fail('popup_timeout', 'no sign-in in the popup within ten minutes'), POPUP_LIFE);
  return () => {
    closedPopups.delete(closed);
    listening.abort();
    clearInterval(look);
    clearTimeout(end);
  };
}

/**
 * Opens a hidden frame with the provider's page.
 * @param {string} url @param {Failure} failure @param {import('./windows.js').GiveUp} giveUp @returns {() => void} closes it
 */
export function openFrame(url, failure, giveUp) {
  const frame = document.createElement('iframe');
  const listening = new AbortController();
  const noResponse = () =>
    giveUp(failure('timeout', 'server', 'the provider did not respond in a hidden frame', 'Call `signIn()`.', true));
  // The seconds are counted one by one, because neither timers nor the frame advance while this page is frozen.
  let secondsLeft = FRAME;
  const clock = setInterval(() => --secondsLeft > 0 || noResponse(), 1000);
  frame.onload = ({ isTrusted }) => void (isTrusted && (secondsLeft = LOADED));
  // If this page's policy blocks the frame, the browser reports it immediately.
  const forbidden = () =>
    giveUp(
      failure(
        'config_error',
        'app',
        'a policy of this page forbids the hidden frame',
        'Allow the provider in `frame-src`, or use another `mode`.',
      ),
    );
  addEventListener(
    'securitypolicyviolation',
    ({ isTrusted, effectiveDirective }) => isTrusted && effectiveDirective === 'frame-src' && forbidden(),
    listening,
  );
  frame.hidden = true;
  frame.setAttribute('sandbox', 'allow-forms allow-same-origin allow-scripts'); // but not to navigate this page
  frame.src = url;
  document.documentElement.append(frame);
  return () => {
    listening.abort();
    clearInterval(clock);
    frame.remove();
  };
}

/**
 * The ways to restore a session, in a hidden frame or by a redirect of the page; and what to call if the provider declines.
 * @template T
 * @typedef {{ frame: () => Promise<T>, redirect: () => Promise<T>, declined: (reason: string) => void }} Ways
 */

/**
 * Restores a session without user interaction: in a hidden frame if the provider receives its cookies there, otherwise by a
 * redirect of the page. If the provider declines, the user is signed out, and the client does not try again before the next
 * sign-in. A frame without a response counts as declined, too: it may show a form, which the user did not ask for.
 * @template T
 * @param {string} provider @param {string | undefined} guard its options name the provider instead
 * @param {ReturnType<typeof import('./storage.js').storageOf>} storage @param {Ways<T>} ways
 * @returns {Promise<T | null>}
 */
export async function restore(provider, guard, storage, { frame, redirect, declined }) {
  if (guard) {
    const file = new URL('options.json', new URL(guard, location.href));
    const read = async () => (await fetch(file)).json();
    const { issuer, server, openid = issuer } = await read().catch(() => ({})); // offline
    if (!openid) return null; // `prompt=none` needs OpenID Connect
    provider = issuer ?? server.issuer;
  }
  if (!isSameSite(provider)) return redirect();
  try {
    return await frame();
  } catch (error) {
    const { code, oauth } = /** @type {import('./errors.js').Plain} */ (error);
    if (code === 'config_error') return redirect();
    if (code !== 'login_required' && code !== 'timeout') throw error;
    storage.mark(null);
    declined(oauth?.error || code);
    return null;
  }
}

/**
 * Counts how often the app leaves for the provider without a click of the user, and throws if that is too often.
 * @param {string} key in session storage, which may be disabled
 * @param {Failure} failure @param {unknown} cause the error of the last sign-in, if there is one
 * @param {boolean} leaves `false`: only whether it would be too often
 */
export function countRedirect(key, failure, cause, leaves) {
  /** @type {number[]} */
  let times = [];
  try {
    times = JSON.parse(sessionStorage.getItem(key) ?? '[]').filter(
      (/** @type {number} */ time) => Date.now() - time < CIRCLE.within,
    );
  } catch {}
  if (times.push(Date.now()) > CIRCLE.times) {
    throw failure(
      'redirect_loop',
      'app',
      'the page and the provider redirect the user in a loop',
      '`cause` says why the last sign-in failed, if it did.',
      false,
      cause,
    );
  }
  try {
    if (leaves) sessionStorage.setItem(key, JSON.stringify(times));
  } catch {}
}

/**
 * Whether the provider is same-site with the page, so that it receives its cookies in a frame. Only browsers know the public
 * suffixes (`github.io`, `co.uk`), and they refuse a cookie for one. So this tries to set a cookie for the common domain.
 * @param {string} url
 */
function isSameSite(url) {
  const { protocol, hostname } = new URL(url);
  if (protocol !== location.protocol) return false;
  if (hostname === location.hostname) return true;
  const [pageLabels, providerLabels] = [location.hostname, hostname].map((name) => name.split('.').reverse());
  const different = pageLabels.findIndex((label, index) => label !== providerLabels[index]);
  const domain = pageLabels
    .slice(0, different < 0 ? undefined : different)
    .reverse()
    .join('.');
  if (!domain) return false;
  const cookie = (/** @type {number} */ seconds) =>
    `valet-key-site=${domain}; domain=${domain}; max-age=${seconds}; samesite=strict`;
  try {
    document.cookie = cookie(60);
    const isAccepted = document.cookie.includes(`valet-key-site=${domain}`);
    document.cookie = cookie(0);
    return isAccepted;
  } catch {
    return false;
  }
}
/**
 * @typedef {object} Prompt what the user has to do
 * @property {string} userCode
 * @property {string} verificationUri
 * @property {string} [verificationUriComplete]
 * @property {number} expiresAt
 */

/**
 * The scope that every sign-in asks for, and what the user has granted in addition.
 * @typedef {{ scope: string, granted?: string }} Scopes
 */

/**
 * Begins a sign-in on another device, or continues the one that this client has begun before.
 * @template T
 * @param {{ signal?: AbortSignal }} options of the sign-in @param {Scopes} scopes
 * @param {(op: string, args?: object) => Promise<any>} call an operation of the vault for this kind of sign-in
 * @param {(isSignedIn: boolean) => Promise<T | null>} ended returns the session @param {Failure} failure
 * @returns {Promise<Prompt & { session: Promise<T>, qrCode: () => Promise<string> }>}
 */
async function signInByDevice({ signal, ...options }, scopes, call, ended, failure) {
  const begin = async () => {
    signal?.throwIfAborted();
    return call('begin', { ...scopes, options });
  };
  /** @type {{ number: number, prompt: Prompt }} */
  const { number, prompt } = await begin().catch((error) => {
    ended(false);
    throw error;
  });
  const session = sessionAfter(() => finished((op) => call(op, { number }), signal), ended, failure);
  session.catch(() => {}); // the app may look at it later
  const qrCode = async () => {
    const svg = await import('./wasm/qr.js').then(
      (module) => module.svg,
      (cause) => {
        throw failure(
          'network_error',
          'browser',
          'wasm/qr.js cannot be loaded',
          'Serve it with the package.',
          true,
          cause,
        );
      },
    );
    return svg(prompt.verificationUriComplete ?? prompt.verificationUri);
  };
  return { ...prompt, qrCode, session };
}

/**
 * Signs the client in without a user.
 * @template T
 * @param {{ signal?: AbortSignal }} options of the sign-in @param {Scopes} scopes
 * @param {(op: string, args?: object) => Promise<any>} call an operation of the vault
 * @param {(isSignedIn: boolean) => Promise<T | null>} ended returns the session @param {Failure} failure @returns {Promise<T>}
 */
async function signInAsMachine({ signal, ...options }, { scope }, call, ended, failure) {
  const signIn = async () => {
    signal?.throwIfAborted();
    await call('signIn', { scope, options });
  };
  return sessionAfter(signIn, ended, failure);
}

/**
 * The session after a sign-in that needs no page of the provider here.
 * @template T
 * @param {() => Promise<unknown>} signIn @param {(isSignedIn: boolean) => Promise<T | null>} ended returns the session
 * @param {Failure} failure @returns {Promise<T>}
 */
async function sessionAfter(signIn, ended, failure) {
  let isSignedIn = false;
  try {
    await signIn();
    isSignedIn = true;
  } finally {
    if (!isSignedIn) ended(false);
  }
  const session = await ended(true);
  if (!session) throw superseded(failure);
  return session;
}

/**
 * Registers an app without a client ID at the provider, unless the browser remembers its ID. Tabs do so one after the other, and so
 * get the same ID.
 * @param {ReturnType<typeof import('./storage.js').storageOf>} storage
 * @param {{ redirectUri: string, namesPage: boolean, scope: string, registration?: object, document?: string }} app
 * @param {(args: object) => Promise<string>} call the operation of the vault @param {Failure} failure
 */
export async function register({ clientKey, awayKey }, { registration, ...app }, call, failure) {
  const key = clientKey(app.redirectUri);
  const more = registration === undefined ? undefined : plain(registration);
  if (more === null) {
    const hint = "Write client metadata, such as `{ client_name: 'My app' }`.";
    throw failure('config_error', 'app', 'option `registration`: not an object', hint);
  }
  /** @template T @param {() => T} use */
  const stored = (use) => {
    try {
      return use();
    } catch (cause) {
      const hint = 'Allow or clear site data, or set `clientId`.';
      throw failure('config_error', 'app', 'no local storage for the client ID', hint, false, cause);
    }
  };
  await navigator.locks.request(key, async () => {
    const known = stored(() => localStorage.getItem(key)) || undefined;
    if (!known) stored(() => localStorage.setItem(key, '')); // before the provider is asked
    const unreturned = stored(() => sessionStorage.getItem(awayKey)) !== null;
    const text = await call({ ...app, registration: more, known, unreturned });
    if (text !== known) stored(() => localStorage.setItem(key, text));
    stored(() => sessionStorage.removeItem(awayKey));
  });
}

/** What JSON keeps of an object; `null` for anything else. @param {unknown} value @returns {object | null} */
function plain(value) {
  try {
    const copy = JSON.parse(JSON.stringify(value));
    return typeof copy === 'object' ? copy : null;
  } catch {
    return null;
  }
}

/** @param {string} key of what a registration gave */
export function forget(key) {
  try {
    localStorage.removeItem(key);
  } catch {} // disabled, so that there is nothing to forget
}

/** The modes in which no page of the provider comes back to this browser. */
export const signInBy = { device: signInByDevice, machine: signInAsMachine };

/**
 * Responds to a request of the vault for a signature: see `keys.js`. The server may have removed that file by now.
 * @param {any} request @param {(response: { of: string, text: string }) => Promise<unknown>} answer
 */
export async function sign(request, answer) {
  const keys = await import(/* webpackMode: "eager" */ './keys.js').catch(() => undefined);
  const signed = keys ? await keys.respond(request) : { lacks: 'part' };
  await answer({ of: request.of, text: JSON.stringify(signed) });
}

/**
 * Waits until the user is signed in. The core says how long to wait, also to a page that asks too early.
 * @param {(op: string) => Promise<any>} call @param {AbortSignal} [signal]
 */
async function finished(call, signal) {
  let abort = () => {};
  const aborted = new Promise((_, reject) => {
    abort = () => {
      call('abandon').catch(() => {}); // the worker is gone
      reject(signal?.reason);
    };
  });
  aborted.catch(() => {});
  signal?.addEventListener('abort', abort);
  try {
    if (signal?.aborted) abort();
    for (;;) {
      const milliseconds = await Promise.race([aborted, call('poll')]);
      if (milliseconds === null) return;
      await Promise.race([
        aborted,
        new Promise((resolve) => setTimeout(resolve, /** @type {number} */ (milliseconds))),
      ]);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
