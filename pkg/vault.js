/** Finds and starts the place where tokens live: a worker, or the page itself where the app asked for that. */

import { ValetKeyError, configError, failure } from './errors.js';
import {
  MessageChannel, SharedWorker, Worker, endWorker, listen, own, port1Of, port2Of, portOf, postToPort, postToWorker,
  resolve, scriptUrl, setTimeout, whenFree,
} from './platform.js';
import { VERSION, asking } from './port.js';

/** A vault that does not respond in so many steps of so many milliseconds is not coming, or gone. */
const SILENT = 20;
const STEP = 250;

/** Where the package has its files, as bundlers find them. Worked out now: later, a script may have another `URL`. */
let [workerFile, wasmFile] = ['', ''];
try {
  workerFile = new URL('./wasm/worker.js', import.meta.url).href;
  wasmFile = new URL('./wasm/valet_key.wasm', import.meta.url).href;
} catch {} // a bundle that is no module has no address: its app names `workerUrl`

/** One worker serves all clients that name the same file: of all tabs, where there are shared workers. @type {Record<string, Worker | SharedWorker>} */
const workers = own();

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
 * @returns {{ call: import('./port.js').Call, opened: Promise<'shared' | 'dedicated' | 'page'> }} `call` may be used at once,
 *   and is not the value of a promise: a script could take it there.
 */
export function openVault({ workerUrl, wasmUrl, tokens, lasting }, options, onEvent) {
  const script = resolve(workerUrl ?? workerFile, location.href);
  const wasm = resolve(wasmUrl ?? (workerUrl ? resolve('valet_key.wasm', script) : wasmFile), location.href);
  const key = script + lasting;
  const channel = new MessageChannel();
  const theirs = port2Of(channel);
  /** @type {Worker | SharedWorker | undefined} */
  let worker;
  let over = false;
  /** The calls that wait are told, and the next one starts another worker. @param {Error} error */
  const lost = (error) => {
    if (workers[key] === worker) delete workers[key];
    if (worker && !SharedWorker) endWorker(worker);
    fail(error);
  };
  /** @param {import('./port.js').Event} event */
  const heard = (event) => {
    if (event.event === 'trapped') {
      if (over) return;
      over = true;
      // A trap ends the core's instance, and every session in it.
      lost(failure('unexpected', 'library', 'the vault failed', 'Please report it.'));
    }
    onEvent(event);
  };
  const { call, fail } = asking(port1Of(channel), heard, (plain) => new ValetKeyError(plain));
  const open = async () => {
    let isStarting = true;
    /** @param {unknown} [cause] */
    const notStarted = (cause) => {
      if (!isStarting) return;
      const hint = `Set \`workerUrl\` to worker.js of this origin, beside valet_key.wasm, allowed by \`worker-src\` and COEP: ${script}`;
      lost(configError('the worker does not start', hint, cause));
    };
    const enough = after(notStarted);
    const configured = call('configure', { options, version: VERSION });
    try {
      if (tokens === 'page') (await import(/* @vite-ignore */ /* webpackIgnore: true */ script)).connect(theirs, wasm, true);
      else {
        // `extendedLifetime` keeps the worker over a reload of the only tab, where the engine knows it.
        // Another release is another worker: the two need not understand each other.
        const named = own({ type: 'module', name: `valet-key ${VERSION} ${lasting}`, extendedLifetime: lasting });
        const started = (worker = workers[key] ??= new (SharedWorker ?? Worker)(scriptUrl(script), named));
        listen(started, 'error', notStarted);
        const message = { port: theirs, wasmUrl: wasm };
        if (SharedWorker) postToPort(portOf(started), message, theirs);
        else postToWorker(started, message, theirs);
      }
    } catch (cause) {
      notStarted(cause);
    }
    try {
      // No event says that a worker is gone; but the lock that it holds for its life is then free. Some engines keep the
      // locks of each process apart, so the worker is asked, too.
      const { value: life } = await configured;
      const ask = async () => {
        const enough = after(() => heard({ event: 'trapped', session: null, reason: 'restarted' }));
        try {
          await call('here');
        } catch {} // it is known to be gone
        enough();
      };
      if (worker) whenFree(life, ask);
      // Nor does any engine tell a shared worker that a page is gone.
      listen(window, 'pagehide', ({ persisted }) => persisted || call('leave'));
      return worker ? (SharedWorker ? 'shared' : 'dedicated') : 'page';
    } finally {
      enough();
      isStarting = false;
    }
  };
  return { call, opened: open() };
}

/**
 * Calls when a vault has been silent for long, by a clock that stands still while the page does: a page that was frozen
 * would hear of the end of the time before it hears the vault.
 * @param {() => any} then @returns {() => void} ends it
 */
function after(then) {
  let left = SILENT;
  const step = () => (left ? left-- > 0 && setTimeout(step, STEP) : then());
  step();
  return () => (left = -1);
}
