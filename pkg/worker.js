/**
 * The vault: loads the core and answers ports. The same file runs as a worker and, where tokens may be in the page,
 * imported by the page. It is shipped as one file without imports, `wasm/worker.js`.
 */

import { ask, run, start } from './core.js';
import { answering } from './port.js';

/** @typedef {import('./errors.js').Plain} Plain */

/** The hash of the module that this file was built with: another one is not run. */
const INTEGRITY = __WASM_INTEGRITY__;

/** @type {Promise<unknown> | undefined} */
let loading;

/** The name of a lock that is held as long as this runs: who waits for it learns when it is gone. */
const life = `valet-key:${crypto.randomUUID()}`;
/** Whoever asked for the lock before it is held would have it at once, and learn nothing. @type {Promise<void> | undefined} */
let held;

/**
 * A client of this origin, and the tabs that use it. `records`: sign-ins in windows, which never leave it, by `state`. `client`: the core's number for it.
 * `answered`: states that came back, since a tab can be duplicated with its storage. `completing`: ends with the sign-in
 * that is being completed.
 * @typedef {{ client: number, options: string, ports: Set<MessagePort>, records: Map<string, string>, answered: Set<string>, completing?: Promise<void>, heard?: () => void }} Vault
 */
/** By issuer and client id. @type {Map<string, Vault>} */
const vaults = new Map();

/** @type {Set<MessagePort>} */
const ports = new Set();

/** The APIs of a page's clients, by issuer and client id. @typedef {Map<string, string[]>} Clients */
/** Of the one page there is, where the vault is not shared. @type {Clients} */
const own = new Map();

/**
 * Answers one client.
 * @param {MessagePort} port @param {string} wasmUrl @param {boolean} inPage whether the page may have tokens
 * @param {Clients} clients of the same page
 */
export function connect(port, wasmUrl, inPage, clients = own) {
  ports.add(port);
  /** @type {Vault | undefined} */
  let vault;
  /** What is left of long answers, by the call. @type {Map<number, ReadableStreamDefaultReader<Uint8Array>>} */
  const bodies = new Map();

  const mine = () => {
    if (!vault) throw plain('unexpected', 'a call before `configure`', 'Please report it.');
    return vault;
  };
  /** @param {string} op @param {Record<string, unknown>} [args] @param {Request[]} [requests] */
  const core = (op, args, requests) => run(op, { ...args, client: mine().client }, requests);
  /** @type {typeof core} */
  const settled = (...operation) => core(...operation).finally(publish);
  /** @param {string} op @param {Record<string, unknown>} [args] */
  const known = (op, args) => ask(op, { ...args, client: mine().client });
  /** Tells every tab before the call is answered, so that `client.session` is right when a promise resolves. */
  const publish = () => {
    const reason = known('takeChange');
    if (reason) for (const tab of vault?.ports ?? []) tab.postMessage({ event: 'change', session: view(), reason });
  };
  const view = () => parsed(known('session'));

  answering(
    port,
    {
      configure: {
        takes: { options: 'object' },
        run: async ({ options }) => {
          const text = JSON.stringify(options);
          await (loading ??= load(wasmUrl).catch(notLoaded));
          await held;
          const name = `${options.issuer ?? options.server?.authorization_endpoint} ${options.clientId}`;
          let found = vaults.get(name);
          // A page of a newer release may come with other options; the session of the older one ends with its last tab.
          if (!found || (found.options !== text && !(await isUsed(found)))) {
            const client = Number(ask('open', { options: text })); // at once: another tab may be about to do the same
            if (found) ask('close', { client: found.client });
            found = { client, options: text, ports: new Set(), records: new Map(), answered: new Set() };
          }
          // The first one is final: nobody widens the list of APIs of a session that somebody uses.
          if (found.options !== text || (vault && vault !== found)) {
            throw plain('config_error', 'another tab gives this client other options', 'Give it the same ones, or close that tab.');
          }
          const list = options.api.map((/** @type {any} */ entry) => entry.url ?? entry);
          for (const [other, api] of clients) {
            const meets = (/** @type {string} */ one) => api.some((two) => one.startsWith(two) || two.startsWith(one));
            if (other !== name && list.some(meets)) {
              throw plain('config_error', 'two clients of a page list the same API', 'List it with one.');
            }
          }
          clients.set(name, list);
          vaults.set(name, (vault = found));
          vault.ports.add(port);
          return { value: life };
        },
      },
      here: { takes: {}, run: async () => ({ value: vault?.heard?.() }) },
      prepare: { takes: {}, run: async () => ({ value: await core('prepare') }) },
      begin: {
        takes: { redirectUri: 'string', scope: 'string', returnTo: 'string', options: 'object', inWindow: 'boolean', alone: 'boolean' },
        run: async ({ redirectUri, scope, returnTo, options, inWindow, alone }) => {
          const { url, state, record } = parsed(await core('begin', { redirectUri, scope, returnTo, params: paramsOf(options), inWindow, alone }));
          if (!inWindow) return { value: { url, state, record } };
          mine().records.set(state, record);
          return { value: { url, state } };
        },
      },
      abandon: { takes: { state: 'string' }, run: async ({ state }) => ({ value: mine().records.delete(state) }) },
      complete: {
        takes: { address: 'string', alone: 'boolean', state: 'string', record: 'string?', pending: 'boolean' },
        run: async ({ address, alone, state, record = mine().records.get(state), pending }) => {
          const { records, answered } = mine();
          records.delete(state);
          if (answered.has(state)) return { value: {} };
          if (record) answered.add(state);
          const outcome = settled('complete', { address, record, pending, alone });
          waitFor(outcome, mine());
          return { value: parsed(await outcome) };
        },
      },
      session: { takes: {}, run: async () => ({ value: view() }) },
      refresh: {
        takes: {},
        run: async () => {
          await settled('refresh');
          return { value: view() };
        },
      },
      userinfo: { takes: { sub: 'string?' }, run: async ({ sub }) => ({ value: parsed(await settled('userinfo', { sub })) }) },
      end: {
        takes: { returnTo: 'string?' },
        run: async ({ returnTo }) => {
          mine().records.clear();
          const ended = settled('end', { returnTo });
          setTimeout(publish); // the session is over at once, however long the provider takes to revoke it
          return { value: await ended };
        },
      },
      frontChannel: {
        takes: { query: 'string' },
        run: async ({ query }) => {
          const value = !!known('isNamedBy', { query });
          if (value) await settled('end');
          return { value };
        },
      },
      fetch: {
        takes: { url: 'string', init: 'object', once: 'boolean' },
        run: async ({ id, url, init, once }, signal) => {
          const { completing } = mine();
          if (completing && known('isWarm', { url })) ahead(url, init.credentials);
          await completing;
          const make = () => new Request(url, { ...init, redirect: 'error', duplex: 'half', signal });
          const requests = once ? [make()] : [make(), make()];
          const [{ headers: own, url: canonical }] = requests;
          const credentials = own.has('authorization') || own.has('dpop');
          const response = await settled('fetch', { url: canonical, credentials, once }, requests);
          const { status, statusText, headers, type } = response;
          const content = await contentOf(response);
          if (content === undefined) bodies.set(id, response.body.getReader());
          const value = { id, content, url: response.url, type, init: { status, statusText, headers: [...headers] } };
          return { value, transfer: content ? [content] : [] };
        },
      },
      read: {
        takes: { of: 'number' },
        run: async ({ of }) => {
          const brokeOff = () => {
            bodies.delete(of);
            throw plain('network_error', 'the answer broke off', 'Try again.', 'browser');
          };
          const { value } = (await bodies.get(of)?.read().catch(brokeOff)) ?? {};
          if (!value) bodies.delete(of);
          return { value, transfer: value ? [value.buffer] : [] };
        },
      },
      leave: {
        takes: {},
        run: async () => {
          vault?.ports.delete(port);
          return { value: bodies.forEach((body) => body.cancel()) };
        },
      },
      cancel: { takes: { of: 'number' }, run: async ({ of }) => ({ value: bodies.get(of)?.cancel() && bodies.delete(of) }) },
      ...(inPage && {
        accessToken: {
          takes: {},
          run: async () => {
            await mine().completing;
            return { value: await settled('accessToken') };
          },
        },
      }),
    },
    toPlain,
  );
}

/** Calls wait for a sign-in that is being completed. @param {Promise<unknown>} outcome @param {Vault} vault */
function waitFor(outcome, vault) {
  const completing = Promise.allSettled([outcome, vault.completing]).then(() => {
    if (vault.completing === completing) vault.completing = undefined;
  });
  vault.completing = completing;
}

/**
 * Asks an API ahead of the token, so that its CORS preflight is over when the token comes. It refuses the question, and
 * nobody waits for that.
 * @param {string} url @param {RequestCredentials} credentials
 */
const ahead = (url, credentials) =>
  void fetch(url, { method: 'HEAD', headers: { authorization: 'Bearer ahead' }, credentials, redirect: 'error' }).catch(() => {});

/**
 * The octets of a short answer, which is faster in one piece; `undefined` for a long one, or one whose length nobody says:
 * the page asks for it piece by piece.
 * @param {Response} response @returns {Promise<ArrayBuffer | null | undefined>}
 */
async function contentOf(response) {
  if (!response.body || [204, 205, 304].includes(response.status)) return null; // whatever the engine says
  if (Number(response.headers.get('content-length') ?? Infinity) <= PIECE) return response.arrayBuffer();
}

/** Octets up to which an answer goes in one piece. */
const PIECE = 65536;

/** @param {string} url */
const load = async (url) => start(await WebAssembly.compileStreaming(fetch(url, { integrity: INTEGRITY })), toPlain);

/** Whether any tab is left: no engine says so of its own accord. @param {Vault} vault @returns {Promise<boolean>} */
const isUsed = (vault) =>
  new Promise((resolve) => {
    vault.heard = () => resolve(true);
    setTimeout(resolve, 300, false);
    for (const port of vault.ports) port.postMessage({ event: 'there' });
  });

/** What has an option of its own, in our spelling. */
const OPTIONS = /^(acrValues|claims|claimsLocales|display|loginHint|maxAge|prompt|uiLocales)$/;

/**
 * The options of a sign-in in their registered spelling: `loginHint` is `login_hint`, a list has spaces between.
 * @param {Record<string, any>} options
 */
function paramsOf({ params, ...options }) {
  const all = { ...params };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const registered = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (!OPTIONS.test(name) || Object.hasOwn(all, registered)) {
      throw plain('config_error', `option \`${name}\`: unknown, or in \`params\` as well`, 'index.d.ts lists the options.');
    }
    all[registered] = Array.isArray(value) ? value.join(' ') : typeof value === 'object' ? JSON.stringify(value) : `${value}`;
  }
  return all;
}

/** @param {string | undefined} json */
const parsed = (json) => (json ? JSON.parse(json) : null);

/** @param {Plain['code']} code @param {string} message @param {string} hint @returns {string} as the core throws it */
const plain = (code, message, hint, fault = code === 'unexpected' ? 'library' : 'app') =>
  JSON.stringify({ code, fault, message, hint, retryable: fault === 'browser' });

/** The core throws texts; anything else is a fault of ours, and its words may hold more than they should. */
/** @param {unknown} error @returns {Plain} */
function toPlain(error) {
  if (typeof error === 'string') return JSON.parse(error);
  if (error instanceof WebAssembly.RuntimeError) trapped();
  return JSON.parse(plain('unexpected', 'a fault in the vault', 'Please report it.'));
}

/** @param {unknown} error */
function notLoaded(error) {
  loading = undefined;
  throw error instanceof WebAssembly.CompileError
    ? plain('config_error', 'the browser does not compile WebAssembly here', "The Content-Security-Policy of worker.js needs `script-src 'wasm-unsafe-eval'`.")
    : plain('config_error', 'valet_key.wasm cannot be loaded', 'It must lie where `wasmUrl` says, be `application/wasm`, of the same version, and allowed by `connect-src`.');
}

/** A trap ends the instance and with it every session: the page starts another worker. */
function trapped() {
  for (const port of ports) port.postMessage({ event: 'trapped', session: null, reason: 'restarted' });
  ports.clear();
  vaults.clear();
  loading = undefined;
  if (isWorker) scope.close();
}

const scope = /** @type {any} */ (globalThis);
const isWorker = scope.WorkerGlobalScope && scope instanceof scope.WorkerGlobalScope;
if (isWorker) {
  const { locks } = navigator;
  held = locks && new Promise((resolve) => void locks.request(life, () => (resolve(), new Promise(() => {}))).catch(() => resolve()));
  const listener = (/** @type {Clients} */ clients) => (/** @type {MessageEvent} */ { data }) => {
    if (data?.port instanceof MessagePort) connect(data.port, data.wasmUrl, false, clients);
  };
  scope.onmessage = listener(own);
  scope.onconnect = (/** @type {MessageEvent} */ event) => (event.ports[0].onmessage = listener(new Map()));
  for (const type of ['error', 'unhandledrejection']) {
    scope.addEventListener(type, (/** @type {any} */ event) => {
      if ((event.error ?? event.reason) instanceof WebAssembly.RuntimeError) trapped();
    });
  }
}
