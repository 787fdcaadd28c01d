/**
 * The vault: loads the core and serves ports. This file runs as a worker; with `tokens: 'page'`, the page imports it; and as a
 * service worker it is the keeper, see `keeper.js`. The build bundles it into one script without imports and exports,
 * `wasm/worker.js`: not every browser accepts a module as a service worker. It makes a second script, `guard/worker.js`, whose
 * options come from a file beside it and which is also the guard, see `guard.js` and `kind.js`.
 *
 * `src/vault.rs` decides what a port may do. This file has the ports, the streams and the start-up.
 */

import { Body } from './bodies.js';
import { deposit, deposited, prepareKeeper, scopeUrl, takeOver } from './deposits.js';
import { device } from './device.js';
import { forgetWaiting, standGuard } from './guard.js';
import { whenBroken } from './host.js';
import { keepDeposits } from './keeper.js';
import { isGuarded } from './kind.js';
import { openSocket } from './sockets.js';
import { CONNECT, VERSION, servingEnd } from '../port.js';
import {
  adopt,
  fetch as authorized,
  initSync,
  listen,
  guard as tellGuard,
  openingOf,
  perform as tellVault,
  stepUp,
  __wbg_reset_state as startAnew,
} from '../wasm/glue.js';

/** @typedef {import('../errors.js').Plain} Plain */

/** The hash of the WebAssembly module that was built with this file. No other module is run. */
const INTEGRITY = __WASM_INTEGRITY__;

/** The folder of this file, if it has a file of options. */
const folder = __IS_PINNED__ ? new URL('./', location.href).href : '';

/** @type {Promise<unknown> | undefined} */
let loading;
/** Whether the module was started before, and has to be reset after a trap. */
let wasStarted = false;

/** The name of a lock that this worker holds for its lifetime. A page that waits for it notices when the worker is gone. */
const lifetimeLock = `valet-key:${crypto.randomUUID()}`;
/** Resolves when the lock is held: a page that asks earlier would be granted it at once. @type {Promise<void> | undefined} */
let lockHeld;

/** The ports by the number under which the core knows them. @type {Map<number, MessagePort>} */
const ports = new Map();
/** The open sockets of pages, with the number of their port. @type {Map<import('./sockets.js').Opened, number>} */
const sockets = new Map();
/** Whose session the last change was about, by port; `undefined` for none. @type {Map<number, string | undefined>} */
const users = new Map();
let lastPort = 0;

/**
 * The channel on which the vaults of the origin tell each other whose session has ended and who has signed in. Pages can send
 * on this channel, too, so its messages can only end sessions and pending sign-ins.
 * @type {BroadcastChannel | undefined}
 */
let vaults;

/**
 * What an earlier vault has deposited. It is taken over only once, even if the module cannot be loaded at first.
 * @type {ReturnType<typeof takeOver> | undefined}
 */
let takingOver;
/** News that came before the core could hear them; `undefined` when it can. @type {unknown[] | undefined} */
let earlyNews = [];

/**
 * Serves one client of one page.
 * @param {MessagePort} port @param {string} wasmUrl @param {boolean} inPage whether this file runs in the page
 */
function connect(port, wasmUrl, inPage) {
  const number = ++lastPort;
  ports.set(number, port);
  /** Bodies of long responses, by the number of the call. @type {Map<number, Body>} */
  const bodies = new Map();

  /** @param {string} op @param {Record<string, unknown>} [args] */
  const core = (op, args) => perform({ ...args, op, port: number });

  /**
   * An operation that is passed on to the core.
   * @param {string} op @param {Record<string, string>} [takes]
   * @param {(text: string) => unknown} [read] reads the text that the core returns
   */
  const forwarded = (op, takes = {}, read = parsed) => ({
    takes,
    run: async (/** @type {Record<string, unknown>} */ args) => {
      if (keeps && (op === 'complete' || op === 'beginDevice')) prepareKeeper();
      const more = __IS_PINNED__ ? await beforeCore(op, args) : {};
      const value = read(await core(op, { ...args, ...more }));
      if (keeps && op === 'complete' && ((__IS_PINNED__ && isGuarded) || leaves(args.address, value)))
        await deposited();
      return { value };
    },
  });

  servingEnd(
    port,
    {
      configure: {
        takes: { options: 'object', version: 'string?', had: 'number?' },
        run: async ({ options, version, had }) => {
          if ((version ?? VERSION) !== VERSION)
            throw errorText(
              'config_error',
              `worker.js is of version ${VERSION}, the page's part of ${version}`,
              'Copy worker.js and valet_key.wasm again, and let no cache keep older ones.',
            );
          const isReady = Boolean(loading);
          await (loading ??= load(wasmUrl, had >= 0).catch(notLoaded));
          // This worker may be older than the file that the site has now.
          if (__IS_PINNED__ && isReady && ports.size === 1) await readOptions().then(pin, () => {}); // or offline
          await lockHeld;
          await core('configure', { options: JSON.stringify(options), had });
          return { value: lifetimeLock };
        },
      },
      ping: { takes: {}, run: async () => ({}) },
      trace: forwarded('trace'),
      prepare: forwarded('prepare'),
      begin: forwarded('begin', {
        redirectUri: 'string',
        namesPage: 'boolean?',
        scope: 'string',
        returnTo: 'string',
        options: 'object',
        inWindow: 'boolean',
        shared: 'boolean',
        restores: 'boolean?',
        granted: 'string?',
      }),
      abandon: forwarded('abandon', { state: 'string' }),
      beginDevice: forwarded('beginDevice', { scope: 'string', options: 'object', granted: 'string?' }),
      pollDevice: forwarded('pollDevice', { number: 'number' }),
      abandonDevice: forwarded('abandonDevice', { number: 'number' }),
      complete: forwarded('complete', {
        address: 'string',
        state: 'string',
        record: 'string?',
        pending: 'boolean',
        shared: 'boolean',
        scope: 'string?',
      }),
      session: forwarded('session', {}, (text) => {
        const session = parsed(text);
        watchExpiry(number, session);
        return session;
      }),
      refresh: forwarded('refresh'),
      userinfo: forwarded('userinfo', { sub: 'string?' }),
      end: forwarded('end', { returnTo: 'string?' }, (url) => url),
      signInMachine: forwarded('signInMachine', { scope: 'string', options: 'object' }),
      publicKey: forwarded('publicKey'),
      register: forwarded(
        'register',
        {
          redirectUri: 'string',
          namesPage: 'boolean?',
          scope: 'string',
          registration: 'object?',
          document: 'string?',
          known: 'string?',
          unreturned: 'boolean',
        },
        (text) => text,
      ),
      signed: {
        takes: { of: 'string', text: 'string' },
        run: async ({ of, text }) => ({ value: owed.get(of)?.(number, text) }),
      },
      frontChannel: forwarded('frontChannel', { query: 'string' }),
      fetch: {
        takes: { url: 'string', init: 'object', once: 'boolean' },
        run: async ({ id, url, init: given, once }, signal) => {
          if (__IS_PINNED__) await beforeCore('fetch', {});
          const make = () => new Request(url, { ...given, redirect: 'error', duplex: 'half', signal });
          const response = await authorized(number, make(), once ? undefined : make);
          const { status, statusText, headers, type } = response;
          // Whatever `body` is in this engine, the constructor of `Response` accepts none for these.
          const body = response.body && ![204, 205, 304].includes(status) ? new Body(response.body) : null;
          const content = body && (await body.whole());
          if (body && content === undefined && !signal.aborted) bodies.set(id, body);
          const asked = stepUp(status, headers.get('www-authenticate') ?? '');
          const init = { status, statusText, headers: [...headers] };
          const value = { id, content, url: response.url, type, init, stepUp: asked && JSON.parse(asked) };
          return { value, transfer: content ? [content.buffer] : [] };
        },
      },
      read: {
        takes: { of: 'number' },
        run: async ({ of }) => {
          const brokeOff = () => {
            bodies.delete(of);
            throw errorText('network_error', 'the response broke off', 'Try again.', 'browser');
          };
          const { value } = (await bodies.get(of)?.read().catch(brokeOff)) ?? {};
          if (!value) bodies.delete(of);
          return { value, transfer: value ? [value.buffer] : [] };
        },
      },
      cancel: {
        takes: { of: 'number' },
        run: async ({ of }) => ({ value: bodies.get(of)?.cancel() && bodies.delete(of) }),
      },
      socket: {
        takes: { url: 'string', protocols: 'object' },
        run: async ({ url, protocols }) => {
          if (__IS_PINNED__) await beforeCore('fetch', {});
          const opening = JSON.parse(await openingOf(number, url));
          // Meanwhile the page may have left, or the session may have ended.
          const isOver = !ports.has(number) || (users.has(number) && users.get(number) !== opening.sub);
          try {
            if (isOver) throw undefined;
            const socket = openSocket(url, protocols, opening, () => sockets.delete(socket));
            sockets.set(socket, number);
            return { value: { port: socket.port }, transfer: [socket.port] };
          } catch {
            throw isOver
              ? errorText('cancelled', 'the session has ended', 'Ignore it.', 'user')
              : errorText('request_blocked', 'the browser refuses the socket', 'Check its URL and its subprotocols.');
          }
        },
      },
      leave: {
        takes: {},
        run: async () => {
          ports.delete(number);
          users.delete(number);
          endSockets(number);
          bodies.forEach((body) => body.cancel());
          await core('leave');
          port.close(); // a port is never used for another client
          return {};
        },
      },
      accessToken: {
        takes: { url: 'string?' },
        run: inPage ? async ({ url }) => ({ value: await core('accessToken', { url }) }) : noTokens,
      },
    },
    toPlain,
  );
}

/**
 * Whether a sign-in ends on another page than the one that its response came to. The app may reload the page then, for the document of its address.
 * @param {unknown} address of the response @param {any} completed
 */
function leaves(address, completed) {
  const { href, pathname } = new URL(/** @type {string} */ (address), location.href);
  return Boolean(completed?.returnTo) && new URL(completed.returnTo, href).pathname !== pathname;
}

/** The hand-over that this worker is taking from the guard. @type {Promise<unknown> | undefined} */
let taking;

/**
 * Other operations wait for a hand-over, as the core lets them wait for a sign-in that is being completed.
 * @param {string} op @param {Record<string, unknown>} args @returns {Promise<object>} further arguments
 */
async function beforeCore(op, args) {
  if (!isGuarded) return {};
  if (op === 'complete') {
    taking = takeFromGuard(args.state, args.address);
    return { handover: await taking };
  }
  await taking?.catch(() => {});
  return {};
}

/**
 * What the guard has for a sign-in. The guard controls this worker, and recognizes it by the request.
 * @param {unknown} flow @param {unknown} came `#-` if the guard has sent the browser back to the page
 */
async function takeFromGuard(flow, came) {
  const body = /** @type {string} */ (flow);
  const response = await fetch(`${folder}guard/take`, { method: 'POST', body }).catch(() => {
    throw endedGuard();
  });
  const answer = response.ok ? await response.json().catch(() => {}) : undefined;
  if (!answer)
    throw errorText('config_error', 'no guard serves this worker', 'Close all tabs of this site, and open it again.');
  if (answer.failure) throw answer.failure;
  if (answer.lost && came === '#-') throw endedGuard();
  return answer.handover;
}

const endedGuard = () => errorText('network_error', 'the browser ended the guard', 'Sign in again.', 'browser');

/** Refuses to run where another file than the one beside this script would be read. */
function checkPlace() {
  if (!isWorker)
    throw errorText(
      'config_error',
      'option `tokens`: `page`, with the worker.js of `valet-key copy --options`',
      'Remove `tokens`, or copy worker.js without `--options`.',
    );
  // A host may serve this script at other addresses, too, such as one with an encoded slash, beside a file of somebody else. A guard
  // gives nothing to such a worker.
  if (!isGuarded && !location.pathname.endsWith('/worker.js'))
    throw errorText('config_error', 'worker.js has another address', 'Serve it as it was copied: `/…/worker.js`.');
}

/** Reads the options of the only client from the file beside this one, which no page can change. */
async function readOptions() {
  const response = await fetch(`${folder}options.json`, { cache: 'no-cache' }).catch(() => undefined);
  if (!response?.ok)
    throw errorText('config_error', 'options.json cannot be read', `Put it beside worker.js: ${folder}options.json`);
  let text = await response.text();
  try {
    const { api, ...options } = JSON.parse(text);
    const entries = api?.map((/** @type {any} */ entry) => (typeof entry === 'string' ? { url: entry } : entry));
    const absolute = entries?.map((/** @type {any} */ { url, ...entry }) => ({
      url: new URL(url, folder).href,
      ...entry,
    }));
    text = JSON.stringify({ ...options, api: absolute });
  } catch {} // the core says what is wrong
  return text;
}

/** @param {string | undefined} options of the only client */
async function pin(options) {
  const text = await perform({ op: 'pin', options, folder: isGuarded ? folder : undefined });
  if (!earlyNews && keeps) deposit(text);
}

/** The longest delay of a timer, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** @returns {Promise<{ value?: unknown }>} */
async function noTokens() {
  throw errorText(
    'config_error',
    'option `tokens`: a worker gives out no token',
    "Use `client.fetch`, or set `tokens: 'page'` in `createClient`.",
  );
}

/**
 * Sends a message to the core; `src/vault/messages.rs` handles each `op`.
 * @param {Record<string, unknown> & { op: string }} message @returns {Promise<string>}
 */
const perform = async (message) => tellVault(JSON.stringify(message));

/** @param {string} url @param {boolean} had whether an earlier vault may have deposited a session, as the page thinks */
async function load(url, had) {
  if (__IS_PINNED__) checkPlace();
  const news = (vaults ??= new BroadcastChannel('valet-key'));
  const hear = async (/** @type {unknown} */ data) => {
    try {
      const endsSignIns = await perform({ ...readNews(data), op: 'heard' });
      if (__IS_PINNED__ && endsSignIns === 'true') forgetWaiting();
    } catch {}
  };
  news.onmessage = ({ data }) => void (earlyNews ? earlyNews.push(data) : hear(data));
  if (keeps) takingOver ??= takeOver(had);
  const options = __IS_PINNED__ ? readOptions() : undefined;
  options?.catch(() => {}); // awaited below
  if (wasStarted) startAnew();
  else {
    // A page that named the address could send a text there, past every policy of the page.
    const address = __IS_PINNED__ ? `${folder}valet_key.wasm` : url;
    const response = await fetch(address, { integrity: INTEGRITY });
    // Streaming compilation needs the right media type.
    const isWasm = response.headers.get('content-type') === 'application/wasm';
    const module = await (isWasm
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()));
    initSync({ module });
    wasStarted = true;
  }
  listen(
    changed,
    (/** @type {string} */ text) => news.postMessage(text),
    keeps ? deposit : () => {},
    sign,
    device,
    told,
  );
  if (__IS_PINNED__) await pin(await options);
  const earlier = await takingOver;
  takingOver = undefined;
  if (earlier?.deposit) {
    await adopt(earlier.keys ?? []);
    deposit(await perform({ op: 'recall', deposit: earlier.deposit }), earlier.keys);
  }
  for (const data of [...(earlier?.news ?? []), ...(earlyNews ?? [])]) await hear(data);
  earlyNews = undefined;
}

/** @param {number} port @param {string} text */
function changed(port, text) {
  const change = JSON.parse(text);
  ports.get(port)?.postMessage({ event: 'change', ...change });
  watchExpiry(port, change.session);
  users.set(port, change.session?.sub);
  // Without OpenID Connect, nothing says whether the user is the same one after another sign-in.
  const { sub } = change.session ?? {};
  endSockets(port, sub || (change.reason === 'renewed' ? sub : undefined));
}

/** A step of a client, for a page that listens. @param {number} port @param {string} text */
const told = (port, text) => ports.get(port)?.postMessage({ event: 'trace', text });

/** Ends the sockets of a port, except for those of this user. @param {number} port @param {string} [sub] */
function endSockets(port, sub) {
  for (const [socket, of] of sockets) if (of === port && socket.sub !== sub) socket.end('the session has ended');
}

/** Receive the signatures that pages have not sent yet, by a random name. @type {Map<string, (port: number, text: string) => void>} */
const owed = new Map();

/** Milliseconds within which a page has to respond. */
const PATIENCE = 10_000;

/**
 * Asks the pages of a client for its key, see `keys.js`. The first response counts.
 * @param {number[]} of their ports @param {string} name of the key @param {string} data @param {boolean} creates
 * @returns {Promise<string>}
 */
function sign(of, name, data, creates) {
  const request = crypto.randomUUID();
  const response = new Promise((resolve) => {
    owed.set(request, (port, text) => void (of.includes(port) && resolve(text)));
    setTimeout(() => resolve('{}'), PATIENCE);
    for (const port of of) ports.get(port)?.postMessage({ event: 'sign', of: request, name, data, creates });
  });
  return response.finally(() => owed.delete(request));
}

/**
 * A session without a refresh token ends with its access token. The core notices when it is asked for the session.
 * @param {number} port @param {{ expiresAt?: number } | null} session
 */
function watchExpiry(port, session) {
  const { expiresAt } = session ?? {};
  if (expiresAt)
    setTimeout(
      () => perform({ op: 'session', port }).catch(() => {}),
      Math.min(expiresAt - Date.now() + 1000, LONGEST),
    );
}

/** @param {unknown} data from another vault, or anything that a page sent */
function readNews(data) {
  try {
    return JSON.parse(/** @type {string} */ (data));
  } catch {
    return {};
  }
}

/** @param {string} json */
const parsed = (json) => (json ? JSON.parse(json) : null);

/** @param {Plain['code']} code @param {string} message @param {string} hint @returns {string} as the core throws errors */
const errorText = (code, message, hint, fault = code === 'unexpected' ? 'library' : 'app') =>
  JSON.stringify({ code, fault, message, hint, retryable: fault === 'browser' });

/**
 * The core throws texts. Any other error is a fault of this library; its message may contain a secret and is not passed on.
 * @param {unknown} error @returns {Plain}
 */
function toPlain(error) {
  if (typeof error === 'string') return JSON.parse(error);
  if (error instanceof WebAssembly.RuntimeError) trapped();
  return JSON.parse(errorText('unexpected', 'a fault in the vault', 'Please report it.'));
}

/** @param {unknown} error */
function notLoaded(error) {
  loading = undefined;
  if (typeof error === 'string') throw error;
  throw error instanceof WebAssembly.CompileError
    ? errorText(
        'config_error',
        'the browser does not compile WebAssembly here',
        "The Content-Security-Policy of worker.js needs `script-src 'wasm-unsafe-eval'`.",
      )
    : errorText(
        'config_error',
        'valet_key.wasm cannot be loaded',
        __IS_PINNED__
          ? `Copy it again together with worker.js: ${folder}valet_key.wasm`
          : 'Serve it at `wasmUrl`, of the same version, and allow it in `connect-src` of the Content-Security-Policy of worker.js.',
      );
}

/**
 * Sends a message to the core of the guard, which has one client.
 * @param {object} message @returns {Promise<string>}
 */
async function inGuard(message) {
  loading ??= load(`${folder}valet_key.wasm`, false)
    .then(() => perform({ op: 'configure', port: 1, options: JSON.stringify({ guard: folder }) }))
    .catch(notLoaded);
  await loading;
  return new Promise((resolve, reject) => {
    unanswered.add(reject);
    const answer = tellGuard(JSON.stringify({ ...message, port: 1 }));
    answer.then(resolve, reject).finally(() => unanswered.delete(reject));
  });
}

/** The messages to the guard's core that a trap would leave without an answer. @type {Set<(reason: string) => void>} */
const unanswered = new Set();

/** Handles a trap, which ends the instance and its sessions: tells the pages, which start a new worker or reset the core. */
const trapped = whenBroken(() => {
  const error = JSON.parse(errorText('unexpected', 'the vault failed', 'Please report it.'));
  for (const port of ports.values()) port.postMessage({ event: 'trapped', session: null, reason: 'restarted', error });
  for (const port of sockets.values()) endSockets(port);
  ports.clear();
  vaults?.close();
  vaults = undefined;
  loading = undefined;
  if (keeps) deposit('');
  if (__IS_PINNED__) for (const end of unanswered) end('a trap');
  if (isWorker) scope.close?.();
});

const scope = /** @type {any} */ (globalThis);
const isWorker = scope.WorkerGlobalScope && scope instanceof scope.WorkerGlobalScope;
/** Whether the sessions may outlive this worker. The page says so in the worker's name, which no message can change. */
const keeps = 'onconnect' in scope && scope.name.endsWith(' true');
if (isWorker && 'clients' in scope) {
  const { registration } = scope;
  if (__IS_PINNED__ && isGuarded && registration.scope === folder) standGuard(folder, inGuard);
  else if (!(__IS_PINNED__ && isGuarded) && registration.scope === scopeUrl()) keepDeposits();
  else registration.unregister(); // a script chose another scope, perhaps to keep requests from the guard
} else if (isWorker) {
  const { locks } = navigator;
  lockHeld =
    locks &&
    new Promise(
      (resolve) => void locks.request(lifetimeLock, () => (resolve(), new Promise(() => {}))).catch(() => resolve()),
    );
  const listener = (/** @type {MessageEvent} */ { data }) => {
    if (data?.port instanceof MessagePort) connect(data.port, data.wasmUrl, false);
  };
  scope.onmessage = listener;
  scope.onconnect = (/** @type {MessageEvent} */ event) => (event.ports[0].onmessage = listener);
} else scope[CONNECT] = connect;
