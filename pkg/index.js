/**
 * The entry point of the package: `createClient`, and everything that needs a window, such as the page's address, redirects
 * and events. `index.d.ts` documents its public API.
 */

import { openConnection } from './connection.js';
import { ValetKeyError, configError, failure } from './errors.js';
import {
  MessageChannel,
  Promise,
  defineProperty,
  freeze,
  isArray,
  listen,
  open,
  pinned,
  resolve,
  scriptUrl,
  withoutPrototype,
} from './platform.js';
import { storageOf } from './storage.js';
import { responseTo } from './windows.js';

export { ValetKeyError };

/** @typedef {import('./index.d.ts').Session} Session */

/** The parameters that an authorization response of any flow adds to the page's query, and that of the page of a connection. */
const RESPONSE =
  /^(code|error(_description|_uri)?|response|(access|id)_token|token_type|(session_)?state|iss|valet-key)(=|$)/;

/** Recognize a response in a query or a fragment: of any flow, and one with a token, whose flow this client does not support. */
const HAS_RESPONSE = /(^|&)(code|error|response|(access|id)_token)=/;
const HAS_TOKEN = /(^|&)(access|id)_token=/;

/** The prefix of every `state` of this library, and the suffix of one whose response another window awaits. As in the core. */
const OURS = 'vk.';
const IN_WINDOW = '.w';

/** @type {typeof import('./index.d.ts').createClient} */
export function createClient(options) {
  return /** @type {any} */ (new Client(options)); // touches no global, so that importing and creating are safe on a server
}

/** @type {typeof import('./index.d.ts').connect} */
export function connect(resource, options) {
  if (!/^(https?:|\/)/.test(`${resource}`))
    throw configError('`connect`: not an address', 'Pass that of the API, such as `https://mcp.example.com/mcp`.');
  return /** @type {any} */ (new Client(withoutPrototype({ ...options, resource: `${resource}` })));
}

/**
 * The options that only `connect` takes.
 * @typedef {{ resource: string, exactRedirectUri: boolean, signIn: 'popup' | 'redirect' }} OfConnection
 */

/** The client that `index.d.ts` promises. The overloads of `signIn` there say more than its type here. */
class Client extends EventTarget {
  #options;
  #provider;
  /** @type {ReturnType<typeof storageOf>} */
  #storage;
  /**
   * Sends a call to the vault. Only this field has it. It is never the value of a promise, where a script could intercept it.
   * @type {import('./port.js').Call | undefined}
   */
  #vault;
  /** Ends the connection to it. @type {((error: Error) => Promise<void>) | undefined} */
  #close;
  /** @type {Promise<void> | undefined} */
  #opening;
  /** @type {Promise<Session | null> | undefined} */
  #started;
  /** @type {Session | null} */
  #session = null;
  /** Functions that end the pending sign-ins in popups and frames. @type {Record<number, import('./windows.js').GiveUp>} */
  #waits = withoutPrototype();
  /**
   * What the first vault is told instead of the mark of a session, which says by then that the user signs out; 1 for later vaults.
   * @type {number | undefined}
   */
  #had;
  /** Whether the API to which the app connects names its server, because the app does not. @type {boolean} */
  #finds;
  /** Whether the redirect page is the one that the app names, or the current one, without a parameter. @type {boolean} */
  #namesPage;
  /** The app at its provider, as far as it is known. @type {import('./storage.js').Registered} */
  #app = withoutPrototype();
  /** The error with which `start()` failed. @type {unknown} */
  #failure;
  /** Whether this page is completing a sign-in, or waits for one on another device. */
  #completing = false;
  /** Whether the app has signed out since: a sign-in that ends later must not leave the mark of a session. */
  #hasSignedOut = false;
  /**
   * What calls wait for: a running attempt to restore the session, or the part of this package that completes a sign-in.
   * @type {Promise<unknown> | undefined}
   */
  #restoring;
  /** The part of this package that reads the steps of the vault, if the app listens to `trace`. @type {ReturnType<typeof loadTrace> | undefined} */
  #tracing;

  /**
   * @param {(import('./index.d.ts').Options | import('./index.d.ts').GuardedOptions) & Partial<OfConnection>} options copied
   *   immediately: later changes by a script have no effect
   */
  constructor(options) {
    super();
    const {
      issuer,
      server,
      clientId,
      account = '',
      api,
      guard,
      resource,
      redirectUri = guard, // never a page of the app, which other clients may use
      exactRedirectUri,
      restore = 'silent',
      scope = '',
    } = withoutPrototype(options);
    const metadata = withoutPrototype(server);
    const entries = mapped(api ?? [], (entry) => withoutPrototype(typeof entry === 'string' ? { url: entry } : entry));
    this.#finds = Boolean(resource) && !(issuer ?? server);
    this.#options = withoutPrototype({ ...options, account, restore, scope, api: entries, server: server && metadata });
    this.#provider = `${guard ?? issuer ?? metadata.issuer ?? metadata.authorization_endpoint ?? `connect ${resource}`}`;
    let client = clientId ?? redirectUri ?? '';
    if (account) client += ` ${account}`;
    if (resource) client += ` ${resource}`;
    this.#storage = storageOf(this.#provider, guard ? '' : client);
    // Otherwise, the core makes a redirect page that no other client has.
    this.#namesPage = !this.#finds || Boolean(exactRedirectUri);
    if (this.#namesPage) redirectUris[`${this.#provider} ${redirectUri}`] = redirectUri;
  }

  /** @param {string} type @param {any} listener @param {AddEventListenerOptions} [options] */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    if (type !== 'trace' || this.#tracing) return;
    this.#tracing = loadTrace();
    quietly(this.#tracing); // without that file, no step is told
    if (this.#opening) quietly(this.#call('trace'));
  }

  get session() {
    return this.#session;
  }

  start() {
    return (this.#started ??= this.#attempt());
  }

  /** @param {import('./index.d.ts').SignInOptions} [options] @returns {Promise<any>} */
  async signIn(options) {
    // The core reads them, too, and refuses what it does not know.
    const parameters = withoutPrototype(options);
    const { mode = 'redirect', features = 'popup,width=500,height=700' } = parameters;
    const returnTo = `${parameters.returnTo ?? pathOf()}`;
    if (mode === 'redirect') {
      const isClicked = navigator.userActivation?.isActive;
      const count = async (/** @type {boolean} */ leaves) => {
        if (isClicked) this.#storage.clicked();
        else (await loadTrips()).countRedirect(this.#storage.loopKey, failure, this.#failure, leaves);
      };
      await count(false); // before anything is registered or stored
      return this.#signInByRedirect(parameters, returnTo, async (url) => {
        await count(true);
        location.assign(url);
      });
    }
    if (mode === 'device' || mode === 'machine') {
      if (mode === 'device') await this.#register();
      const { signInBy } = await loadTrips();
      this.#completing = true;
      this.#hasSignedOut = false;
      return signInBy[mode](
        /** @type {any} */ (parameters),
        this.#scopes(),
        (/** @type {string} */ op, /** @type {object | undefined} */ args) =>
          this.#call(op + (mode === 'device' ? 'Device' : 'Machine'), args),
        async (isSignedIn) => {
          this.#completing = false;
          return isSignedIn ? this.#sessionAfterSignIn(2) : null;
        },
        failure,
      );
    }
    // The popup opens in the task of the click: browsers block it later.
    return this.#signInInWindow(parameters, mode === 'popup' ? open('', '_blank', features) : undefined);
  }

  /**
   * A function that does not use `this`, so that other libraries can take it as their `fetch`.
   * @param {RequestInfo | URL} input @param {RequestInit} [init]
   */
  fetch = async (input, init) => {
    page();
    await quietly(this.#restoring);
    const { callThrough } = calls ?? (await loadCalls());
    // A script may have replaced that file, which is loaded later. So it only gets the means to send such calls, which every
    // script of the page has anyway.
    return callThrough(
      failure,
      (use) =>
        this.#reach((call) =>
          use({
            send: (args, options) => call('fetch', args, options),
            read: (of) => call('read', { of }),
            cancel: (of) => call('cancel', { of }),
          }),
        ),
      input,
      init,
      /** @type {any} */ (this),
      this.#options.signIn,
      this.#options.stepUp,
    );
  };

  async refresh() {
    return this.#setSession(await this.#call('refresh'));
  }

  /** @param {{ sub?: string }} [options] */
  async userinfo(options) {
    const { sub } = withoutPrototype(options);
    return { ...(await this.#call('userinfo', { sub: sub && `${sub}` })) };
  }

  /** @param {{ everywhere?: boolean }} [options] */
  async signOut(options) {
    const { everywhere = true } = withoutPrototype(options);
    const { guard, redirectUri, postLogoutRedirectUri = guard ? undefined : redirectUri } = this.#options;
    const returnTo = everywhere ? absolute(postLogoutRedirectUri) : undefined;
    // Before everything else, even if the rest fails: a page that is loaded meanwhile must not restore the session.
    const [session, had] = [this.#session, this.#storage.had()];
    this.#had ??= had;
    this.#hasSignedOut = true;
    this.#storage.markSigningOut();
    const ended = this.#call('end', { returnTo });
    quietly(ended);
    const { signOut } = await loadTrips();
    return signOut(this.#storage, this.#waits, failure, ended, () =>
      this.#session === session && had > 0 ? /** @type {1 | 2} */ (had) : undefined,
    );
  }

  revoke() {
    return this.signOut({ everywhere: false });
  }

  async frontChannelLogout() {
    const ended = await this.#call('frontChannel', { query: page().search.slice(1) });
    if (ended) this.#storage.mark(null);
    return ended;
  }

  async forget() {
    await quietly(this.revoke());
    if (this.#isGiven()) return;
    await this.#forgetApp();
    this.#reopen();
  }

  async #forgetApp() {
    (await loadTrips()).forget(this.#storage.clientKey(this.#redirectUri()));
  }

  publicKey() {
    return this.#call('publicKey');
  }

  preload() {
    return this.#call('prepare');
  }

  /** @param {string | URL} [url] */
  accessToken(url) {
    return this.#call('accessToken', { url: url && `${url}` });
  }

  /** @param {string} url @param {string[]} protocols */
  openSocket(url, protocols) {
    return this.#call('socket', { url, protocols });
  }

  async #attempt() {
    try {
      return await this.#start();
    } catch (error) {
      this.#started = undefined;
      throw (this.#failure = error);
    }
  }

  /** @returns {Promise<Session | null>} */
  async #start() {
    const { search, hash, href: address } = page();
    const fragment = hash.slice(1);
    let state = new URLSearchParams(HAS_TOKEN.test(fragment) ? fragment : search).get('state') ?? '';
    const hasResponse = HAS_RESPONSE.test(search.slice(1));
    const path = cleanPath();
    const redirectPage = location.origin + path;
    const popup = this.#storage.popup(redirectPage);
    // A provider that fails early may not know the `state`. The core decides whether the response belongs to this client.
    if (!state && hasResponse) state = popup || (this.#storage.awaits(redirectPage, true) ? OURS : '');
    if (state.startsWith(OURS)) {
      response = { state, address };
      showPath(path);
    }
    const signOutState = this.#storage.signedOut();
    if (signOutState !== null) {
      const confirmed = Boolean(state) && signOutState === state;
      if (confirmed) {
        response = undefined;
        quietly(this.#tellStep());
      }
      this.#tell('change', { session: this.#session, reason: 'signed_out', confirmed });
    }
    const { guard } = this.#options;
    const received = guard ? (await (this.#restoring = loadGuard())).leftBehind(guard) : response;
    if (received || this.#storage.had()) quietly(loadCalls()); // in parallel with the next steps
    const inWindow = received?.state.endsWith(IN_WINDOW);
    if (received && inWindow) {
      const { handOver, closeWindow } = await loadTrips();
      if ((await handOver(received.state, received.address)) || popup) {
        closeWindow();
        return new Promise(() => {});
      }
    }
    const { record, pending, others } = this.#storage.take(received?.state ?? '');
    if (received && !others) {
      if (!guard) response = undefined;
      try {
        const returnTo = !inWindow && (await pinned(this.#complete({ ...received, record, pending })));
        if (guard && record && !returnTo) this.#storage.keep(received.state, record); // the user has not come back yet
        if (returnTo) {
          showPath(returnTo);
          return this.#sessionAfterSignIn();
        }
      } catch (error) {
        // Another site may have sent the browser here before the response comes.
        if (guard && record && /** @type {ValetKeyError} */ (error).code === 'network_error')
          this.#storage.keep(received.state, record);
        await quietly(this.#requestSession()); // an earlier session stays
        throw error;
      }
    }
    const session = await this.#requestSession();
    const { restore, issuer = guard, openid = issuer } = this.#options; // `prompt=none` needs OpenID Connect
    if (session) {
      if (!(this.#storage.had() >= 0)) this.#storage.mark(session); // the vault may not have heard of a sign-out yet
    } else if (
      restore === 'silent' &&
      openid &&
      (guard || this.#app.client_id) &&
      !this.#finds &&
      !inWindow &&
      this.#storage.had() === 1
    )
      return this.#restore();
    else quietly(this.#call('prepare')); // so that a later sign-in needs no request before it leaves
    return session;
  }

  /**
   * Restores the session without user interaction: in a hidden frame, or by a redirect of the whole page.
   * @returns {Promise<Session | null>}
   */
  async #restore() {
    const { restore } = await loadTrips();
    // The user did not ask for this redirect, and it may end at a form. So the mark is removed first: it happens only once.
    const navigate = (/** @type {string} */ url) => (this.#storage.mark(null), location.replace(url));
    return pinned(
      (this.#restoring = restore(this.#provider, this.#options.guard, this.#storage, {
        frame: () => this.#signInInWindow({}, undefined, true),
        // The path keeps a response for another client.
        redirect: () => this.#signInByRedirect({ prompt: 'none' }, pathOf(response?.address), navigate, true),
        declined: (reason) => this.#tell('trace', { step: 'restore', outcome: 'declined', reason }),
      })),
    );
  }

  async #requestSession() {
    return this.#setSession(await this.#call('session'));
  }

  /**
   * Signs the user in in a popup, or without one in a hidden frame and without user interaction.
   * @param {object} options @param {Window | null} [popup] open and empty; `null` if the browser blocked it
   * @param {boolean} [restores] whether this is an attempt to restore the session, which the user did not ask for
   */
  async #signInInWindow(options, popup, restores) {
    let state = '';
    try {
      if (popup) popup.opener = null; // the pages that the popup shows get no reference to this page
      const trips = await loadTrips();
      if (popup === null || popup?.closed) trips.blocked(failure);
      if (!restores) await this.#register();
      const request = await this.#request(popup ? options : { ...options, prompt: 'none' }, pathOf(), true, restores);
      state = request.state;
      /** @param {import('./windows.js').GiveUp} giveUp */
      const navigate = (giveUp) => {
        if (!popup) return trips.openFrame(request.url, failure, giveUp);
        const stopWatching = trips.watch(() => popup.closed, failure, giveUp);
        if (!popup.closed) {
          this.#storage.popup(this.#redirectPage().redirectUri, popup, state);
          popup.location.replace(request.url);
        }
        return stopWatching;
      };
      const address = await pinned(responseTo(state, this.#waits, navigate));
      await pinned(this.#complete({ address, state, pending: true }));
      return await this.#sessionAfterSignIn();
    } finally {
      popup?.close();
      if (state) quietly(this.#call('abandon', { state }));
    }
  }

  /**
   * Navigates to the provider.
   * @param {object} options @param {string} returnTo @param {(url: string) => unknown} navigate @param {boolean} [restores]
   * @returns {Promise<never>}
   */
  async #signInByRedirect(options, returnTo, navigate, restores) {
    if (!restores) await this.#register();
    const { url, state, record } = await this.#request(options, returnTo, false, restores);
    this.#storage.keep(state, record);
    await navigate(url); // only a page can navigate
    return new Promise(() => {});
  }

  /**
   * Begins a sign-in in the core, which decides where the browser goes. Not an async function: its promise would be one whose value a
   * script can intercept.
   * @param {object} options @param {string} returnTo @param {boolean} inWindow
   */
  #request(options, returnTo, inWindow, restores = false) {
    return this.#call('begin', {
      ...this.#redirectPage(),
      ...this.#scopes(),
      returnTo,
      options,
      inWindow,
      restores,
    });
  }

  /** Registers the app at the provider, if it has no client ID. Another ID than before needs another client in the vault. */
  async #register() {
    if (this.#isGiven()) return;
    const { scope, registration, clientId: document } = this.#options;
    const { register } = await loadTrips();
    const call = (/** @type {object} */ args) => this.#call('register', args);
    const { redirectUri, namesPage } = this.#redirectPage();
    await pinned(register(this.#storage, { redirectUri, namesPage, scope, registration, document }, call, failure));
    const { client_id: earlier, issuer } = this.#app;
    this.#app = this.#known();
    if (this.#app.client_id === earlier && this.#app.issuer === issuer) return;
    if (earlier) await quietly(this.#call('end', {})); // no page reaches a session of the earlier ID any more
    this.#reopen();
  }

  /** Whether the options give the client ID, those of the guard included. An ID for a server that the API names is found. */
  #isGiven() {
    return !this.#finds && (this.#options.guard ?? this.#options.clientId ?? undefined) !== undefined;
  }

  /** The scope that every sign-in asks for: the app's, or the one that the API asks for. */
  #scope() {
    const scope = this.#options.scope || this.#known().scope || '';
    if (typeof scope !== 'string')
      throw configError('option `scope`: not a string', 'Write its values with spaces between them.');
    return scope;
  }

  #scopes() {
    return { scope: this.#scope(), granted: this.#storage.granted() };
  }

  /** The app at its provider, given or remembered; with a guard, only given. @returns {import('./storage.js').Registered} */
  #known() {
    const { clientId: client_id } = this.#options;
    if (this.#isGiven()) return withoutPrototype({ client_id });
    const known = this.#storage.registered(this.#redirectUri());
    return known.client_id && (known.issuer || !this.#finds) ? known : withoutPrototype();
  }

  /** Ends the connection to the vault. The next call opens another one. */
  #reopen() {
    const error = failure('cancelled', 'user', 'superseded by a new client ID', 'Ignore it: the newer call decides.');
    for (const wait in this.#waits) this.#waits[wait](error);
    const close = this.#close;
    this.#opening = this.#close = undefined;
    close?.(error);
  }

  /** @param {{ address: string, state: string, record?: string, pending: boolean }} response */
  async #complete(response) {
    this.#completing = true;
    this.#hasSignedOut = false;
    try {
      const { returnTo, declined, granted } = await this.#call('complete', {
        ...response,
        shared: this.#redirectPage().shared,
        scope: this.#scope(),
      });
      if (granted !== undefined) this.#storage.granted(granted);
      this.#tell('trace', {
        step: 'callback',
        outcome: declined ? 'declined' : returnTo ? 'completed' : 'ignored',
        reason: declined,
      });
      return returnTo;
    } finally {
      this.#completing = false;
    }
  }

  #redirectUri() {
    return absolute(this.#options.redirectUri);
  }

  /** The redirect page. `shared`: as far as this page can know, responses of another provider come to it, too. */
  #redirectPage() {
    const redirectUri = this.#redirectUri();
    const namesPage = this.#namesPage;
    let shared = this.#storage.awaits(redirectUri, false);
    for (const key in redirectUris) {
      shared ||= !key.startsWith(`${this.#provider} `) && absolute(redirectUris[key]) === redirectUri;
    }
    return { redirectUri, namesPage, shared: shared && namesPage };
  }

  /** @param {1 | 2} [how] see `storage.js` */
  async #sessionAfterSignIn(how) {
    const session = await this.#requestSession();
    if (!this.#hasSignedOut) this.#storage.mark(session, how);
    return session;
  }

  /** Sends a call to the vault and returns the value of the response. @param {string} op @param {object} [args] */
  #call(op, args) {
    return pinned(this.#callUnpinned(op, args));
  }

  /** @param {string} op @param {object} [args] */
  async #callUnpinned(op, args) {
    /** @type {any} */
    let result;
    await pinned(this.#reach((call) => (result = call(op, args))));
    const { value } = await result;
    return value && typeof value === 'object' ? withoutPrototype(value) : value;
  }

  /** Opens the vault on first use, and passes it to a function. @param {(call: import('./port.js').Call) => void} use */
  async #reach(use) {
    const opening = (this.#opening ??= this.#open());
    try {
      await pinned(opening);
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
    if (this.#vault) use(this.#vault);
  }

  /** @returns {Promise<void>} */
  async #open() {
    page();
    // A prerendered page starts nothing before it is shown, since browsers do not start its workers until then.
    if (/** @type {any} */ (document).prerendering)
      await pinned(new Promise((resolve) => listen(document, 'prerenderingchange', resolve)));
    // The named options concern the page or a sign-in. The rest define the client in the vault. The rest has a prototype, which a
    // script can change, so what chooses the vault is read from `#options`, which has none.
    const {
      workerUrl,
      wasmUrl,
      redirectUri,
      exactRedirectUri,
      postLogoutRedirectUri,
      scope,
      registration,
      signIn,
      stepUp,
      ...options
    } = this.#options;
    this.#app = this.#known();
    const { client_id: clientId = options.clientId, issuer: foundIssuer } = this.#app;
    const where = {
      workerUrl,
      wasmUrl,
      tokens: this.#options.tokens,
      lasting: this.#options.restore !== 'none',
      had: this.#had ?? this.#storage.had(),
    };
    if (this.#options.guard)
      await pinned((await loadGuard()).guarded(this.#options, options, where, configError, scriptUrl));
    // The page makes relative addresses absolute: the worker does not know the page's address.
    const api = mapped(options.api, (entry) => ({ ...entry, url: entry.url && absolute(entry.url) }));
    const resource = options.resource && absolute(options.resource);
    const { call, close, opened } = openConnection(
      where,
      // Only a connection has these two: elsewhere, the core says that they are no options.
      { ...(resource ? {} : { exactRedirectUri, signIn }), ...options, clientId, foundIssuer, resource, api },
      async (message) => {
        let { event, session, reason, text } = message;
        if (event === 'trace') return quietly(this.#tellStep(/** @type {string} */ (text)));
        if (event === 'sign') return quietly(sign(message, (response) => call('signed', response)));
        if (event !== 'change') this.#opening = undefined;
        try {
          // The keeper may have given the session to the next vault.
          if (event === 'gone') session = await this.#call('session');
        } catch {}
        // Before the app knows that a sign-in of this page has succeeded: it may reload the page at that moment. The mark stays as
        // it is after other events, which may arrive here after the user has signed out in another tab.
        if (session ? this.#completing : this.#storage.had() === 0)
          this.#storage.mark(/** @type {Session | null} */ (session));
        this.#setSession(/** @type {Session | null} */ (session));
        this.#tell('change', { session: this.#session, reason });
      },
    );
    this.#vault = call;
    this.#close = close;
    /** @type {any} */
    let home;
    try {
      home = await pinned(opened);
    } catch (error) {
      // What this browser remembers of a registration may be anything.
      if (this.#isGiven() || !this.#app.client_id || /** @type {ValetKeyError} */ (error).code !== 'config_error')
        throw error;
      await this.#forgetApp();
      return this.#open();
    }
    this.#had = 1;
    if (this.#tracing) quietly(call('trace')); // before every other call
    this.#tell('trace', { step: 'vault', home });
  }

  /** @param {string} [text] of a step, from the vault; otherwise the page itself has met one */
  async #tellStep(text) {
    const part = await this.#tracing;
    if (part) this.#tell('trace', part.stepFrom(text));
  }

  /** @param {string} type @param {object} details never a secret */
  #tell(type, details) {
    this.dispatchEvent(Object.assign(new Event(type), details));
  }

  /** @template {Session | null} T @param {T} session @returns {T} */
  #setSession(session) {
    return (this.#session = frozen(session && { ...session }));
  }
}

/** The redirect pages of this page's clients; each key begins with the provider. @type {Record<string, string | undefined>} */
const redirectUris = withoutPrototype();

/**
 * The authorization response with which this page was loaded, until the client that waits for it has started.
 * @type {{ state: string, address: string } | undefined}
 */
let response;

/**
 * The part of the package that calls need; a page without a signed-in user does not load it. In bundles by webpack it stays in
 * the main chunk, because webpack's loader of further chunks violates Trusted Types.
 * @type {typeof import('./call.js') | undefined}
 */
let calls;
const loadCalls = async () => (calls ??= await loaded(import(/* webpackMode: "eager" */ './call.js')));
const loadGuard = () => loaded(import(/* webpackMode: "eager" */ './guard.js'));
const loadTrace = () => loaded(import(/* webpackMode: "eager" */ './trace.js'));
const loadTrips = () => loaded(import(/* webpackMode: "eager" */ './trips.js'));

/** Responds to a request of the vault for a signature. @param {object} request @param {(response: object) => Promise<unknown>} answer */
const sign = async (request, answer) => (await loadTrips()).sign(request, answer);

/**
 * Waits for a file of this package that is loaded later. The server may have removed the file by then.
 * @template T @param {Promise<T>} part @returns {Promise<T>}
 */
async function loaded(part) {
  try {
    return await pinned(part);
  } catch (cause) {
    throw failure('network_error', 'browser', 'the package is incomplete', 'Reload the page.', true, cause);
  }
}

/** Waits for a promise and ignores its failure. @param {Promise<unknown>} [promise] */
async function quietly(promise) {
  try {
    await promise;
  } catch {}
}

/** Returns the page's location, or throws on a server and in an insecure context. */
function page() {
  if (!MessageChannel || !window.isSecureContext) {
    throw configError('no secure context', 'Use https or localhost. On a server, call nothing.');
  }
  return location;
}

/** An address of this origin as a path. The prefix keeps a path that begins with two slashes on this origin. */
const pathOf = (address = page().href) => `/.${address.slice(location.origin.length)}`;

/** The page's address as a path, without the authorization response and without the `state` of a sign-out. */
function cleanPath() {
  const { search, pathname, hash } = page();
  const rest = search
    .slice(1)
    .split('&')
    .filter((part) => !RESPONSE.test(part))
    .join('&');
  const path = pathname + (rest && `?${rest}`) + (HAS_RESPONSE.test(hash.slice(1)) ? '' : hash);
  /^/.test(''); // `RegExp.input` keeps the last matched text, which would be the code
  return path;
}

/** @param {string} path may begin with two slashes */
function showPath(path) {
  try {
    history.replaceState(history.state, '', location.origin + path);
  } catch {} // WebKit allows a hundred calls in half a minute; the response is valid even if this fails
}

/**
 * Resolves an address as the browser does. An address that cannot be parsed goes unchanged to the core, whose error names the
 * option.
 * @param {string} [url]
 */
function absolute(url) {
  const { href, origin, pathname } = page();
  try {
    return resolve(url ?? origin + pathname, href);
  } catch {
    return `${url}`;
  }
}

/** Anything but an array goes unchanged to the core, whose error names the option. @template T, U @param {T[]} list @param {(entry: T) => U} change */
function mapped(list, change) {
  /** @type {U[]} */
  const made = [];
  if (!isArray(list)) return /** @type {any} */ (list);
  for (let index = 0; index < list.length; index += 1)
    defineProperty(made, index, withoutPrototype({ value: change(list[index]), enumerable: true }));
  return made;
}

/** @template T @param {T} value @returns {T} */
function frozen(value) {
  if (value && typeof value === 'object') {
    freeze(value);
    for (const name in withoutPrototype(value)) frozen(value[name]);
  }
  return value;
}
