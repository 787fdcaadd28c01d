import { callThrough } from './call.js';
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
    const { restore = 'silent', tokens, workerUrl, wasmUrl, redirectUri, postLogoutRedirectUri, scope = '', api, ...rest } = { ...options };
    this.#options = { ...rest, api: Array.from(api ?? []) }; // a copy: whoever changes the app's list later, changes nothing
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

  async signIn({ returnTo = here(), params = {} } = {}) {
    location.assign(await this.#begin(params, returnTo)); // only a page can go there
    return /** @type {Promise<never>} */ (new Promise(() => {}));
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  fetch(input, init) {
    return callThrough(() => this.#reach(), input, init);
  }

  async refresh() {
    return this.#take(await this.#call('refresh'));
  }

  async signOut() {
    this.#pending.mark(false);
    const { redirectUri, postLogoutRedirectUri = redirectUri } = this.#page;
    const url = await this.#call('end', { returnTo: absolute('postLogoutRedirectUri', postLogoutRedirectUri) });
    if (url) location.assign(url);
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
    const { search, pathname, hash } = page();
    const query = search.slice(1);
    const state = new URLSearchParams(query).get('state');
    if (state && /(^|&)(code|error|access_token|id_token|response)=/.test(query)) {
      const { record, pending, foreign } = this.#pending.take(state);
      if (!foreign) {
        const rest = query.split('&').filter((part) => !RESPONSE.test(part)).join('&');
        show(pathname + (rest && `?${rest}`) + hash);
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

  /** @param {Record<string, string>} params @param {string} returnTo */
  async #begin(params, returnTo) {
    const { redirectUri, scope } = this.#page;
    const request = { redirectUri: absolute('redirectUri', redirectUri), scope, returnTo, params: { ...params } };
    const { url, state, record } = await this.#call('begin', request); // the core decides where to go
    this.#pending.keep(state, record);
    return url;
  }

  async #settled() {
    const session = this.#take(await this.#call('session'));
    this.#pending.mark(session !== null);
    return session;
  }

  /** @param {string} op @param {object} [args] */
  async #call(op, args) {
    const call = await this.#reach();
    return call(op, args);
  }

  /** The vault, opened with the first call. */
  #reach() {
    return (this.#vault ??= this.#open().catch((error) => {
      this.#vault = undefined;
      throw error;
    }));
  }

  /** Addresses are the browser's to read: it knows the page. */
  async #open() {
    const options = { ...this.#options, api: this.#options.api.map((entry) => absolute('api', entry)) };
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

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
