/**
 * The vault: loads the core and answers ports. The same file runs as a worker and, where tokens may be in the page,
 * imported by the page. It is shipped as one file without imports, `wasm/worker.js`.
 */

import { Core, initSync } from './wasm/valet_key.js';
import { answering } from './port.js';

/** @typedef {import('./errors.js').Plain} Plain */

/** The hash of the module that this file was built with: another one is not run. */
const INTEGRITY = __WASM_INTEGRITY__;

/** @type {Promise<unknown> | undefined} */
let loading;

/**
 * A client of this origin, and the tabs that use it.
 * @typedef {{ core: Core, options: string, ports: Set<MessagePort>, heard?: () => void }} Vault
 */
/** By issuer and client id. @type {Map<string, Vault>} */
const vaults = new Map();

/** @type {Set<MessagePort>} */
const ports = new Set();

/**
 * Answers one client.
 * @param {MessagePort} port @param {string} wasmUrl @param {boolean} inPage whether the page may have tokens
 */
export function connect(port, wasmUrl, inPage) {
  ports.add(port);
  /** @type {Vault | undefined} */
  let vault;

  const core = () => {
    if (!vault) throw plain('unexpected', 'a call before `configure`', 'Please report it.');
    return vault.core;
  };
  /** Tells every tab before the call is answered, so that `client.session` is right when a promise resolves. */
  const publish = () => {
    const reason = core().takeChange();
    if (reason) for (const tab of vault?.ports ?? []) tab.postMessage({ event: 'change', session: view(), reason });
  };
  const view = () => parsed(core().session());
  /** @param {Promise<any>} result @returns {Promise<any>} */
  const settle = (result) => result.finally(publish);

  answering(
    port,
    {
      configure: {
        takes: { options: 'object' },
        run: async ({ options }) => {
          const text = JSON.stringify(options);
          await (loading ??= load(wasmUrl).catch(notLoaded));
          const name = `${options.issuer ?? options.server?.authorization_endpoint} ${options.clientId}`;
          let found = vaults.get(name);
          // A page of a newer release may come with other options; the session of the older one ends with its last tab.
          if (!found || (found.options !== text && !(await isUsed(found)))) {
            found = { core: new Core(text), options: text, ports: new Set() };
          }
          // The first one is final: nobody widens the list of APIs of a session that somebody uses.
          if (found.options !== text || (vault && vault !== found)) {
            throw plain('config_error', 'another tab gives this client other options', 'Give it the same ones, or close that tab.');
          }
          vaults.set(name, (vault = found));
          vault.ports.add(port);
          return {};
        },
      },
      here: { takes: {}, run: async () => ({ value: vault?.heard?.() }) },
      prepare: { takes: {}, run: async () => ({ value: await core().prepare() }) },
      begin: {
        takes: { redirectUri: 'string', scope: 'string', returnTo: 'string', options: 'object' },
        run: async ({ redirectUri, scope, returnTo, options }) => ({
          value: parsed(await core().begin(redirectUri, scope, returnTo, JSON.stringify(paramsOf(options)))),
        }),
      },
      complete: {
        takes: { query: 'string', record: 'string?', pending: 'boolean' },
        run: async ({ query, record, pending }) => {
          const value = parsed(await settle(core().complete(query, record, pending)));
          return { value };
        },
      },
      session: { takes: {}, run: async () => ({ value: view() }) },
      refresh: {
        takes: {},
        run: async () => {
          await settle(core().refresh());
          return { value: view() };
        },
      },
      userinfo: { takes: { sub: 'string?' }, run: async ({ sub }) => ({ value: parsed(await settle(core().userinfo(sub))) }) },
      end: {
        takes: { returnTo: 'string?' },
        run: async ({ returnTo }) => {
          const ended = core().end(returnTo);
          setTimeout(publish); // the session is over at once, however long the provider takes to revoke it
          return { value: await settle(ended) };
        },
      },
      frontChannel: {
        takes: { query: 'string' },
        run: async ({ query }) => {
          const value = core().isNamedBy(query);
          if (value) await settle(core().end());
          return { value };
        },
      },
      fetch: {
        takes: { url: 'string', init: 'object' },
        run: async ({ url, init }, signal) => {
          const request = new Request(url, { ...init, redirect: 'error', signal });
          const response = await settle(core().fetch(request));
          const { status, statusText, headers } = response;
          const body = await bodyOf(response);
          return { value: { url: response.url, body, init: { status, statusText, headers: [...headers] } }, transfer: body ? [body] : [] };
        },
      },
      ...(inPage && {
        accessToken: { takes: {}, run: async () => ({ value: await settle(core().accessToken()) }) },
      }),
    },
    toPlain,
  );
}

/**
 * A long answer, or one whose length nobody says, goes to the page as it comes; a short one is faster in one piece.
 * @param {Response} response @returns {Promise<ReadableStream | ArrayBuffer | null>}
 */
async function bodyOf(response) {
  if ([204, 205, 304].includes(response.status)) return null; // whatever the engine says
  if (STREAMS && !(Number(response.headers.get('content-length') ?? Infinity) <= PIECE)) return response.body;
  return response.arrayBuffer();
}

/** Octets up to which an answer goes in one piece. */
const PIECE = 65536;

/** Whether this engine passes streams to another thread. */
const STREAMS = (() => {
  try {
    const stream = new ReadableStream();
    return structuredClone(stream, { transfer: [stream] }) && true;
  } catch {
    return false;
  }
})();

/** @param {string} url */
const load = async (url) => initSync({ module: await WebAssembly.compileStreaming(fetch(url, { integrity: INTEGRITY })) });

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
const plain = (code, message, hint) =>
  JSON.stringify({ code, fault: code === 'unexpected' ? 'library' : 'app', message, hint, retryable: false });

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
    : plain('config_error', 'valet_key.wasm cannot be loaded', 'It must lie where `wasmUrl` says, be of the same version, and be allowed by `connect-src`.');
}

/** A trap ends the instance and with it every session: the page starts another worker. */
function trapped() {
  for (const port of ports) port.postMessage({ event: 'trapped', session: null, reason: 'restarted' });
  ports.clear();
  vaults.clear();
  if (isWorker) scope.close();
}

const scope = /** @type {any} */ (globalThis);
const isWorker = scope.WorkerGlobalScope && scope instanceof scope.WorkerGlobalScope;
if (isWorker) {
  const onmessage = (/** @type {MessageEvent} */ { data }) => {
    if (data?.port instanceof MessagePort) connect(data.port, data.wasmUrl, false);
  };
  scope.onmessage = onmessage;
  scope.onconnect = (/** @type {MessageEvent} */ event) => (event.ports[0].onmessage = onmessage);
  for (const type of ['error', 'unhandledrejection']) {
    scope.addEventListener(type, (/** @type {any} */ event) => {
      if ((event.error ?? event.reason) instanceof WebAssembly.RuntimeError) trapped();
    });
  }
}
