/** Finds and starts the place where tokens live: a worker, or the page itself where the app asked for that. */

import { ValetKeyError, configError } from './errors.js';
import { asking } from './port.js';

/** Milliseconds after which a vault that does not answer is not coming. */
const START = 5000;

/** One worker serves all clients of the page that name the same file. @type {Map<string, Worker>} */
const workers = new Map();

/**
 * @typedef {object} Place
 * @property {string | URL} [workerUrl]
 * @property {string | URL} [wasmUrl]
 * @property {'worker' | 'page'} [tokens]
 */

/**
 * Opens a vault for one client and hands it the options.
 * @param {Place} place @param {object} options @param {(event: import('./port.js').Event) => void} onEvent
 * @returns {Promise<import('./port.js').Call>}
 */
export async function openVault({ workerUrl, wasmUrl, tokens = 'worker' }, options, onEvent) {
  const script = new URL(workerUrl ?? new URL('./wasm/worker.js', import.meta.url), location.href).href;
  const wasm = new URL(wasmUrl ?? new URL('./wasm/valet_key.wasm', import.meta.url), location.href).href;
  const { port1, port2 } = new MessageChannel();
  const { call, fail } = asking(port1, onEvent, (plain) => new ValetKeyError(plain));
  /** @param {unknown} [cause] */
  const notStarted = (cause) => {
    workers.delete(script);
    const hint = `Check that ${script} is there, of this page's origin, served as JavaScript, and allowed by the page's \`worker-src\`.`;
    fail(configError('the worker does not start', hint, cause));
  };
  const timer = setTimeout(notStarted, START);
  try {
    if (tokens === 'page') (await import(/* @vite-ignore */ /* webpackIgnore: true */ script)).connect(port2, wasm, true);
    else {
      const worker = workerAt(script);
      worker.addEventListener('error', notStarted);
      worker.postMessage({ port: port2, wasmUrl: wasm }, [port2]);
    }
  } catch (cause) {
    queueMicrotask(() => notStarted(cause));
  }
  try {
    await call('configure', { options });
    return (op, args, more) => call(op, args, more);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} script */
function workerAt(script) {
  let worker = workers.get(script);
  if (!worker) {
    // Under Trusted Types a worker wants a checked address: this policy lets through this one and no other.
    const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('valet-key', {
      createScriptURL: (/** @type {string} */ url) => (url === script ? url : ''),
    });
    worker = new Worker(policy ? policy.createScriptURL(script) : script, { type: 'module', name: 'valet-key' });
    workers.set(script, worker);
  }
  return worker;
}

/** Lets go of a worker whose core is gone, so that the next call starts another one. */
export function closeVaults() {
  for (const worker of workers.values()) worker.terminate();
  workers.clear();
}
