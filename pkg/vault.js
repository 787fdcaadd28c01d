/** Finds and starts the place where tokens live: a worker, or the page itself where the app asked for that. */

import { ValetKeyError, configError } from './errors.js';
import { asking } from './port.js';

/** Milliseconds after which a vault that does not answer is not coming. */
const START = 5000;

/** Milliseconds after which a vault that seems gone, and does not answer, is. */
const SILENT = 1000;

/**
 * One worker serves all clients that name the same file: of all tabs, where there are shared workers.
 * @type {Map<string, { start: Worker | SharedWorker, port: Worker | MessagePort }>}
 */
const workers = new Map();

/**
 * @typedef {object} Place
 * @property {string | URL} [workerUrl]
 * @property {string | URL} [wasmUrl]
 * @property {'worker' | 'page'} [tokens]
 * @property {boolean} lasting whether the vault may outlive the last page by a moment, such as a reload
 */

/**
 * Opens a vault for one client and hands it the options.
 * @param {Place} place @param {object} options @param {(event: import('./port.js').Event) => void} onEvent
 * @returns {Promise<{ call: import('./port.js').Call, home: 'shared' | 'dedicated' | 'page' }>}
 */
export async function openVault({ workerUrl, wasmUrl, tokens = 'worker', lasting }, options, onEvent) {
  const script = new URL(workerUrl ?? new URL('./wasm/worker.js', import.meta.url), location.href).href;
  const beside = workerUrl ? new URL('valet_key.wasm', script) : new URL('./wasm/valet_key.wasm', import.meta.url);
  const wasm = new URL(wasmUrl ?? beside, location.href).href;
  const { port1, port2 } = new MessageChannel();
  /** @type {{ start: Worker | SharedWorker, port: Worker | MessagePort } | undefined} */
  let worker;
  /** Whatever waits is told, and the next call starts another worker. @param {Error} error */
  const lost = (error) => {
    for (const [key, value] of workers) if (value === worker) workers.delete(key);
    if (worker?.start instanceof Worker) worker.start.terminate();
    fail(error);
  };
  /** @param {import('./port.js').Event} event */
  const heard = (event) => {
    if (event.event === 'trapped') {
      if (over) return;
      over = true;
      lost(new ValetKeyError(TRAPPED));
    }
    onEvent(event);
  };
  let over = false;
  const { call, fail } = asking(port1, heard, (plain) => new ValetKeyError(plain));
  /** @param {unknown} [cause] */
  const notStarted = (cause) => {
    const hint = `Check that ${script} is there, of this page's origin, served as JavaScript, and allowed by the page's \`worker-src\`.`;
    lost(configError('the worker does not start', hint, cause));
  };
  const timer = setTimeout(notStarted, START);
  const configured = call('configure', { options });
  try {
    if (tokens === 'page') (await import(/* @vite-ignore */ /* webpackIgnore: true */ script)).connect(port2, wasm, true);
    else {
      worker = workerAt(script, lasting);
      worker.start.addEventListener('error', notStarted);
      worker.port.postMessage({ port: port2, wasmUrl: wasm }, [port2]);
    }
  } catch (cause) {
    notStarted(cause);
  }
  try {
    // Nobody says when a worker is gone; but the lock that it holds for its life is then free. Some engines keep the locks
    // of each process apart, so the worker is asked, too.
    const life = await configured;
    const gone = () => heard({ event: 'trapped', session: null, reason: 'restarted' });
    const ask = () => {
      const timer = setTimeout(gone, SILENT);
      return call('here').then(() => clearTimeout(timer), () => {});
    };
    if (worker) navigator.locks?.request(life, ask);
    // Nor does any engine tell a shared worker that a page is gone.
    addEventListener('pagehide', ({ persisted }) => persisted || call('leave'));
    return { call, home: worker ? (worker.start instanceof Worker ? 'dedicated' : 'shared') : 'page' };
  } finally {
    clearTimeout(timer);
    worker?.start.removeEventListener('error', notStarted);
  }
}

/** A trap ends the core's instance, and every session in it. @type {import('./errors.js').Plain} */
const TRAPPED = {
  code: 'unexpected',
  fault: 'library',
  message: 'a fault in the vault, which starts anew',
  hint: 'Sign in again, and please report it.',
  retryable: false,
};

/** Addresses that may become workers where Trusted Types are demanded. @type {Set<string>} */
const scripts = new Set();
/** @type {{ createScriptURL: (url: string) => any } | undefined} */
let policy;

/** @param {string} script @param {boolean} lasting */
function workerAt(script, lasting) {
  const key = script + lasting;
  let worker = workers.get(key);
  if (!worker) {
    scripts.add(script);
    policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy('valet-key', {
      createScriptURL: (/** @type {string} */ url) => (scripts.has(url) ? url : ''),
    });
    const url = policy ? policy.createScriptURL(script) : script;
    // `extendedLifetime` keeps the worker over a reload of the only tab, where the engine knows it.
    // Another release is another worker: the two need not understand each other.
    const options = /** @type {any} */ ({ type: 'module', name: `valet-key 0.1.0 ${lasting}`, extendedLifetime: lasting });
    if (typeof SharedWorker === 'undefined') {
      const start = new Worker(url, options);
      worker = { start, port: start };
    } else {
      const start = new SharedWorker(url, options);
      worker = { start, port: start.port };
    }
    workers.set(key, worker);
  }
  return worker;
}
