import { ValetKeyError, configError, failure } from './errors.js';
import { pendingOf } from './pending.js';
import { openVault } from './vault.js';

export { ValetKeyError };

/** @typedef {import('./index.d.ts').Session} Session */

/** What an authorization response adds to the page's query, whatever its flow. */
const RESPONSE = /^(code|state|iss|error|error_description|error_uri|session_state|access_token|token_type|id_token|response)(=|$)/;

/** What makes an address an authorization response: in its query, or as a flow that this client does not do. */
const ANSWER = /(^|&)(code|error|access_token|id_token|response)=/;
const FOREIGN = /(^|&)(access_token|id_token)=/;

/** How a `state` ends that another window waits for; the core says so, too. */
const IN_WINDOW = '.w';

/** What only some sign-ins need. */
const windows = () => import('./windows.js');

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
  #provider;
  #name;
  /** @type {ReturnType<typeof pendingOf>} */
  #pending;
  /** @type {Promise<import('./port.js').Call> | undefined} */
  #vault;
  /** @type {Promise<Session | null> | undefined} */
  #started;
  /** @type {Session | null} */
  #session = null;
  /** Sign-ins in popups and frames. @type {Set<AbortController>} */
  #windows = new Set();
  /** Tabs with a vault each tell each other who is signed in: the `sub`, or nobody. @type {BroadcastChannel | undefined} */
  #tabs;
  /** Why `start()` failed. @type {unknown} */
  #failure;

  /** @param {import('./index.d.ts').Options} options */
  constructor(options) {
    super();
    const { restore = 'silent', tokens, workerUrl, wasmUrl, redirectUri, postLogoutRedirectUri, scope = '', ...rest } = own(options);
    this.#options = rest;
    this.#page = { redirectUri, postLogoutRedirectUri, scope };
    this.#place = { tokens, workerUrl, wasmUrl, lasting: restore !== 'none' };
    this.#restore = restore;
    this.#provider = String(rest.issuer ?? rest.server?.authorization_endpoint);
    this.#name = `${this.#provider} ${rest.clientId}`;
    this.#pending = pendingOf(this.#name);
  }

  get session() {
    return this.#session;
  }

  start() {
    return (this.#started ??= this.#start().catch((error) => {
      this.#started = undefined;
      throw (this.#failure = error);
    }));
  }

  /** @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async signIn(options) {
    const { mode = 'redirect', returnTo = here(), params = {}, features = 'popup,width=500,height=700' } = own(options);
    if (mode === 'popup') return this.#inWindow(params, openPopup(features));
    if (mode === 'silent') return this.#inWindow({ ...params, prompt: 'none' });
    this.#pending.leave(this.#failure);
    location.assign(await this.#begin(params, returnTo)); // only a page can go there
    return new Promise(() => {});
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  async fetch(input, init) {
    const { redirect = 'error', mode = 'cors' } = own(init);
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

  async signOut() {
    this.#pending.mark(false);
    this.#tabs?.postMessage(null);
    for (const wait of this.#windows) wait.abort(failure('cancelled', 'user', 'overtaken by a sign-out', 'Something newer took its place.'));
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
    const foreign = FOREIGN.test(hash.slice(1));
    const state = new URLSearchParams(foreign ? hash.slice(1) : query).get('state');
    let inWindow = false;
    if (state && (foreign || ANSWER.test(query))) {
      inWindow = state.endsWith(IN_WINDOW);
      if (inWindow && (await (await windows()).handOver(state, query + hash))) {
        close();
        return new Promise(() => {});
      }
      const { record, pending, others } = this.#pending.take(state);
      if (!others) {
        const rest = query.split('&').filter((part) => !RESPONSE.test(part)).join('&');
        show(pathname + (rest && `?${rest}`) + (ANSWER.test(hash.slice(1)) ? '' : hash));
        const { returnTo } = inWindow ? {} : await this.#call('complete', { query: query + hash, state, record, pending });
        this.#trace('callback', { outcome: returnTo ? 'completed' : 'ignored' });
        if (returnTo) {
          show(returnTo);
          return this.#settled();
        }
      }
    }
    const session = this.#take(await this.#call('session'));
    if (session || inWindow || this.#restore !== 'silent' || !this.#pending.worthTrying()) return session;
    return this.#again();
  }

  /** Asks the provider without a question: in a hidden frame where its cookies go along, else with the whole page. */
  async #again() {
    const prompt = 'none';
    if ((await windows()).isSameSite(this.#provider)) {
      try {
        return await this.#inWindow({ prompt });
      } catch (error) {
        const { code } = /** @type {ValetKeyError} */ (error);
        if (code === 'login_required') return null;
        if (code !== 'timeout') throw error;
      }
    }
    location.replace(await this.#begin({ prompt }, here()));
    return /** @type {Promise<never>} */ (new Promise(() => {}));
  }

  /** Signs in in a popup; without one, in a hidden frame. @param {Record<string, string>} params @param {Window} [popup] */
  async #inWindow(params, popup) {
    const wait = new AbortController();
    let state = '';
    this.#windows.add(wait);
    try {
      const { answerTo, go, openFrame } = await windows();
      const request = await this.#request(params, here(), true);
      state = request.state;
      const answer = answerTo(state, wait.signal);
      if (popup) go(popup, request.url, wait);
      else openFrame(request.url, wait);
      const { declined } = await this.#call('complete', { query: await answer, state, pending: true });
      if (declined) throw failure('login_required', 'user', 'the provider has to ask the user', 'Call `signIn()`.');
      return await this.#settled();
    } catch (error) {
      throw error instanceof Error ? error : new ValetKeyError(/** @type {import('./errors.js').Plain} */ (error));
    } finally {
      this.#windows.delete(wait);
      wait.abort();
      popup?.close();
      this.#call('abandon', { state }).catch(() => {});
    }
  }

  /** @param {Record<string, string>} params @param {string} returnTo */
  async #begin(params, returnTo) {
    const { url, state, record } = await this.#request(params, returnTo, false);
    this.#pending.keep(state, record);
    return url;
  }

  /** The core decides where to go. @param {Record<string, string>} params @param {string} returnTo @param {boolean} inWindow */
  #request(params, returnTo, inWindow) {
    const { redirectUri, scope } = this.#page;
    return this.#call('begin', { redirectUri: absolute('redirectUri', redirectUri), scope, returnTo, params: { ...params }, inWindow });
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
    const list = Array.from(api, (entry) => (typeof entry === 'string' ? absolute('api', entry) : { ...entry, url: absolute('api', entry.url) }));
    const { call, home } = await openVault(this.#place, { ...rest, api: list }, ({ event, session, reason }) => {
      if (event === 'trapped') this.#vault = undefined;
      if (this.#take(/** @type {Session | null} */ (session))) this.#tabs?.postMessage(this.#session?.sub);
      this.dispatchEvent(Object.assign(new Event('change'), { session: this.#session, reason }));
    });
    if (home !== 'shared') {
      this.#tabs ??= new BroadcastChannel(`valet-key:${this.#name}`);
      this.#tabs.onmessage = ({ data }) => {
        if (this.#session && data !== this.#session.sub) call('end', { returnTo: location.origin }).catch(() => {});
      };
    }
    this.#trace('vault', { home });
    return call;
  }

  /** @param {string} step @param {object} details never a secret */
  #trace(step, details) {
    this.dispatchEvent(Object.assign(new Event('trace'), { step, ...details }));
  }

  /** @template {Session | null} T @param {T} session @returns {T} */
  #take(session) {
    this.#session = frozen(session);
    return session;
  }
}

/** What somebody says, and nothing that `Object.prototype` says. @template {object} T @param {T} [options] @returns {T} */
const own = (options) => /** @type {any} */ ({ __proto__: null, ...options });

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

/** Opens an empty popup. In the click's own task: later, browsers block it. @param {string} features */
function openPopup(features) {
  const popup = open('', '_blank', features);
  if (!popup || popup.closed) throw failure('popup_blocked', 'browser', 'the browser blocked the popup', 'Call it first thing in a click.');
  popup.opener = null; // the pages that it shows get no hand on this one
  return popup;
}

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
function readRequest(input, init) {
  try {
    return new Request(input, Object.assign(own(init), { redirect: 'error' }));
  } catch (cause) {
    const message = 'the call was not sent: the browser makes no request of it';
    throw failure('request_blocked', 'app', message, 'Check the address and the options.', false, cause);
  }
}

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
