/**
 * What only some trips to the provider need, loaded then: a popup is watched, a hidden frame opened, a response in another
 * window passed on, and redirects that go in circles are counted. A script of the page could put something in the place of
 * this file. So nothing passes here that it does not find in the document, in the address or in storage as well; events
 * count only if the browser itself made them. It imports nothing, since bundlers would make a further file of what two files
 * import.
 */

/** @typedef {typeof import('./errors.js').failure} Failure */

/** Milliseconds until the page that waits must have taken a response. */
const TAKEN = 2000;

/** Seconds that a page in a frame has to hand over its response: from the start, and once it is loaded. */
const FRAME = 10;
const LOADED = 3;

/** Milliseconds that a user has for a popup. */
const LIFE = 10 * 60 * 1000;

/** Milliseconds between looks at a popup. */
const LOOK = 50;

/** Milliseconds between the loss of a popup and the user's coming back to this page by which it was the user who closed it. */
const TOGETHER = 1000;

/** Milliseconds that a page has the user's attention, and not only for a moment. */
const STAYS = 10_000;

/** No user signs in this many times in so many milliseconds. */
const CIRCLE = { times: 5, within: 30_000 };

/**
 * Gives a response to the page that waits for it.
 * @param {string} state @param {string} address of the page that it came to @returns {Promise<boolean>} whether it was taken
 */
export function handOver(state, address) {
  const channel = new BroadcastChannel(`valet-key:${state}`);
  return /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      channel.onmessage = ({ isTrusted }) => isTrusted && resolve(true);
      setTimeout(resolve, TAKEN, false);
      channel.postMessage(address);
    })
  ).finally(() => channel.close());
}

/** Closes this window, which has nothing left to show. Not every browser lets a page close itself. */
export function putAway() {
  close();
  (document.body ?? document.documentElement).textContent = 'You can close this window.';
}

/**
 * Goes on after the session here has ended, and leaves the page for the provider if it has a session of its own to end.
 * @param {ReturnType<typeof import('./pending.js').pendingOf>} pending @param {Record<number, import('./windows.js').GiveUp>} waits
 * @param {Failure} failure @param {Promise<string>} ended gives the address @param {unknown} session that of the page until then
 * @returns {Promise<void>}
 */
export async function signOut(pending, waits, failure, ended, session) {
  for (const wait in waits) waits[wait](failure('cancelled', 'user', 'overtaken by a sign-out', 'Something newer took its place.'));
  try {
    const url = await ended;
    if (!url) return;
    pending.signingOut(new URL(url).searchParams.get('state') ?? '');
    location.assign(url);
  } catch (error) {
    if (session && /** @type {import('./errors.js').Plain} */ (error).code === 'config_error') pending.mark(true); // nobody was signed out
    throw error;
  }
  return new Promise(() => {}); // the page is leaving
}

/** @param {Failure} failure @returns {never} */
export function blocked(failure) {
  throw failure('popup_blocked', 'browser', 'the browser blocked the popup', 'Call `signIn` first thing in a click.');
}

/** Popups that may be closed: another one takes their place. @type {Set<() => void>} */
const lost = new Set();

/**
 * Looks whether a popup is still there. To this page, one that the user closes and one that a page of the provider cuts off from
 * it (COOP) look alike: its handle says `closed`. So that alone says nothing, and the response is waited for. The user has closed
 * it if this page gets the focus back at that moment, or has it for a while.
 * @param {() => boolean} isClosed
 * @param {Failure} failure @param {import('./windows.js').GiveUp} giveUp @returns {(() => void) | undefined} ends it
 */
export function watch(isClosed, failure, giveUp) {
  /** @param {import('./errors.js').Plain['code']} code @param {string} message */
  const leave = (code, message) => giveUp(failure(code, 'user', message, 'Offer the sign-in again.'));
  const closed = () => void leave('popup_closed', 'the popup was closed');
  lost.forEach((close) => close());
  lost.clear();
  if (isClosed()) return closed();
  const over = new AbortController();
  let [isAway, back, since, attention] = [false, -Infinity, Infinity, 0];
  addEventListener('blur', ({ isTrusted }) => void (isAway ||= isTrusted), over);
  addEventListener('focus', ({ isTrusted }) => void (isTrusted && isAway && (back = performance.now())), over);
  const look = setInterval(() => {
    if (!isClosed()) return;
    since = Math.min(since, performance.now());
    lost.add(closed);
    attention = document.hasFocus() ? attention + LOOK : 0;
    if (Math.abs(back - since) < TOGETHER || attention >= STAYS) closed();
  }, LOOK);
  const end = setTimeout(() => leave('popup_timeout', 'no sign-in in the popup within ten minutes'), LIFE);
  return () => {
    lost.delete(closed);
    over.abort();
    clearInterval(look);
    clearTimeout(end);
  };
}

/**
 * Opens a hidden frame at the provider.
 * @param {string} url @param {Failure} failure @param {import('./windows.js').GiveUp} giveUp @returns {() => void} closes it
 */
export function openFrame(url, failure, giveUp) {
  const frame = document.createElement('iframe');
  const over = new AbortController();
  const silent = () => giveUp(failure('timeout', 'server', 'the provider did not respond in a hidden frame', 'Call `signIn()`.', true));
  // Seconds are counted one by one: while this page is frozen, neither they nor the frame go on.
  let left = FRAME;
  const clock = setInterval(() => --left > 0 || silent(), 1000);
  frame.onload = ({ isTrusted }) => void (isTrusted && (left = LOADED));
  // A policy of this page that does not let the frame go there says so at once.
  const forbidden = () => giveUp(failure('config_error', 'app', 'a policy of this page forbids the hidden frame', 'Allow the provider in `frame-src`, or use another `mode`.'));
  addEventListener('securitypolicyviolation', ({ isTrusted, effectiveDirective }) => isTrusted && effectiveDirective === 'frame-src' && forbidden(), over);
  frame.hidden = true;
  frame.setAttribute('sandbox', 'allow-forms allow-same-origin allow-scripts'); // and not to navigate this page
  frame.src = url;
  document.documentElement.append(frame);
  return () => {
    over.abort();
    clearInterval(clock);
    frame.remove();
  };
}

/**
 * How to bring a session back: in a hidden frame, or by leaving the page; and what hears of it when the provider declines.
 * @template T
 * @typedef {{ beside: () => Promise<T>, leave: () => Promise<T>, declined: (reason: string) => void }} Ways
 */

/**
 * Brings a session back without a question: in a hidden frame if the provider's cookies go along there, else by a trip of the
 * page. Whoever is declined is signed out, and it is not tried again before the next sign-in. So is who gets no response in a
 * frame: it may show a form, and nobody asked to see that.
 * @template T @param {string} provider @param {ReturnType<typeof import('./pending.js').pendingOf>} pending @param {Ways<T>} ways
 * @returns {Promise<T | null>}
 */
export async function restore(provider, pending, { beside, leave, declined }) {
  if (!isSameSite(provider)) return leave();
  try {
    return await beside();
  } catch (error) {
    const { code, oauth } = /** @type {import('./errors.js').Plain} */ (error);
    if (code === 'config_error') return leave();
    if (code !== 'login_required' && code !== 'timeout') throw error;
    pending.mark(false);
    declined(oauth?.error || code);
    return null;
  }
}

/**
 * Counts the times that the app leaves for the provider without a click of the user.
 * @param {string} key in session storage, which can be switched off
 * @param {Failure} failure @param {unknown} cause why it came to this, if that is known
 */
export function leaveAgain(key, failure, cause) {
  /** @type {number[]} */
  let times = [];
  try {
    times = JSON.parse(sessionStorage.getItem(key) ?? '[]').filter((/** @type {number} */ time) => Date.now() - time < CIRCLE.within);
  } catch {}
  if (times.push(Date.now()) > CIRCLE.times) {
    throw failure('redirect_loop', 'app', 'the page and the provider send the user round in circles', '`cause` says why the last sign-in failed, if it did.', false, cause);
  }
  try {
    sessionStorage.setItem(key, JSON.stringify(times));
  } catch {}
}

/**
 * Whether the provider is of the page's site, so that its cookies go along in a frame. Under which names sites begin is known
 * to browsers alone (`github.io`, `co.uk`): they take no cookie for all sites below such a name.
 * @param {string} url
 */
function isSameSite(url) {
  const { protocol, hostname } = new URL(url);
  if (protocol !== location.protocol) return false;
  if (hostname === location.hostname) return true;
  const [here, there] = [location.hostname, hostname].map((name) => name.split('.').reverse());
  const different = here.findIndex((label, place) => label !== there[place]);
  const domain = here.slice(0, different < 0 ? undefined : different).reverse().join('.');
  if (!domain) return false;
  const cookie = (/** @type {number} */ seconds) => `valet-key-site=${domain}; domain=${domain}; max-age=${seconds}; samesite=strict`;
  try {
    document.cookie = cookie(60);
    const isTaken = document.cookie.includes(`valet-key-site=${domain}`);
    document.cookie = cookie(0);
    return isTaken;
  } catch {
    return false;
  }
}
