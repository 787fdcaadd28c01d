/**
 * A client for the tests of components, without a browser, a worker or a provider: it is signed in with the claims that the test gives,
 * and behaves as index.d.ts promises of a real one. `index.d.ts` of this folder documents it.
 */

import { configError } from '../errors.js';
import { checkedRequest, responseTo } from './calls.js';
import { refusalOf } from './refusals.js';
import { claimsOfUser, machineSession, renewed, sessionOf } from './session.js';

/** @typedef {import('../index.d.ts').Session} Session */
/** @typedef {import('../index.d.ts').ChangeReason} ChangeReason */
/** @typedef {import('./index.d.ts').TestClientOptions} Options */
/** @typedef {import('./index.d.ts').TestClient} Shape */

// Both as they are when this file is loaded: Node's `EventTarget` dispatches no event of jsdom.
const { Event, EventTarget } = globalThis;

/** @type {typeof import('./index.d.ts').signedIn} */
export function signedIn(claims, options) {
  return new TestClient({ ...options }, { ...claims });
}

/** @type {typeof import('./index.d.ts').signedOut} */
export function signedOut(options) {
  return new TestClient({ ...options }, null);
}

/** The reasons after which there is no session. @type {readonly ChangeReason[]} */
const ENDS = ['signed_out', 'ended', 'expired'];

/** @implements {Shape} */
class TestClient extends EventTarget {
  /** @type {import('./index.d.ts').TestCall[]} */
  calls = [];
  #options;
  /** @type {Session | null} */
  #session = null;
  /** What `start()` finds. @type {Session | null} */
  #kept;
  #isStarted = false;
  /** @type {{ error: Error, on?: string, ends?: ChangeReason }[]} */
  #failures = [];
  /** Who signs in next. @type {Record<string, unknown>} */
  #next;
  /** Finishes a sign-in on another device. @type {((session: Session) => void) | undefined} */
  #finishDevice;

  /** @param {Options} options @param {Record<string, unknown> | null} claims */
  constructor(options, claims) {
    super();
    this.#options = options;
    this.#next = claims ?? {};
    this.#kept = claims && sessionOf(claims, this.#options);
    if (options.started ?? true) this.#open();
  }

  // A listener of a client takes other events than the one of `EventTarget`.
  /** @param {string} type @param {any} listener @param {AddEventListenerOptions} [options] */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }

  /** @param {string} type @param {any} listener */
  removeEventListener(type, listener) {
    super.removeEventListener(type, listener);
  }

  get session() {
    return this.#session;
  }

  async start() {
    this.#enter('start');
    return this.#open();
  }

  /** @param {import('../index.d.ts').SignInOptions & { signal?: AbortSignal }} [options] @returns {any} a promise */
  signIn(options = {}) {
    return this.#signInBy(options);
  }

  /** @param {import('../index.d.ts').SignInOptions & { signal?: AbortSignal }} options */
  async #signInBy(options) {
    this.#enter('signIn', options);
    const { mode = 'redirect', scope } = options;
    switch (mode) {
      case 'redirect':
        return new Promise(() => {}); // the page has left
      case 'popup':
        return this.#signIn(this.#next, scope);
      case 'silent': {
        const { sub } = this.#open() ?? {};
        if (sub === undefined || sub === sessionOf(this.#next, this.#options).sub)
          return this.#signIn(this.#next, scope, 'restored');
        this.#set(null, 'user_changed');
        throw refusalOf('user_changed');
      }
      case 'machine':
        return this.#set(machineSession(this.#options), 'signed_in');
      case 'device':
        return this.#deviceSignIn(options);
      default:
        throw configError('option `mode`: unknown', 'Write `redirect`, `popup`, `silent`, `device` or `machine`.');
    }
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] @returns {Promise<any>} */
  fetch = async (input, init) => {
    this.#enter('fetch', input, init);
    const request = checkedRequest(this.#options, input, init);
    if (!this.#open()) throw refusalOf('login_required');
    const again = request.clone();
    const response = await responseTo(this.#options, request);
    if (response.status !== 401 || init?.body instanceof ReadableStream) return response;
    if (this.#options.refreshTokens === false) {
      this.#set(null, 'expired');
      return response;
    }
    this.#renew();
    return responseTo(this.#options, again);
  };

  async refresh() {
    this.#enter('refresh');
    if (!this.#open()) throw refusalOf('login_required');
    if (this.#options.refreshTokens === false) {
      this.#set(null, 'expired');
      throw refusalOf('login_required');
    }
    return this.#renew();
  }

  /** @param {{ sub?: string }} [options] */
  async userinfo(options) {
    this.#enter('userinfo', options);
    const session = this.#open();
    if (!session) throw refusalOf('login_required');
    if (options?.sub !== undefined && options.sub !== session.sub) throw refusalOf('userinfo_invalid');
    return { ...claimsOfUser(session), ...this.#options.userinfo, sub: session.sub };
  }

  /** @param {{ everywhere?: boolean }} [options] @returns {Promise<any>} */
  async signOut(options) {
    this.#enter('signOut', options);
    return this.#signOut(options?.everywhere ?? true);
  }

  async revoke() {
    this.#enter('revoke');
    return this.#signOut(false);
  }

  async forget() {
    this.#enter('forget');
    return this.#signOut(false);
  }

  async frontChannelLogout() {
    this.#enter('frontChannelLogout');
    return false;
  }

  async preload() {
    this.#enter('preload');
  }

  /** @returns {Promise<never>} */
  async publicKey() {
    this.#enter('publicKey');
    throw configError(
      'option `tokenEndpointAuthMethod`: this client has no key',
      "Set it to `'private_key_jwt'` in `createClient`.",
    );
  }

  /** @returns {Promise<never>} */
  async openSocket() {
    this.#enter('openSocket');
    throw configError(
      'this client opens no sockets',
      'Give the component a `WebSocket` of the test, or test it in a browser with the provider of `valet-key/testing`.',
    );
  }

  /** @param {string | URL} [url] @returns {Promise<string>} */
  async accessToken(url) {
    this.#enter('accessToken', url);
    if (this.#options.tokens !== 'page')
      throw configError(
        'option `tokens`: a worker gives out no token',
        "Use `client.fetch`, or set `tokens: 'page'` in `createClient`.",
      );
    if (!this.#open()) throw refusalOf('login_required');
    return 'test-access-token';
  }

  // What only a test calls.

  /** @param {import('../index.d.ts').ErrorCode} code @param {import('./index.d.ts').RefusalDetails} [details] */
  fail(code, details = {}) {
    const ends = code === 'session_ended' ? 'ended' : code === 'user_changed' ? code : undefined;
    this.#failures.push({ error: refusalOf(code, details), on: details.on, ends });
  }

  /** @param {Record<string, unknown>} claims */
  signInNext(claims) {
    this.#next = { ...claims };
  }

  /** @param {ChangeReason} reason @param {Record<string, unknown>} [claims] */
  change(reason, claims) {
    const session = this.#open();
    if (ENDS.includes(reason)) this.#set(null, reason);
    else if (reason === 'renewed') this.#renew();
    else this.#set(claims ? sessionOf(claims, this.#options) : session, reason);
  }

  finishDevice() {
    if (!this.#finishDevice)
      throw configError('no sign-in on another device has begun', "Call `signIn({ mode: 'device' })` first.");
    this.#finishDevice(this.#signIn(this.#next));
    this.#finishDevice = undefined;
  }

  /** Records a call, and throws the failure that the test has asked for. @param {string} method @param {unknown[]} args */
  #enter(method, ...args) {
    this.calls.push({ method, args: args.filter((arg) => arg !== undefined) });
    const index = this.#failures.findIndex(({ on = method }) => on === method);
    if (index < 0) return;
    const [{ error, ends }] = this.#failures.splice(index, 1);
    if (ends && this.#open()) this.#set(null, ends);
    throw error;
  }

  #open() {
    if (!this.#isStarted) this.#session = this.#kept;
    this.#isStarted = true;
    return this.#session;
  }

  /** @param {Record<string, unknown>} claims @param {string} [scope] more than before @param {'signed_in' | 'restored'} [reason] */
  #signIn(claims, scope, reason = 'signed_in') {
    const earlier = this.#open();
    const session = sessionOf(claims, this.#options, scope);
    this.#set(session, earlier && earlier.sub !== session.sub ? 'user_changed' : reason);
    return session;
  }

  /** @param {boolean} everywhere @returns {Promise<void>} */
  async #signOut(everywhere) {
    if (this.#open()) this.#set(null, 'signed_out');
    // As for a page that leaves for the provider.
    if (everywhere && (this.#options.endSession ?? true)) await new Promise(() => {});
  }

  #renew() {
    return /** @type {Session} */ (this.#set(renewed(/** @type {Session} */ (this.#open())), 'renewed'));
  }

  /** @param {Session | null} session @param {ChangeReason} reason */
  #set(session, reason) {
    this.#isStarted = true;
    this.#session = session;
    this.dispatchEvent(Object.assign(new Event('change'), { session, reason }));
    return session;
  }

  /** @param {{ signal?: AbortSignal }} options */
  #deviceSignIn({ signal }) {
    const session = new Promise((/** @type {(session: Session) => void} */ done, reject) => {
      this.#finishDevice = done;
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
    session.catch(() => {}); // the app may not wait for it
    return Object.freeze({
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://id.example.com/device',
      verificationUriComplete: 'https://id.example.com/device?user_code=WDJB-MJHT',
      expiresAt: Date.now() + 600_000,
      qrCode: async () => '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>',
      session,
    });
  }
}
