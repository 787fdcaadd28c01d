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

/** Milliseconds that a page in a frame has to hand over its response: from the start, and once it is loaded. */
const FRAME = 10_000;
const LOADED = 3000;

/** Milliseconds that a user has for a popup; the core holds the same. */
const LIFE = 10 * 60 * 1000;

/** Milliseconds between looks at a popup, and how long it must have been elsewhere to be believed when it seems closed. */
const LOOK = 50;
const ELSEWHERE = 250;

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

/**
 * Looks whether a popup is still there. Where a page cuts it off from this one (COOP), it seems closed as soon as the
 * provider's page comes; then only the user's coming back tells.
 * @param {() => boolean} isClosed @param {() => boolean} isElsewhere
 * @param {Failure} failure @param {import('./windows.js').GiveUp} giveUp @returns {(() => void) | undefined} ends it
 */
export function watch(isClosed, isElsewhere, failure, giveUp) {
  /** @param {import('./errors.js').Plain['code']} code @param {string} message */
  const leave = (code, message) => giveUp(failure(code, 'user', message, 'Offer the sign-in again.'));
  const closed = () => void leave('popup_closed', 'the popup was closed');
  if (isClosed()) return closed();
  const over = new AbortController();
  let left = Infinity;
  const look = setInterval(() => {
    if (!isClosed()) return isElsewhere() && (left = Math.min(left, performance.now()));
    clearInterval(look);
    if (performance.now() - left > ELSEWHERE) closed();
    else addEventListener('focus', ({ isTrusted }) => isTrusted && closed(), over);
  }, LOOK);
  const end = setTimeout(() => leave('popup_timeout', 'nobody signed in in the popup'), LIFE);
  return () => {
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
  const silent = () => giveUp(failure('timeout', 'server', 'the provider did not answer in a hidden frame', 'Call `signIn()`.', true));
  let timer = setTimeout(silent, FRAME);
  frame.onload = ({ isTrusted }) => {
    if (!isTrusted) return;
    clearTimeout(timer);
    timer = setTimeout(silent, LOADED);
  };
  // A policy of this page that does not let the frame go there says so at once.
  addEventListener('securitypolicyviolation', ({ isTrusted, effectiveDirective }) => isTrusted && effectiveDirective === 'frame-src' && silent(), over);
  frame.hidden = true;
  frame.setAttribute('sandbox', 'allow-forms allow-same-origin allow-scripts'); // and not to navigate this page
  frame.src = url;
  document.documentElement.append(frame);
  return () => {
    over.abort();
    clearTimeout(timer);
    frame.remove();
  };
}

/**
 * Brings a session back in a hidden frame, where the provider's cookies go along: the session, `null` if there is none,
 * `undefined` if a frame cannot tell.
 * @template T @param {string} provider @param {() => Promise<T>} signIn
 */
export async function restore(provider, signIn) {
  if (!isSameSite(provider)) return undefined;
  try {
    return await signIn();
  } catch (error) {
    const { code } = /** @type {import('./errors.js').Plain} */ (error);
    if (code === 'login_required') return null;
    if (code !== 'timeout') throw error;
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
 * Whether the provider's cookies go along in a frame of this page. Where that is hard to say, no: a redirect always works.
 * @param {string} url
 */
function isSameSite(url) {
  const [here, there] = [location.href, url].map((href) => {
    const { protocol, hostname } = new URL(href);
    return protocol + (/[^.]{4,}\.[^.]+$/.exec(hostname)?.[0] ?? hostname);
  });
  return here === there;
}
