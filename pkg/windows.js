/**
 * Sign-ins in another window: a popup or a hidden frame goes to the provider, which sends it back to the redirect page.
 * That page hands the answer over on a channel whose name holds the `state`, so that nobody else can find it; unlike
 * `opener` and `parent`, a channel survives a Cross-Origin-Opener-Policy. Nothing is stored, and the verifier stays in
 * the vault. Loaded when it is needed first; what goes wrong is told as the core tells it, in plain objects.
 */

/** @typedef {import('./errors.js').Plain} Plain */

/** Milliseconds until the page that waits must have taken an answer. */
const TAKEN = 2000;

/** Milliseconds that a user has for a popup; the core holds the same. */
const LIFE = 10 * 60 * 1000;

/** Milliseconds between looks at a popup, and how long it must have been elsewhere to be believed when it seems closed. */
const LOOK = 50;
const ELSEWHERE = 250;

/** Milliseconds that a page in a frame has to hand over its answer: from the start, and once it is loaded. */
const FRAME = 10_000;
const LOADED = 3000;

/** @param {string} state */
const channelOf = (state) => new BroadcastChannel(`valet-key:${state}`);

/**
 * Gives an answer to the page that waits for it.
 * @param {string} state @param {string} address of the page that it came to @returns {Promise<boolean>} whether it was taken
 */
export function handOver(state, address) {
  const channel = channelOf(state);
  return /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      channel.onmessage = () => resolve(true);
      setTimeout(resolve, TAKEN, false);
      channel.postMessage(address);
    })
  ).finally(() => channel.close());
}

/**
 * What a sign-in needs of the client.
 * @typedef {object} Here
 * @property {Set<AbortController>} waits those that a sign-out ends
 * @property {(options: object) => Promise<{ url: string, state: string }>} request
 * @property {(op: string, args: object) => Promise<any>} call
 * @property {() => Promise<any>} settled the session, when the vault has it
 */

/**
 * Signs in in a popup, which is open and empty, or `null` if the browser blocked it; without one, in a hidden frame and
 * without a question.
 * @param {Here} here @param {object} options @param {Window | null} [popup]
 */
export async function signIn({ waits, request, call, settled }, options, popup) {
  if (popup === null || popup?.closed) throw plain('popup_blocked', 'browser', 'the browser blocked the popup', 'Call it first thing in a click.');
  if (popup) popup.opener = null; // the pages that it shows get no hand on this one
  const wait = new AbortController();
  let state = '';
  waits.add(wait);
  try {
    const asked = await request(popup ? options : { ...options, prompt: 'none' });
    state = asked.state;
    const answer = answerTo(state, wait.signal);
    if (popup) go(popup, asked.url, wait);
    else openFrame(asked.url, wait);
    const { declined } = await call('complete', { address: await answer, state, pending: true });
    if (declined) throw plain('login_required', 'user', 'the provider has to ask the user', 'Call `signIn()`.');
    return await settled();
  } finally {
    waits.delete(wait);
    wait.abort();
    popup?.close();
    call('abandon', { state }).catch(() => {});
  }
}

/**
 * Brings a session back in a hidden frame, where the provider's cookies go along: the session, `null` if there is none,
 * `undefined` if a frame cannot tell.
 * @param {Here} here @param {string} provider
 */
export async function restore(here, provider) {
  if (!isSameSite(provider)) return undefined;
  try {
    return await signIn(here, {});
  } catch (error) {
    const { code } = /** @type {Plain} */ (error);
    if (code === 'login_required') return null;
    if (code !== 'timeout') throw error;
  }
}

/**
 * Waits for an answer, and acknowledges it.
 * @param {string} state @param {AbortSignal} signal @returns {Promise<string>}
 */
function answerTo(state, signal) {
  const channel = channelOf(state);
  return /** @type {Promise<string>} */ (
    new Promise((resolve, reject) => {
      channel.onmessage = ({ data }) => {
        channel.postMessage('taken');
        resolve(String(data));
      };
      signal.addEventListener('abort', () => reject(signal.reason));
    })
  ).finally(() => channel.close());
}

/**
 * Sends a popup to the provider, and looks whether it is still there. Where a page cuts it off from this one (COOP), it
 * seems closed as soon as the provider's page comes; then only the user's coming back tells.
 * @param {Window} popup @param {string} url @param {AbortController} wait
 */
function go(popup, url, wait) {
  const { signal } = wait;
  /** @param {Plain['code']} code @param {string} message */
  const giveUp = (code, message) => wait.abort(plain(code, 'user', message, 'Offer the sign-in again.'));
  const closed = () => giveUp('popup_closed', 'the popup was closed');
  if (popup.closed) return closed();
  popup.location.replace(url);
  let left = Infinity;
  const look = setInterval(() => {
    if (!popup.closed) return isElsewhere(popup) && (left = Math.min(left, performance.now()));
    clearInterval(look);
    if (performance.now() - left > ELSEWHERE) closed();
    else addEventListener('focus', closed, { signal });
  }, LOOK);
  const end = setTimeout(() => giveUp('popup_timeout', 'nobody signed in in the popup'), LIFE);
  signal.addEventListener('abort', () => {
    clearInterval(look);
    clearTimeout(end);
  });
}

/** @param {Window} popup */
function isElsewhere(popup) {
  try {
    return popup.location.href !== 'about:blank';
  } catch {
    return true;
  }
}

/** Opens a hidden frame at the provider, until the wait is over. @param {string} url @param {AbortController} wait */
function openFrame(url, wait) {
  const frame = document.createElement('iframe');
  const silent = () => wait.abort(plain('timeout', 'server', 'the provider did not answer in a hidden frame', 'Call `signIn()`.', true));
  let timer = setTimeout(silent, FRAME);
  frame.onload = () => {
    clearTimeout(timer);
    timer = setTimeout(silent, LOADED);
  };
  wait.signal.addEventListener('abort', () => {
    clearTimeout(timer);
    frame.remove();
  });
  // A policy of this page that does not let the frame go there says so at once.
  addEventListener('securitypolicyviolation', ({ effectiveDirective }) => effectiveDirective === 'frame-src' && silent(), wait);
  frame.hidden = true;
  frame.setAttribute('sandbox', 'allow-forms allow-same-origin allow-scripts'); // and not to navigate this page
  frame.src = url;
  document.documentElement.append(frame);
}

/** @param {Plain['code']} code @param {Plain['fault']} fault @param {string} message @param {string} hint @returns {Plain} */
const plain = (code, fault, message, hint, retryable = false) => ({ code, fault, message, hint, retryable });

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
