import { ValetKeyError, configError } from './errors.js';
import { pendingOf } from './pending.js';
import { openVault } from './vault.js';

export { ValetKeyError };

/** @typedef {import('./index.d.ts').Session} Session */

/** What an authorization response adds to the page's query. */
const RESPONSE = /^(code|state|iss|error|error_description|error_uri|session_state)(=|$)/;

/** @type {import('./index.d.ts').createClient} */
export function createClient(options) {
  return new Client(options); // touches nothing yet: importing and creating are safe on a server
}

/** @implements {import('./index.d.ts').Client} */
class Client extends EventTarget {
  /** What all tabs must agree on. */
  #options;
  /** What each page has for itself. */
  #page;
  #place;
  #restore;
  /** @type {ReturnType<typeof pendingOf>} */
  #pending;
  /** @type {Promise<import('./port.js').Call> | undefined} */
  #vault;
  /** @type {Promise<Session | null> | undefined} */
  #started;
  /** @type {Session | null} */
  #session = null;

  /** @param {import('./index.d.ts').Options} options */
  constructor(options) {
    super();
    const { restore = 'silent', tokens, workerUrl, wasmUrl, redirectUri, postLogoutRedirectUri, scope = '', ...rest } = { ...options };
    this.#options = rest;
    this.#page = { redirectUri, postLogoutRedirectUri, scope };
    this.#place = { tokens, workerUrl, wasmUrl };
    this.#restore = restore;
    this.#pending = pendingOf(`${rest.issuer ?? rest.server?.authorization_endpoint} ${rest.clientId}`);
  }

  get session() {
    return this.#session;
  }

  start() {
    return (this.#started ??= this.#start().catch((error) => {
      this.#started = undefined;
      throw error;
    }));
  }

  async signIn({ returnTo = here(), ...options } = {}) {
    location.assign(await this.#begin(options, returnTo)); // only a page can go there
    return /** @type {Promise<never>} */ (new Promise(() => {}));
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  async fetch(input, init) {
    const { redirect = 'error', mode = 'cors' } = { ...init };
    if (redirect === 'follow') throw configError('option `redirect`: a token does not follow redirects', "Leave it out, or say 'error'.");
    if (mode !== 'cors' && mode !== 'same-origin') throw configError(`option \`mode\`: ${mode} would drop the token`, 'Leave it out.');
    const request = readRequest(input, init);
    const body = request.body === null || /^(GET|HEAD)$/.test(request.method) ? undefined : await request.arrayBuffer();
    const { method, cache, credentials, integrity, keepalive, referrerPolicy } = request;
    const headers = [...request.headers];
    const answer = await this.#call(
      'fetch',
      { url: request.url, init: { method, headers, body, cache, credentials, integrity, keepalive, referrerPolicy } },
      { transfer: body ? [body] : [], signal: request.signal },
    );
    let content = answer.body;
    // Who aborts after the answer began stops the rest of it.
    if (content instanceof ReadableStream) content = content.pipeThrough(new TransformStream(), { signal: request.signal });
    const response = new Response(content, answer.init);
    return Object.defineProperty(response, 'url', { value: answer.url });
  }

  async refresh() {
    return this.#take(await this.#call('refresh'));
  }

  async userinfo({ sub } = {}) {
    return this.#call('userinfo', { sub });
  }

  async signOut({ everywhere = true } = {}) {
    const { redirectUri, postLogoutRedirectUri = redirectUri } = this.#page;
    const returnTo = everywhere ? absolute('postLogoutRedirectUri', postLogoutRedirectUri) : undefined;
    if (returnTo && new URL(returnTo).origin !== location.origin) {
      throw configError('option `postLogoutRedirectUri`: not a page of this origin', 'Come back here, and go on from here.');
    }
    this.#pending.mark(false);
    const url = await this.#call('end', { returnTo });
    if (!url) return;
    this.#pending.leave(new URL(url).searchParams.get('state') ?? '');
    location.assign(url);
  }

  async frontChannelLogout() {
    const ended = await this.#call('frontChannel', { query: page().search.slice(1) });
    if (ended) this.#pending.mark(false);
    return ended;
  }

  async preload() {
    await this.#call('prepare');
  }

  async accessToken() {
    if (this.#place.tokens !== 'page') {
      throw configError('option `tokens`: a worker gives out no token', "Use `client.fetch`, or `tokens: 'page'` and what it means.");
    }
    return this.#call('accessToken');
  }

  async #start() {
    const { search } = page();
    const query = search.slice(1);
    const state = new URLSearchParams(query).get('state');
    const left = this.#pending.left();
    if (left !== null) {
      const confirmed = left !== '' && left === state;
      if (confirmed) clean();
      this.dispatchEvent(Object.assign(new Event('change'), { session: this.#session, reason: 'signed_out', confirmed }));
    }
    if (state && /(^|&)(code|error|access_token|id_token|response)=/.test(query)) {
      const { record, pending, foreign } = this.#pending.take(state);
      if (!foreign) {
        clean();
        const { returnTo } = await this.#call('complete', { query, record, pending });
        if (returnTo) {
          show(returnTo);
          return this.#settled();
        }
      }
    }
    const session = this.#take(await this.#call('session'));
    if (!session && this.#restore === 'silent' && this.#pending.worthTrying()) {
      location.replace(await this.#begin({ prompt: 'none' }, here()));
      return /** @type {Promise<never>} */ (new Promise(() => {}));
    }
    return session;
  }

  /** @param {import('./index.d.ts').SignInOptions} options @param {string} returnTo */
  async #begin(options, returnTo) {
    const { redirectUri, scope } = this.#page;
    const request = { redirectUri: absolute('redirectUri', redirectUri), scope, returnTo, options: { ...options } };
    const { url, state, record } = await this.#call('begin', request); // the core decides where to go
    this.#pending.keep(state, record);
    return url;
  }

  async #settled() {
    const session = this.#take(await this.#call('session'));
    this.#pending.mark(session !== null);
    return session;
  }

  /** @param {string} op @param {object} [args] @param {{ transfer?: Transferable[], signal?: AbortSignal }} [more] */
  async #call(op, args, more) {
    this.#vault ??= this.#open().catch((error) => {
      this.#vault = undefined;
      throw error;
    });
    const call = await this.#vault;
    return call(op, args, more);
  }

  /** Addresses are the browser's to read: it knows the page. */
  async #open() {
    const { api = [], ...rest } = this.#options;
    const options = { ...rest, api: Array.from(api, (entry) => absolute('api', entry)) };
    return openVault(this.#place, options, ({ event, session, reason }) => {
      if (event === 'trapped') this.#vault = undefined;
      this.#take(/** @type {Session | null} */ (session));
      this.dispatchEvent(Object.assign(new Event('change'), { session: this.#session, reason }));
    });
  }

  /** @template {Session | null} T @param {T} session @returns {T} */
  #take(session) {
    this.#session = frozen(session);
    return session;
  }
}

/** The page's address; there is none on a server. */
function page() {
  if (typeof document === 'undefined') throw configError('this works in a page only', 'On a server, create the client and call nothing.');
  return location;
}

const here = () => page().pathname + location.search + location.hash;

/** Takes an authorization response, or the `state` of a sign-out, out of the address. */
function clean() {
  const { search, pathname, hash } = page();
  const rest = search.slice(1).split('&').filter((part) => !RESPONSE.test(part)).join('&');
  show(pathname + (rest && `?${rest}`) + hash);
  /^/.test(''); // `RegExp.input` keeps the last text that matched: let it not be the code
}

/** @param {string} path */
const show = (path) => history.replaceState(history.state, '', path);

/** @param {string} option @param {string} [url] */
function absolute(option, url = page().pathname) {
  try {
    return new URL(url, location.href).href;
  } catch (cause) {
    throw configError(`option \`${option}\`: not a URL`, 'Give an absolute one, or one relative to this page.', cause);
  }
}

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(input, init) {
  try {
    return new Request(input, { ...init, redirect: 'error' });
  } catch (cause) {
    const message = 'the call was not sent: the browser makes no request of it';
    throw new ValetKeyError({ code: 'request_blocked', fault: 'app', message, hint: 'Check the address and the options.', retryable: false }, { cause });
  }
}

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
