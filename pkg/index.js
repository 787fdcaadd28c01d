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
  #waits = new Set();
  /** Tabs with a vault each tell each other who is signed in: the `sub`, or nobody. @type {BroadcastChannel | undefined} */
  #tabs;
  /** Why `start()` failed. @type {unknown} */
  #failure;

  /** @param {import('./index.d.ts').Options} options */
  constructor(options) {
    super();
    const { restore = 'silent', tokens, workerUrl, wasmUrl, redirectUri, postLogoutRedirectUri, scope = '', api, ...rest } = own(options);
    this.#options = { ...rest, api: Array.from(api ?? []) }; // a copy: whoever changes the app's list later, changes nothing
    this.#page = { redirectUri, postLogoutRedirectUri, scope };
    this.#place = { tokens, workerUrl, wasmUrl, lasting: restore !== 'none' };
    this.#restore = restore;
    this.#provider = String(rest.issuer ?? rest.server?.authorization_endpoint);
    this.#name = `${this.#provider} ${rest.clientId}`;
    this.#pending = pendingOf(this.#name);
    providers.set(this.#provider, this.#page);
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
    const { mode = 'redirect', returnTo = here(), features = 'popup,width=500,height=700', ...asked } = own(options);
    if (mode !== 'redirect') {
      const popup = mode === 'popup' ? open('', '_blank', features) : undefined; // in the click's own task: later, browsers block it
      return this.#beside(({ signIn }, client) => signIn(client, asked, popup));
    }
    const url = await this.#begin(asked, returnTo);
    this.#pending.leave(this.#failure);
    location.assign(url); // only a page can go there
    return new Promise(() => {});
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  async fetch(input, init) {
    return (calls ?? (await loadCalls())).callThrough(() => this.#reach(), input, init);
  }

  async refresh() {
    return this.#take(await this.#call('refresh'));
  }

  async userinfo({ sub } = own()) {
    return this.#call('userinfo', { sub });
  }

  async signOut({ everywhere = true } = own()) {
    const { redirectUri, postLogoutRedirectUri = redirectUri } = this.#page;
    const returnTo = everywhere ? absolute('postLogoutRedirectUri', postLogoutRedirectUri) : undefined;
    if (returnTo && new URL(returnTo).origin !== location.origin) {
      throw configError('option `postLogoutRedirectUri`: not a page of this origin', 'Come back here, and go on from here.');
    }
    this.#pending.mark(false);
    this.#tabs?.postMessage(null);
    for (const wait of this.#waits) wait.abort(failure('cancelled', 'user', 'overtaken by a sign-out', 'Something newer took its place.'));
    const url = await this.#call('end', { returnTo });
    if (!url) return;
    this.#pending.signingOut(new URL(url).searchParams.get('state') ?? '');
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
    const { search, hash, href: address } = page();
    const query = search.slice(1);
    const foreign = FOREIGN.test(hash.slice(1));
    const state = new URLSearchParams(foreign ? hash.slice(1) : query).get('state');
    const left = this.#pending.signedOut();
    if (left !== null) {
      const confirmed = left !== '' && left === state;
      if (confirmed) clean();
      this.dispatchEvent(Object.assign(new Event('change'), { session: this.#session, reason: 'signed_out', confirmed }));
    }
    if (state || this.#pending.had()) loadCalls().catch(() => {}); // beside what comes first
    let inWindow = false;
    if (state && (foreign || ANSWER.test(query))) {
      inWindow = state.endsWith(IN_WINDOW);
      if (inWindow && (await this.#beside(({ handOver }) => handOver(state, address)))) {
        close();
        return new Promise(() => {});
      }
      const { record, pending, others } = this.#pending.take(state);
      if (!others) {
        clean();
        const { returnTo } = inWindow ? {} : await this.#call('complete', { address, alone: providers.size < 2, state, record, pending });
        this.#trace('callback', { outcome: returnTo ? 'completed' : 'ignored' });
        if (returnTo) {
          show(returnTo);
          return this.#settled();
        }
      }
    }
    const session = this.#take(await this.#call('session'));
    if (session || inWindow || this.#restore !== 'silent' || !this.#pending.worthTrying()) return session;
    const found = await this.#beside(({ restore }, client) => restore(client, this.#provider));
    if (found !== undefined) return found;
    location.replace(await this.#begin({ prompt: 'none' }, here()));
    return /** @type {Promise<never>} */ (new Promise(() => {}));
  }

  /**
   * What only some sign-ins need is loaded then.
   * @template T @param {(windows: typeof import('./windows.js'), client: import('./windows.js').Here) => Promise<T>} use
   */
  async #beside(use) {
    try {
      return await use(await import(/* webpackMode: "eager" */ './windows.js'), {
        waits: this.#waits,
        request: (options) => this.#request(options, here(), true),
        call: (op, args) => this.#call(op, { ...args, ...(op === 'complete' && { alone: providers.size < 2 }) }),
        settled: () => this.#settled(),
      });
    } catch (error) {
      throw error instanceof Error ? error : new ValetKeyError(/** @type {import('./errors.js').Plain} */ (error));
    }
  }

  /** @param {object} options @param {string} returnTo */
  async #begin(options, returnTo) {
    const { url, state, record } = await this.#request(options, returnTo, false);
    this.#pending.keep(state, record);
    return url;
  }

  /** The core decides where to go. @param {object} options @param {string} returnTo @param {boolean} inWindow */
  #request(options, returnTo, inWindow) {
    const { redirectUri, scope } = this.#page;
    const comesTo = absolute('redirectUri', redirectUri);
    const alone = ![...providers].some(([provider, other]) => provider !== this.#provider && absolute('redirectUri', other.redirectUri) === comesTo);
    return this.#call('begin', { redirectUri: comesTo, scope, returnTo, options, inWindow, alone });
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
    const api = this.#options.api.map((entry) => (typeof entry === 'string' ? absolute('api', entry) : { ...entry, url: absolute('api', entry.url) }));
    const { call, home } = await openVault(this.#place, { ...this.#options, api }, ({ event, session, reason }) => {
      if (event === 'trapped') this.#vault = undefined;
      if (this.#take(/** @type {Session | null} */ (session))) this.#tabs?.postMessage(this.#session?.sub);
      this.dispatchEvent(Object.assign(new Event('change'), { session: this.#session, reason }));
    });
    if (home !== 'shared') {
      this.#tabs ??= new BroadcastChannel(`valet-key:${this.#name}`);
      this.#tabs.onmessage = ({ data }) => {
        if (this.#session && data !== this.#session.sub) call('end').catch(() => {});
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

/** The providers of this page's clients, each with its redirect page. @type {Map<string, { redirectUri?: string }>} */
const providers = new Map();

/**
 * What calls need, and nobody who is signed out. Webpack keeps it in one piece: its own way to load a further one breaks
 * Trusted Types.
 * @type {typeof import('./call.js') | undefined}
 */
let calls;
const loadCalls = async () => (calls ??= await import(/* webpackMode: "eager" */ './call.js'));

/** What somebody says, and nothing that `Object.prototype` says. @template {object} T @param {T} [options] @returns {T} */
const own = (options) => /** @type {any} */ ({ __proto__: null, ...options });

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
  show(pathname + (rest && `?${rest}`) + (ANSWER.test(hash.slice(1)) ? '' : hash));
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

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
